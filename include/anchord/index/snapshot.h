// Everything that requests are answered from, at one moment. Never changes.
#pragma once

#include <cstdint>

#include "anchord/index/certificate_index.h"
#include "anchord/index/file_table.h"

namespace anchord::index {

struct Snapshot {
  std::uint64_t version = 0;  // counts the publications of one process, from 1
  CertificateIndex certificates;
  FileTable files;
};

}  // namespace anchord::index
