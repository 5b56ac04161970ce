#include "backup/archive.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "anchord/base/reader.h"
#include "anchord/base/writer.h"

namespace anchord::store {
namespace {

constexpr std::size_t kMaxComponent = 255;
constexpr unsigned kModeBits = 0777;
constexpr UnixSeconds kMaxTime = UnixSeconds{1} << 36;  // beyond the year 4000

void write_u64(Writer& writer, std::uint64_t value) {
  writer.u32(static_cast<std::uint32_t>(value >> 32));
  writer.u32(static_cast<std::uint32_t>(value));
}

std::uint64_t read_u64(Reader& reader, const char* item) {
  std::uint64_t high = reader.u32(item);
  return high << 32 | reader.u32(item);
}

bool is_component(std::string_view part) {
  return !part.empty() && part.size() <= kMaxComponent && part != "." && part != ".." &&
         part.find('\0') == part.npos;
}

// Beside the database: what programs leave there while they run is not settings.
bool is_settings(std::string_view name) {
  return name.front() != '.' && !name.starts_with("anchord.db") && !name.ends_with(".sock") &&
         !name.ends_with(".lock") && !name.ends_with("~");
}

bool is_tree(std::string_view name) {
  return name == "provisioning" || name == "devices" || name == "last-good";
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(fmt::format("the backup is not as Anchord makes it ({}): use another one", what));
}

}  // namespace

bool belongs_in_backup(EntryKind kind, std::string_view path) {
  if (path.size() > kMaxEntryPath) return false;
  std::size_t depth = 0;
  std::string_view top = path.substr(0, path.find('/'));
  for (std::string_view rest = path;;) {
    std::size_t slash = rest.find('/');
    if (!is_component(rest.substr(0, slash)) || ++depth > kMaxEntryDepth) return false;
    if (slash == rest.npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (is_tree(top)) return depth > 1 || kind == EntryKind::folder;
  if (top == "keys") return kind == (depth == 1 ? EntryKind::folder : EntryKind::file) && depth <= 2;
  return depth == 1 && kind == EntryKind::file && (top == "anchord.db" || is_settings(top));
}

Buffer write_entry(const Entry& entry) {
  assert(entry.path.size() <= kMaxEntryPath);
  Buffer out(1 + 2 + entry.path.size() + 2 + 8 + 8);
  Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(entry.kind));
  writer.u16(entry.path.size());
  writer.text(entry.path);
  writer.u16(entry.mode & kModeBits);
  write_u64(writer, static_cast<std::uint64_t>(std::clamp<UnixSeconds>(entry.mtime, 0, kMaxTime)));
  if (entry.kind == EntryKind::file) write_u64(writer, entry.size);
  out.resize(writer.size());
  return out;
}

Buffer write_end(std::uint64_t entries) {
  Buffer out(1 + 8);
  Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(EntryKind::end));
  write_u64(writer, entries);
  return out;
}

Status EntryReader::fill() {
  ANCHORD_TRY_ASSIGN(auto next, source_());
  input_ = next;
  return {};
}

Result<Bytes> EntryReader::take(std::size_t count) {
  if (input_.size() < count) {
    joined_.assign(input_.begin(), input_.end());
    while (joined_.size() < count) {
      ANCHORD_TRY(fill());
      if (input_.empty()) return damaged("it ends too early");
      Bytes part = input_.first(std::min(input_.size(), count - joined_.size()));
      joined_.insert(joined_.end(), part.begin(), part.end());
      input_ = input_.subspan(part.size());
    }
    return Bytes(joined_);
  }
  Bytes out = input_.first(count);
  input_ = input_.subspan(count);
  return out;
}

Result<Bytes> EntryReader::content() {
  if (left_ == 0) return Bytes{};
  if (input_.empty()) ANCHORD_TRY(fill());
  if (input_.empty()) return damaged("it ends too early");
  Bytes out = input_.first(static_cast<std::size_t>(std::min<std::uint64_t>(input_.size(), left_)));
  input_ = input_.subspan(out.size());
  left_ -= out.size();
  return out;
}

Status EntryReader::check_end() {
  ANCHORD_TRY_ASSIGN(auto count, take(8));
  Reader reader(count);
  if (read_u64(reader, "entries") != entries_) return damaged("files are missing");
  if (input_.empty()) ANCHORD_TRY(fill());
  return input_.empty() ? Status{} : damaged("something follows its end");
}

Result<std::optional<Entry>> EntryReader::next() {
  while (left_ > 0) ANCHORD_TRY(content());
  ANCHORD_TRY_ASSIGN(auto kind, take(1));
  Entry entry{.kind = static_cast<EntryKind>(kind.front()), .path = {}};
  if (entry.kind == EntryKind::end) {
    ANCHORD_TRY(check_end());
    return std::nullopt;
  }
  if (entry.kind != EntryKind::folder && entry.kind != EntryKind::file)
    return damaged("an entry of an unknown kind");
  if (++entries_ > kMaxEntries) return damaged("more entries than are allowed");
  ANCHORD_TRY_ASSIGN(auto length, take(2));
  ANCHORD_TRY_ASSIGN(auto path, take(Reader(length).u16("path")));
  entry.path = as_text(path);
  if (!belongs_in_backup(entry.kind, entry.path)) return damaged("a path that leads elsewhere");
  ANCHORD_TRY_ASSIGN(auto facts, take(entry.kind == EntryKind::file ? 18 : 10));
  Reader reader(facts);
  entry.mode = reader.u16("mode");
  entry.mtime = static_cast<UnixSeconds>(read_u64(reader, "time"));
  if (entry.kind == EntryKind::file) entry.size = read_u64(reader, "size");
  if (entry.mode > kModeBits || entry.mtime < 0 || entry.mtime > kMaxTime)
    return damaged("a mode or time that no file has");
  left_ = entry.size;
  return entry;
}

}  // namespace anchord::store
