#include <fmt/format.h>

#include "phone_models.h"
#include "set.h"

namespace anchord::ctl {
namespace {

using By = Step::By;

// Who does not check what it is served does not care how it is signed. What nobody knows of a
// model could keep its phones from all that they boot with.
bool may_know_sha1_only(std::string_view model) {
  const PhoneModel* found = find_phone_model(model);
  return found == nullptr || (found->sha512 != "yes" && found->security_by_default != "no");
}

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
                                         may_know_sha1_only, request);
              },
          .steps = digest_steps};
}

}  // namespace anchord::ctl
