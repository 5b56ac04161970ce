// Options of the commands that make hosts.
#pragma once

#include <string>

#include "anchord/crypto/private_key.h"
#include "anchord/trust/cluster.h"
#include "commands/option.h"

namespace anchord::ctl {

// NAME or NAME=ADDRESS[,ADDRESS]; anything else is wrong_usage() of `option`.
trust::Host host_from_text(const std::string& option, const std::string& text);

// The kind of keys that are made; `help` says of which, and what holds without it.
template <class Target>
Option key_option(Target& target, std::string help) {
  return choice_option<crypto::KeyKind>({.name = "--key", .help = std::move(help)}, target,
                                        {{"rsa2048", crypto::KeyKind::rsa2048},
                                         {"rsa4096", crypto::KeyKind::rsa4096},
                                         {"p256", crypto::KeyKind::p256}});
}

}  // namespace anchord::ctl
