#include "phone_models.h"

#include <algorithm>

#include "anchord/base/ascii.h"

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

const PhoneModel* find_phone_model(std::string_view text) {
  std::string name = upper_case(text);
  if (name.starts_with("CP-")) name.erase(0, 3);
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
