// All files that the service hands out, found by the name that a phone asks for.
//
// Like the certificate index: a table never changes, with() makes the next one and
// shares what the change does not touch, and a lookup takes no lock, does no atomic
// read-modify-write and allocates nothing. Entries are valid as long as any table
// that holds them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "anchord/index/blob.h"

namespace anchord::index {

// In bytes. Names are folded into a buffer of this size on the stack; no phone
// asks for a longer one.
constexpr std::size_t kMaxFileName = 255;

// A file in two parts: a signature's header, empty for a plain file, and the content.
// The names of one file (F, F.sgn, F.sha512) share the content's bytes.
struct FileBody {
  Blob header;
  Blob content;

  std::size_t size() const { return header.size() + content.size(); }
  // The bytes from `offset` on, at most `length` and at most what there is: the part
  // that lies in the header, and the one that lies in the content.
  std::array<Bytes, 2> slice(std::size_t offset, std::size_t length) const;
};

struct FileEntry {
  std::string name;
  FileBody body;
  std::uint64_t version;  // XXH3-64 over header and content: names a version of the file
};

struct FileChange {
  std::string name;
  std::optional<FileBody> body;  // none removes the file; putting replaces it
};

// The version of an entry with this body.
std::uint64_t version_of(const FileBody& body);

// Whether a file may bear this name in a table: 1 to kMaxFileName bytes, no NUL, and
// no slash in front, as find() takes that away from what is asked.
bool is_file_name(std::string_view name);

class FileTable {
 public:
  // `asked` is what came from the network. One slash in front and one NUL behind
  // are forgiven; then the exact name wins, then one that differs only in the case
  // of ASCII letters: the first in byte order. nullptr when there is none.
  const FileEntry* find(std::string_view asked) const;

  // The key of a name for find_version(); names that differ only in the case of ASCII letters have the same.
  static std::uint64_t key(std::string_view name);
  // The entry of that name, if it is still that version; else nullptr.
  const FileEntry* find_version(std::uint64_t key, std::uint64_t version) const;

  // Keeps an entry of this table beyond the table's own life. Counts atomically; allocates nothing.
  std::shared_ptr<const FileEntry> hold(const FileEntry& entry) const;

  // The table after `changes`, applied in their order. Every name must be one that
  // is_file_name() accepts. Removing what is not there changes nothing.
  FileTable with(std::span<const FileChange> changes) const;

  std::size_t size() const;

  // In no particular order.
  template <class Call>
  void for_each(Call&& call) const {
    for (std::size_t i = 0; i < kPartitions; ++i) {
      for (const Slot& slot : listed(i)) call(*slot.entry);
    }
  }

  static constexpr std::size_t kPartitions = 1024;

 private:
  struct State;
  struct Slot {
    std::uint64_t hash;  // of the folded name
    std::shared_ptr<const FileEntry> entry;
  };

  explicit FileTable(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::span<const Slot> listed(std::size_t partition) const;
  std::span<const Slot> with_hash(std::uint64_t hash) const;

  std::shared_ptr<const State> state_;  // null while empty

 public:
  FileTable() = default;
};

}  // namespace anchord::index
