// `init --adopt`: the options that say which keys a new cluster takes over.
#pragma once

#include <string>
#include <vector>

#include "anchord/store/init.h"
#include "anchord/store/store.h"
#include "commands/option.h"

namespace anchord::ctl {

struct AdoptOptions {
  bool adopt = false;
  // Each FILE (PEM, certificate and private key) or FILE,KEYFILE.
  std::vector<std::string> sast;
  std::vector<std::string> tvs;
  std::string capf;
  std::string itl;
};

// A certificate and its key, from FILE (PEM, both) or FILE,KEYFILE. Errors name the file.
Result<trust::Identity> read_identity(const std::string& text);

Options adopt_options(AdoptOptions& options);

// wrong_usage() when the options do not go together; errors name the file.
Result<store::Adopted> read_adopted(const AdoptOptions& options);

}  // namespace anchord::ctl
