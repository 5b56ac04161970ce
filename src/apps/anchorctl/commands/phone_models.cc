#include "commands/phone_models.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "anchord/base/ascii.h"
#include "anchord/phone/device_name.h"

// From data/phone-models.json, checked when it was compiled in.
extern const char anchord_phone_models[];

namespace anchord::ctl {
namespace {

struct Data {
  std::vector<PhoneModel> models;
  Json sources;
};

Data read_data() {
  Json all = Json::parse(anchord_phone_models);
  Data data{{}, all["sources"]};
  for (const Json& model : all["models"]) {
    data.models.push_back({.model = model["model"],
                           .security_by_default = model["security_by_default"],
                           .encrypted_configuration = model["encrypted_configuration"],
                           .https_provisioning = model["https_provisioning"],
                           .sha512 = model["sha512"],
                           .source = model["source"],
                           .note = model.value("note", "")});
  }
  return data;
}

const Data& data() {
  static const Data kData = read_data();
  return kData;
}

// Letters to change, leave out, add, or swap with their neighbours to make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> of(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      std::size_t& here = of[i][j] = std::max(i, j);
      if (i == 0 || j == 0) continue;
      here =
          std::min({of[i - 1][j] + 1, of[i][j - 1] + 1, of[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        here = std::min(here, of[i - 2][j - 2] + 1);
    }
  }
  return of[a.size()][b.size()];
}

// "8861" of "CP-8861" and of what the vendor's programs call it, "Cisco IP Phone 8861".
std::string plain_name(std::string_view text) {
  std::string name = upper_case(text);
  for (std::string_view word : {"CISCO ", "UNIFIED ", "IP ", "PHONE "})
    if (name.starts_with(word)) name.erase(0, word.size());
  if (name.starts_with("ATA ")) name.erase(3, 1);
  return std::string(phone::bare_model(name));
}

// The nearest few, nearest first.
std::vector<std::string> near_models(std::string_view text) {
  constexpr std::size_t kNear = 2;
  constexpr std::size_t kNamed = 3;
  constexpr std::size_t kLongest = 16;  // no model's name is longer
  const std::string name = plain_name(text).substr(0, kLongest);
  // Of those that are as near, of the same series first.
  std::vector<std::tuple<std::size_t, bool, std::string>> near;
  for (const PhoneModel& model : phone_models())
    if (std::size_t apart = distance(name, model.model); apart <= kNear)
      near.emplace_back(apart, !model.model.starts_with(name.substr(0, 2)), model.model);
  std::ranges::sort(near);
  std::vector<std::string> out;
  for (const auto& one : near)
    if (out.size() < kNamed) out.push_back(std::get<std::string>(one));
  return out;
}

const PhoneModel* find_exactly(std::string_view model) {
  auto at = std::ranges::find(phone_models(), model, &PhoneModel::model);
  return at == phone_models().end() ? nullptr : &*at;
}

}  // namespace

const std::vector<PhoneModel>& phone_models() {
  return data().models;
}

const Json& phone_model_sources() {
  return data().sources;
}

store::TakesSha512 takes_sha512(std::string_view model) {
  using enum store::TakesSha512;
  const PhoneModel* found = find_phone_model(model);
  if (found == nullptr) return unknown;
  if (found->sha512 == "yes" || found->security_by_default == "no") return yes;
  return found->sha512 == "no" ? no : unknown;
}

std::string unknown_model_warning(std::string_view model) {
  if (find_phone_model(model) != nullptr) return {};
  const std::vector<std::string> near = near_models(model);
  return fmt::format(
      "nothing is known of a model '{}'{}: such phones count as those that know SHA-1 only; see "
      "'anchorctl report features'",
      model, near.empty() ? "" : " (near it are " + joined(near, ", ") + ")");
}

const PhoneModel* find_phone_model(std::string_view text) {
  const std::string name = plain_name(text);
  // The longest name that the text begins with, so that "7941G-GE" is not a "7941", but a
  // digit more makes it another model.
  for (std::size_t length = name.size(); length > 0; --length) {
    const bool cuts_number = length < name.size() && is_digit(name[length]);
    if (cuts_number) continue;
    if (const PhoneModel* found = find_exactly(std::string_view(name).substr(0, length))) return found;
  }
  return nullptr;
}

}  // namespace anchord::ctl
