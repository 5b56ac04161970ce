// What is inside of a backup, after decryption: folders and files one after the other, and
// an end. The format is described in docs/formats.md ("backup").
//
// Everything is checked when it is read although it is authenticated: whoever knows a
// passphrase must not be able to write elsewhere with it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"

namespace anchord::store {

// A path that no file system takes, a folder in a folder in a folder, or a backup of nothing
// but names must not wear out the machine that it is restored on.
constexpr std::size_t kMaxEntryPath = 1024;
constexpr std::size_t kMaxEntryDepth = 20;
constexpr std::uint64_t kMaxEntries = 4'000'000;

enum class EntryKind : std::uint8_t { end = 0, folder = 1, file = 2 };

struct Entry {
  EntryKind kind = EntryKind::file;
  std::string path;   // from the state directory
  unsigned mode = 0;  // at most 0777
  UnixSeconds mtime = 0;
  std::uint64_t size = 0;  // of a file
  bool operator==(const Entry&) const = default;
};

// Whether a cluster's backup holds such a thing: the database, keys, what is below
// provisioning/, devices/ and last-good/, and files of settings beside them.
bool belongs_in_backup(EntryKind kind, std::string_view path);

Buffer write_entry(const Entry& entry);   // a file's bytes follow
Buffer write_end(std::uint64_t entries);  // how many there were

class EntryReader {
 public:
  // Gives the next bytes, empty at the end; what it gave is not used beyond its next call.
  using Source = std::function<Result<Bytes>()>;
  explicit EntryReader(Source source) : source_(std::move(source)) {}

  // Nothing behind the last one, when the end was right. Passes over what was not read of a
  // file's content.
  Result<std::optional<Entry>> next();
  // The next bytes of the file that next() gave, empty at its end.
  Result<Bytes> content();

 private:
  Status fill();
  Result<Bytes> take(std::size_t count);
  Status check_end();

  Source source_;
  Bytes input_;             // of the source's last, what is not read
  Buffer joined_;           // where an item lies across two of them
  std::uint64_t left_ = 0;  // of the present file's content
  std::uint64_t entries_ = 0;
};

}  // namespace anchord::store
