#include "provisioned_file.h"

#include <algorithm>
#include <array>

#include "anchord/base/ascii.h"
#include "anchord/wire/file_name.h"

namespace anchord::service {
namespace {

constexpr std::size_t kMacDigits = 12;
constexpr std::string_view kConfiguration = ".cnf.xml.sgn";
constexpr std::string_view kPlainConfiguration = ".cnf.xml";

// What find() forgives too.
std::string_view bare(std::string_view asked) {
  if (asked.ends_with('\0')) asked.remove_suffix(1);
  if (asked.starts_with('/')) asked.remove_prefix(1);
  return asked;
}

}  // namespace

std::string_view name_meant(const index::FileTable& files, std::string_view asked,
                            std::span<char, index::kMaxFileName> room) {
  if (asked.ends_with('\0')) asked.remove_suffix(1);
  const std::string_view path = asked.substr(0, asked.find('?'));
  if (path.size() < asked.size()) {
    auto whole = wire::plain_file_name(asked, room);
    if (whole && files.find(*whole) != nullptr) return *whole;
  }
  return wire::plain_file_name(path, room).value_or(std::string_view());
}

std::string_view device_in(std::string_view file) {
  file = bare(file);
  if (starts_ignoring_case(file, "itl") || starts_ignoring_case(file, "ctl")) file.remove_prefix(3);
  constexpr std::size_t kSize = 3 + kMacDigits;
  if (!starts_ignoring_case(file, "sep") || file.size() < kSize) return {};
  if (!std::ranges::all_of(file.substr(3, kMacDigits), [](char c) { return hex_value(c) >= 0; })) return {};
  if (file.size() > kSize && file[kSize] != '.') return {};
  return file.substr(0, kSize);
}

bool is_recorded(std::string_view device, std::string_view served) {
  return !device.empty() || starts_ignoring_case(served, "itlfile.tlv") ||
         starts_ignoring_case(served, "ctlfile.tlv") || starts_ignoring_case(served, "xmldefault.cnf.xml");
}

bool is_own_file(std::string_view asked) {
  std::string_view name = bare(asked);
  std::string_view device = device_in(name);
  if (device.empty()) return false;
  std::string_view rest = name.substr(static_cast<std::size_t>(device.data() - name.data()) + device.size());
  if (device.data() != name.data()) return same_ignoring_case(rest, ".tlv");
  return starts_ignoring_case(rest, kPlainConfiguration) &&
         (rest.size() == kPlainConfiguration.size() || rest[kPlainConfiguration.size()] == '.');
}

bool is_own_list(std::string_view asked) {
  std::string_view name = bare(asked);
  std::string_view device = device_in(name);
  return !device.empty() && device.data() != name.data() &&
         same_ignoring_case(name.substr(3 + device.size()), ".tlv");
}

bool is_list(std::string_view name) {
  return same_ignoring_case(name, "ITLFile.tlv") || same_ignoring_case(name, "CTLFile.tlv") ||
         is_own_list(name);
}

Download not_there(std::string_view asked, const io::Host& from, Protocol protocol, Millis now) {
  Download out{.from = from, .protocol = protocol, .end = DownloadEnd::not_there, .began = now, .ended = now};
  out.device.set(device_in(asked));
  out.file.set(bare(asked));
  return out;
}

// A phone with a certificate has only the signed configuration, and in a cluster that is rolling back there
// is only the plain one.
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
  // "SEP<mac>.tlv" itself is no list.
  if (!is_own_list(asked)) return nullptr;
  return files.find(starts_ignoring_case(bare(asked), "itl") ? "ITLFile.tlv" : "CTLFile.tlv");
}

}  // namespace anchord::service
