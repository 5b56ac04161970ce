#include "downloads/provisioned_file.h"

#include <algorithm>
#include <array>

#include "anchord/phone/file_kind.h"
#include "anchord/wire/file_name.h"

namespace anchord::service {
namespace {

using phone::FileKind;

// What find() forgives too.
std::string_view bare(std::string_view asked) {
  if (asked.ends_with('\0')) asked.remove_suffix(1);
  if (asked.starts_with('/')) asked.remove_prefix(1);
  return asked;
}

bool is_own_list(const phone::FileName& name) {
  return (name.kind == FileKind::own_itl || name.kind == FileKind::own_ctl) && name.rest.empty();
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

std::string_view device_in(std::string_view asked) {
  return phone::device_in_file_name(bare(asked));
}

bool is_recorded(std::string_view device, std::string_view served) {
  if (!device.empty()) return true;
  const phone::FileName name = phone::parse_file_name(served);
  return name.kind != FileKind::other && name.device.empty();
}

bool is_own_file(std::string_view asked) {
  const phone::FileName name = phone::parse_file_name(bare(asked));
  return name.kind == FileKind::configuration || is_own_list(name);
}

bool is_own_list(std::string_view asked) {
  return is_own_list(phone::parse_file_name(bare(asked)));
}

bool is_list(std::string_view served) {
  const phone::FileName name = phone::parse_file_name(bare(served));
  return is_own_list(name) ||
         ((name.kind == FileKind::itl || name.kind == FileKind::ctl) && name.rest.empty());
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
  std::array<char, 64> room;
  return std::ranges::any_of(phone::kConfigurationForms, [&](phone::FileForm form) {
    return files.find(phone::file_name_in(room, FileKind::configuration, device, form)) != nullptr;
  });
}

const index::FileEntry* find_file(const index::FileTable& files, std::string_view asked) {
  if (const index::FileEntry* own = files.find(asked)) return own;
  const phone::FileName name = phone::parse_file_name(bare(asked));
  if (!is_own_list(name)) return nullptr;
  return files.find(name.kind == FileKind::own_itl ? phone::kItlFileName : phone::kCtlFileName);
}

}  // namespace anchord::service
