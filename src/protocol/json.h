// Structs to JSON and back, by their Fields. A value of another type than its field's, one out of its
// range and one that is missing are Errors that name the field; fields that nobody knows are passed over.
#pragma once

#include <fmt/core.h>

#include <concepts>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "anchord/base/error.h"
#include "fields.h"

namespace anchord::protocol {

using Json = nlohmann::json;

template <class T>
concept Structure = requires { Fields<T>::kAll; };

template <class T>
  requires std::integral<T> || std::same_as<T, std::string>
Json to_json(const T& value) {
  return value;
}

template <class T>
  requires std::is_enum_v<T>
Json to_json(T value) {
  return Names<T>::kAll.at(static_cast<std::size_t>(value));
}

template <Structure T>
Json to_json(const T& value);

template <class T>
Json to_json(const std::optional<T>& value) {
  return value ? to_json(*value) : Json();
}

template <class T>
Json to_json(const std::vector<T>& values) {
  Json out = Json::array();
  for (const T& value : values) out.push_back(to_json(value));
  return out;
}

template <class T>
Json to_json(const std::map<std::string, T>& values) {
  Json out = Json::object();
  for (const auto& [name, value] : values) out[name] = to_json(value);
  return out;
}

template <Structure T>
Json to_json(const T& value) {
  Json out = Json::object();
  auto put = [&](const auto& field) { out[field.name] = to_json(value.*field.member); };
  std::apply([&](const auto&... field) { (put(field), ...); }, Fields<T>::kAll);
  return out;
}

// Of one document. The first thing that is wrong ends it.
class Reader {
 public:
  template <class T>
  bool read(const Json& json, T& out);

  // "'snapshot.version' is missing"
  const std::string& problem() const { return problem_; }

 private:
  bool wrong(std::string_view how) {
    problem_ = path_.empty() ? fmt::format("its body {}", how) : fmt::format("'{}' {}", path_, how);
    return false;
  }

  // With that name at the end of the path.
  template <class T>
  bool read_at(const std::string& name, const Json& json, T& out) {
    const std::size_t before = path_.size();
    path_ += (path_.empty() ? "" : ".") + name;
    if (!read(json, out)) return false;
    path_.resize(before);
    return true;
  }

  bool read_value(const Json& json, bool& out) {
    if (!json.is_boolean()) return wrong("is neither true nor false");
    out = json.get<bool>();
    return true;
  }
  bool read_value(const Json& json, std::string& out) {
    if (!json.is_string()) return wrong("is no text");
    out = json.get<std::string>();
    return true;
  }
  template <std::unsigned_integral T>
  bool read_value(const Json& json, T& out) {
    if (!json.is_number_unsigned() || json.get<std::uint64_t>() > std::numeric_limits<T>::max())
      return wrong(fmt::format("is no number from 0 to {}", std::numeric_limits<T>::max()));
    out = static_cast<T>(json.get<std::uint64_t>());
    return true;
  }
  bool read_value(const Json& json, std::int64_t& out) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    if (!json.is_number_integer() || (json.is_number_unsigned() && json.get<std::uint64_t>() > kMost))
      return wrong("is no whole number of 64 bits");
    out = json.get<std::int64_t>();
    return true;
  }
  template <class T>
    requires std::is_enum_v<T>
  bool read_value(const Json& json, T& out) {
    for (std::size_t i = 0; json.is_string() && i < Names<T>::kAll.size(); ++i) {
      if (json.get_ref<const std::string&>() != Names<T>::kAll.at(i)) continue;
      out = static_cast<T>(i);
      return true;
    }
    return wrong("is none of its values");
  }
  template <class T>
  bool read_value(const Json& json, std::optional<T>& out) {
    if (json.is_null()) {
      out.reset();
      return true;
    }
    return read(json, out.emplace());
  }
  template <class T>
  bool read_value(const Json& json, std::vector<T>& out) {
    if (!json.is_array()) return wrong("is no array");
    for (const Json& element : json)
      if (!read(element, out.emplace_back())) return false;
    return true;
  }
  template <class T>
  bool read_value(const Json& json, std::map<std::string, T>& out) {
    if (!json.is_object()) return wrong("is no object");
    for (const auto& [name, value] : json.items())
      if (!read(value, out[name])) return false;
    return true;
  }
  template <Structure T>
  bool read_value(const Json& json, T& out) {
    if (!json.is_object()) return wrong("is no object");
    auto take = [&](const auto& field) {
      const auto found = json.find(field.name);
      if (found != json.end()) return read_at(field.name, *found, out.*field.member);
      path_ += (path_.empty() ? "" : ".") + std::string(field.name);
      return wrong("is missing");
    };
    return std::apply([&](const auto&... field) { return (take(field) && ...); }, Fields<T>::kAll);
  }

  std::string path_;  // of what is read: names of fields alone, none that a peer has chosen
  std::string problem_;
};

template <class T>
bool Reader::read(const Json& json, T& out) {
  return read_value(json, out);
}

}  // namespace anchord::protocol
