#include "provisioned_file.h"

#include <algorithm>
#include <array>

namespace anchord::service {
namespace {

constexpr std::size_t kMacDigits = 12;
constexpr std::string_view kConfiguration = ".cnf.xml.sgn";
constexpr std::string_view kPlainConfiguration = ".cnf.xml";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool starts_with(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() && std::ranges::equal(text.substr(0, lower_case.size()), lower_case,
                                                                [](char a, char b) { return lower(a) == b; });
}

bool is_hex(char c) {
  c = lower(c);
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// What find() forgives too.
std::string_view bare(std::string_view asked) {
  if (asked.ends_with('\0')) asked.remove_suffix(1);
  if (asked.starts_with('/')) asked.remove_prefix(1);
  return asked;
}

}  // namespace

std::string_view device_in(std::string_view file) {
  file = bare(file);
  if (starts_with(file, "itl") || starts_with(file, "ctl")) file.remove_prefix(3);
  constexpr std::size_t kSize = 3 + kMacDigits;
  if (!starts_with(file, "sep") || file.size() < kSize) return {};
  if (!std::ranges::all_of(file.substr(3, kMacDigits), is_hex)) return {};
  if (file.size() > kSize && file[kSize] != '.') return {};
  return file.substr(0, kSize);
}

bool is_recorded(std::string_view device, std::string_view served) {
  return !device.empty() || starts_with(served, "itlfile.tlv") || starts_with(served, "ctlfile.tlv") ||
         starts_with(served, "xmldefault.cnf.xml");
}

// Of a phone with a certificate only the signed one is there, of a cluster that is
// rolling back only the plain one.
bool is_known_device(const index::FileTable& files, std::string_view device) {
  std::array<char, 64> name;
  if (device.size() + kConfiguration.size() > name.size()) return false;
  std::size_t size = device.copy(name.data(), device.size());
  kConfiguration.copy(name.data() + size, kConfiguration.size());
  return files.find({name.data(), size + kConfiguration.size()}) != nullptr ||
         files.find({name.data(), size + kPlainConfiguration.size()}) != nullptr;
}

const index::FileEntry* find_file(const index::FileTable& files, std::string_view asked) {
  if (const index::FileEntry* own = files.find(asked)) return own;
  std::string_view name = bare(asked);
  std::string_view device = device_in(name);
  // "SEP<mac>.tlv" itself is no list.
  if (device.empty() || name.data() == device.data() ||
      !starts_with(name.substr(3 + device.size()), ".tlv") || name.size() != 3 + device.size() + 4) {
    return nullptr;
  }
  return files.find(starts_with(name, "itl") ? "ITLFile.tlv" : "CTLFile.tlv");
}

}  // namespace anchord::service
