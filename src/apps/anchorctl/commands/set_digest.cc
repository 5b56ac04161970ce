#include <fmt/core.h>

#include "commands/phone_models.h"
#include "commands/set.h"

namespace anchord::ctl {
namespace {

using By = Step::By;

std::string digest_consequence(const std::string& value) {
  return value == "sha512" ? "Phones whose firmware knows SHA-1 only take no list and no file from then on."
                           : "All lists and files are signed with SHA-1, which is weak.";
}

std::vector<Step> digest_steps(const trust::Cluster& after) {
  std::vector<Step> steps{{By::command,
                           fmt::format("set the file signature algorithm to {}",
                                       after.signing.digest == wire::Digest::sha1 ? "SHA-1" : "SHA-512"),
                           ""},
                          {By::service, "restart the TFTP service",
                           "not needed: lists and files are signed anew and swapped in"}};
  add_other_hosts(steps, after);
  steps.push_back(reset_phones(after));
  return steps;
}

}  // namespace

Setting digest_setting() {
  return {.name = "digest",
          .values = {"sha1", "sha512"},
          .help = "Digest with which lists and files are signed",
          .value =
              [](const trust::Cluster& cluster) {
                return std::string(wire::digest_name(cluster.signing.digest));
              },
          .consequence = digest_consequence,
          .change =
              [](store::Store& store, const std::string& value, const store::ChangeRequest& request) {
                return store::set_digest(store, value == "sha1" ? wire::Digest::sha1 : wire::Digest::sha512,
                                         takes_sha512, request);
              },
          .steps = digest_steps};
}

}  // namespace anchord::ctl
