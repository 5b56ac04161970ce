#include "unpack.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace anchord::trust {
namespace {

using namespace std::string_view_literals;

// One in the other: an archive in an archive is somebody's, more are a trap.
constexpr unsigned kMaxNested = 4;
// Beginnings that are tried in one file; random ones are one in 16 million bytes.
constexpr std::size_t kMaxTried = 4096;

constexpr std::string_view kGzip = "\x1f\x8b\x08"sv;
constexpr std::string_view kZipEntry = "PK\x03\x04"sv;
constexpr std::size_t kZipHeader = 30;
constexpr unsigned kDeflated = 8;
// What else an entry may be packed with: deflate64, bzip2, LZMA, zstd, xz, PPMd.
constexpr std::array<unsigned, 6> kZipOtherwise{9, 12, 14, 93, 95, 98};
constexpr std::size_t kInflatedPiece = 16 << 10;
// No byte of a deflated one becomes more.
constexpr std::uint64_t kMostOfByte = 1032;
// As zlib has it: a window of 32 KiB, behind a header of gzip's, or behind none.
constexpr int kWithGzipHeader = 15 + 16;
constexpr int kWithoutHeader = -15;

class Inflater {
 public:
  explicit Inflater(int window) {
    stream_.zalloc = [](void*, unsigned items, unsigned size) {
      return ::operator new(std::size_t{items} * size, std::nothrow);
    };
    stream_.zfree = [](void*, void* memory) { ::operator delete(memory); };
    if (::inflateInit2(&stream_, window) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { ::inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Unpacks as far as the input is good, and up to `most` bytes. It unpacks twice, first to learn the size: a
  // buffer that grew would take three times as much.
  Buffer run(Bytes packed, std::size_t most) {
    std::array<std::uint8_t, kInflatedPiece> piece{};
    begin(packed);
    std::size_t size = 0;
    for (bool more = true; more && size < most;) {
      const std::size_t wanted = std::min(piece.size(), most - size);
      const std::size_t got = inflate(std::span(piece).first(wanted), more);
      size += got;
    }
    Buffer out(size);
    if (size == 0 || ::inflateReset(&stream_) != Z_OK) return {};
    begin(packed);
    std::size_t filled = 0;
    for (bool more = true; more && filled < size;) filled += inflate(std::span(out).subspan(filled), more);
    out.resize(filled);
    return out;
  }

 private:
  void begin(Bytes packed) {
    stream_.next_in = const_cast<std::uint8_t*>(packed.data());  // which it reads only
    stream_.avail_in = static_cast<unsigned>(std::min<std::size_t>(packed.size(), 1u << 31));
  }

  std::size_t inflate(std::span<std::uint8_t> to, bool& more) {
    stream_.next_out = to.data();
    stream_.avail_out = static_cast<unsigned>(to.size());
    const int state = ::inflate(&stream_, Z_NO_FLUSH);
    if (state == Z_MEM_ERROR) throw std::bad_alloc();
    more = state == Z_OK;
    return to.size() - stream_.avail_out;
  }

  z_stream stream_{};
};

unsigned two_bytes(Bytes of, std::size_t at) {
  return of[at] | static_cast<unsigned>(of[at + 1]) << 8;
}

class Unpacker {
 public:
  explicit Unpacker(const std::function<void(Bytes)>& take) : take_(take) {}

  void look_into(Bytes file, unsigned depth) {
    const std::string_view text = as_text(file);
    // The positions at which the next part of each kind begins.
    std::size_t gzip = text.find(kGzip);
    std::size_t zip = text.find(kZipEntry);
    while (std::min(gzip, zip) != text.npos && tried_ < kMaxTried) {
      ++tried_;
      if (gzip < zip) {
        inflate(file.subspan(gzip), kWithGzipHeader, depth);
        gzip = text.find(kGzip, gzip + 1);
      } else {
        entry(file.subspan(zip), depth);
        zip = text.find(kZipEntry, zip + 1);
      }
    }
  }

  std::string_view unseen() const { return unseen_; }

 private:
  void entry(Bytes zip, unsigned depth) {
    if (zip.size() < kZipHeader) return;
    const unsigned method = two_bytes(zip, 8);
    const bool is_locked = (two_bytes(zip, 6) & 1) != 0;  // with a password: it is not in the clear
    if (std::ranges::find(kZipOtherwise, method) != kZipOtherwise.end() && !is_locked) unseen_ = "ZIP";
    if (method != kDeflated) return;
    const std::size_t begin = kZipHeader + two_bytes(zip, 26) + two_bytes(zip, 28);
    if (begin < zip.size()) inflate(zip.subspan(begin), kWithoutHeader, depth);
  }

  void inflate(Bytes packed, int window, unsigned depth) {
    if (left_ == 0) return;
    const Buffer content = Inflater(window).run(packed, left_);
    if (content.empty()) return;
    left_ -= content.size();
    take_(content);
    if (depth < kMaxNested) look_into(content, depth + 1);
  }

  const std::function<void(Bytes)>& take_;
  std::string_view unseen_;
  std::size_t left_ = kMaxUnpacked;
  std::size_t tried_ = 0;
};

// The name of another kind of archive that the file's first bytes show; empty for none.
std::string_view packed_otherwise(Bytes file) {
  static constexpr auto kBeginnings = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"\xfd"
       "7zXZ\0"sv,
       "xz"},
      {"7z\xbc\xaf\x27\x1c"sv, "7z"},
      {"BZh91AY&SY"sv, "bzip2"},
      {"Rar!\x1a\x07"sv, "RAR"},
      {"\x28\xb5\x2f\xfd"sv, "zstd"},
      {"\x04\x22\x4d\x18"sv, "lz4"},
      {"LZIP\x01"sv, "lzip"},
      {"\x1f\x9d\x90"sv, "compress"},
      {"MSCF\0\0\0\0"sv, "CAB"},
  });
  for (const auto& [begins, name] : kBeginnings)
    if (as_text(file).starts_with(begins)) return name;
  return {};
}

}  // namespace

std::uint64_t most_unpacked(Bytes file) {
  if (!as_text(file).contains(kGzip) && !as_text(file).contains(kZipEntry)) return 0;
  return std::min<std::uint64_t>(kMaxUnpacked, file.size() * kMostOfByte);
}

std::string_view unpack(Bytes file, const std::function<void(Bytes content)>& take) {
  Unpacker unpacker(take);
  unpacker.look_into(file, 1);
  const std::string_view otherwise = packed_otherwise(file);
  return otherwise.empty() ? unpacker.unseen() : otherwise;
}

}  // namespace anchord::trust
