#include "anchord/phone/file_kind.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "anchord/base/ascii.h"
#include "anchord/phone/device_name.h"

namespace anchord::phone {
namespace {

constexpr std::array<std::string_view, kFileForms.size()> kEndings{"", ".sgn", ".sha512", ".enc.sgn"};
constexpr std::string_view kXml = ".xml";

const FileKindRow& row_of(FileKind kind) {
  assert(kind != FileKind::other);
  return kFileKinds[static_cast<std::size_t>(kind)];
}

std::string_view last_part(std::string_view name) {
  return name.substr(name.rfind('/') + 1);
}

bool take_front(std::string_view& text, std::string_view front) {
  if (!starts_ignoring_case(text, front)) return false;
  text.remove_prefix(front.size());
  return true;
}

constexpr FileKind own_kind(ListKind kind) {
  return kind == ListKind::itl ? FileKind::own_itl : FileKind::own_ctl;
}

}  // namespace

std::string_view ending_of(FileForm form) {
  return kEndings[static_cast<std::size_t>(form)];
}

std::string with_ending(std::string_view plain, FileForm form) {
  return std::string(plain).append(ending_of(form));
}

FileForm form_of(std::string_view name) {
  // The encrypted ones' ending has that of the signed ones at its end.
  for (FileForm form : {FileForm::enc_sgn, FileForm::sgn, FileForm::sha512})
    if (ends_ignoring_case(name, ending_of(form))) return form;
  return FileForm::plain;
}

std::string_view plain_name(std::string_view name) {
  return name.substr(0, name.size() - ending_of(form_of(name)).size());
}

std::string file_name(FileKind kind, std::string_view device, FileForm form) {
  const FileKindRow& row = row_of(kind);
  std::string name(row.before);
  return name.append(device).append(row.after).append(ending_of(form));
}

std::string_view file_name_in(std::span<char> room, FileKind kind, std::string_view device, FileForm form) {
  const FileKindRow& row = row_of(kind);
  std::size_t size = 0;
  for (std::string_view part : {row.before, device, row.after, ending_of(form)}) {
    if (part.size() > room.size() - size) return {};
    size += part.copy(room.data() + size, part.size());
  }
  return {room.data(), size};
}

FileName parse_file_name(std::string_view name) {
  for (const FileKindRow& row : kFileKinds) {
    std::string_view rest = name;
    if (!take_front(rest, row.before)) continue;
    const std::string_view device = row.of_device ? device_at_front(rest) : std::string_view();
    if (row.of_device && device.empty()) continue;
    rest.remove_prefix(device.size());
    if (take_front(rest, row.after) && (rest.empty() || rest.front() == '.')) return {row.kind, device, rest};
  }
  return {};
}

std::string_view device_in_file_name(std::string_view name) {
  for (ListKind kind : {ListKind::itl, ListKind::ctl})
    if (take_front(name, list_prefix(kind))) break;
  const std::string_view device = device_at_front(name);
  const std::string_view rest = name.substr(device.size());
  return rest.empty() || rest.front() == '.' ? device : std::string_view();
}

std::string_view list_prefix(ListKind kind) {
  return row_of(own_kind(kind)).before;
}

std::optional<ListName> list_name(std::string_view name) {
  const FileName parsed = parse_file_name(name);
  if (!parsed.rest.empty()) return std::nullopt;
  switch (parsed.kind) {
    case FileKind::itl:
      return ListName{.kind = ListKind::itl};
    case FileKind::ctl:
      return ListName{.kind = ListKind::ctl};
    case FileKind::own_itl:
      return ListName{.device = upper_case(parsed.device), .kind = ListKind::itl};
    case FileKind::own_ctl:
      return ListName{.device = upper_case(parsed.device), .kind = ListKind::ctl};
    case FileKind::configuration:
    case FileKind::default_configuration:
    case FileKind::other:
      break;
  }
  return std::nullopt;
}

std::optional<ListName> own_list_name(std::string_view name) {
  auto list = list_name(name);
  return list && !list->device.empty() ? list : std::nullopt;
}

std::string own_list_file(const ListName& name) {
  return file_name(own_kind(name.kind), name.device);
}

std::optional<std::string> configured_device(std::string_view name) {
  const FileName parsed = parse_file_name(last_part(name));
  if (parsed.kind != FileKind::configuration || !parsed.rest.empty()) return std::nullopt;
  return upper_case(parsed.device);
}

bool is_default_configuration(std::string_view name) {
  const FileName parsed = parse_file_name(last_part(name));
  return parsed.kind == FileKind::default_configuration && parsed.rest.empty();
}

bool is_configuration_name(std::string_view name) {
  return ends_ignoring_case(name, row_of(FileKind::configuration).after);
}

bool is_xml_name(std::string_view name) {
  return ends_ignoring_case(name, kXml);
}

}  // namespace anchord::phone
