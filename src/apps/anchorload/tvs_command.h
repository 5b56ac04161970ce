// anchorload tvs: its flags.
#pragma once

#include <string>
#include <vector>

#include "command.h"

namespace anchord::load {

struct TvsFlags : Flags {
  std::vector<std::string> certs;
  std::string cert_dir;
  std::string mode = "connect";
  unsigned depth = 16;
  double timeout = 5;
  std::string expect;
  std::string tls_version;
  std::string ciphers;
  std::string tls_cert;
};

int run_tvs(TvsFlags& t);

}  // namespace anchord::load
