// What a trust list holds, for output.
#pragma once

#include "anchord/wire/trust_list.h"
#include "output.h"

namespace anchord::ctl {

Json header_json(const wire::Header& header);
void print_header(const wire::Header& header, std::size_t file_size);

Json trust_list_json(const wire::TrustList& list, Bytes file);
void print_trust_list(const wire::TrustList& list, Bytes file);

}  // namespace anchord::ctl
