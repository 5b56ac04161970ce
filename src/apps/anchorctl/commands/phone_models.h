// What the project knows of phone models: data/phone-models.json, which is compiled in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/store/lifecycle.h"
#include "render/output.h"

namespace anchord::ctl {

struct PhoneModel {
  std::string model;                // "8861", "7941G-GE"
  std::string security_by_default;  // "yes", "no", "unknown"
  std::string encrypted_configuration;
  std::string https_provisioning;
  std::string sha512;  // whether it takes signatures with SHA-512; where it does not check any: "no"
  std::vector<std::string> source;  // names in phone_model_sources()
  std::string note;                 // may be empty
};

const std::vector<PhoneModel>& phone_models();  // by model
const Json& phone_model_sources();              // name to text

// Of "8861", or whatever somebody calls it: who checks no signatures takes any. What the data does not say
// is unknown.
store::TakesSha512 takes_sha512(std::string_view model);

// What to say to who names a model that the data does not know, with those that are spelt nearly so. Empty:
// it does.
std::string unknown_model_warning(std::string_view model);

// The entry of "8861", "CP-8861", "8861-K9", "7941G"; nullptr for none.
const PhoneModel* find_phone_model(std::string_view text);

}  // namespace anchord::ctl
