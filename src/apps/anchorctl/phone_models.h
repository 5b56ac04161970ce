// What the project knows of phone models: data/phone-models.json, which is compiled in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "output.h"

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

// The entry of "8861", "CP-8861", "8861-K9", "7941G"; nullptr for none.
const PhoneModel* find_phone_model(std::string_view text);

}  // namespace anchord::ctl
