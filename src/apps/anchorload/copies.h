// Whether what came is right: the first copy of each file is checked against a folder,
// where one is given, and kept; every other copy must be the same, byte for byte, in
// whatever thread and from whatever protocol.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "failure.h"
#include "names.h"

namespace anchord::load {

// Real firmware has 8 to 27 MB. Stops a server that never ends a file.
constexpr std::size_t kMaxFileSize = std::size_t{256} << 20;
// All that is kept. Copies of files beyond it are counted as not compared.
constexpr std::size_t kMaxKept = std::size_t{1} << 30;

class Copies {
 public:
  // `folder` may be empty: nothing but sameness is checked then. Otherwise each name's
  // file must lie there, or that of a signed name (.sgn, .sha512) without its ending:
  // what follows the signature's header is compared then.
  static Result<std::unique_ptr<Copies>> create(FileNames names, std::filesystem::path folder);
  ~Copies();

  const FileNames& names() const { return names_; }
  std::uint64_t not_compared() const { return not_compared_.load(std::memory_order_relaxed); }

 private:
  friend class Copy;
  struct Kept {
    Buffer content;
    std::string tag;
  };

  Copies(FileNames names, std::filesystem::path folder);
  Result<bool> is_right(std::uint64_t file, Bytes content) const;

  FileNames names_;
  std::filesystem::path folder_;
  std::unique_ptr<std::atomic<const Kept*>[]> kept_;
  std::atomic<std::size_t> kept_bytes_ = 0;
  std::atomic<std::uint64_t> not_compared_ = 0;
};

// One copy as it arrives, piece by piece. Reusable.
class Copy {
 public:
  explicit Copy(Copies& all) : all_(all) {}

  void start(std::uint64_t file);
  // False: it differs, and failure() says where.
  bool add(Bytes piece);
  // All has arrived. `tag` is what the server calls this version (ETag), or empty: it
  // must be the same whenever the content is.
  bool finish(std::string_view tag = {});
  std::uint64_t size() const { return size_; }
  const std::string& failure() const { return failure_; }

 private:
  bool fail(std::string text);
  bool matches(const Copies::Kept& kept, Bytes content, std::string_view tag);
  bool keep(std::string_view tag);

  Copies& all_;
  std::uint64_t file_ = 0;
  const Copies::Kept* kept_ = nullptr;  // compared with while pieces come
  Buffer content_;                      // while there is none
  std::uint64_t size_ = 0;
  std::string failure_;
};

}  // namespace anchord::load
