#include "copies.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "anchord/base/file.h"
#include "anchord/phone/file_kind.h"
#include "anchord/wire/signed_file.h"

namespace anchord::load {
namespace {

// The name of the file that a signed one carries; empty when the name is no such.
std::string unsigned_name(std::string_view name) {
  const phone::FileForm form = phone::form_of(name);
  const bool carries = form == phone::FileForm::sgn || form == phone::FileForm::sha512;
  return std::string(carries ? phone::plain_name(name) : std::string_view());
}

bool is_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

std::size_t first_difference(Bytes a, Bytes b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

Copies::Copies(FileNames names, std::filesystem::path folder)
    : names_(std::move(names)),
      folder_(std::move(folder)),
      kept_(std::make_unique<std::atomic<const Kept*>[]>(names_.count())) {}

Copies::~Copies() {
  for (std::uint64_t i = 0; i < names_.count(); ++i) delete kept_[i].load();
}

Result<std::unique_ptr<Copies>> Copies::create(FileNames names, std::filesystem::path folder) {
  for (std::uint64_t i = 0; !folder.empty() && i < names.count(); ++i) {
    const std::string name = names.name(i);
    const std::string bare = unsigned_name(name);
    if (!is_file(folder / name) && (bare.empty() || !is_file(folder / bare))) {
      return anchord::fail(
          fmt::format("--check: there is no file '{}' to compare with", (folder / name).string()));
    }
  }
  return std::unique_ptr<Copies>(new Copies(std::move(names), std::move(folder)));
}

Result<bool> Copies::is_right(std::uint64_t file, Bytes content) const {
  if (folder_.empty()) return true;
  const std::string name = names_.name(file);
  std::filesystem::path path = folder_ / name;
  if (!is_file(path)) {
    auto parsed = wire::parse_signed_file(content);
    if (!parsed) return false;
    content = parsed->content;
    path = folder_ / unsigned_name(name);
  }
  ANCHORD_TRY_ASSIGN(auto local, read_file(path, kMaxFileSize));
  return same_bytes(local, content);
}

void Copy::start(std::uint64_t file) {
  file_ = file;
  kept_ = all_.kept_[file].load(std::memory_order_acquire);
  content_.clear();
  if (kept_ != nullptr) content_ = {};  // many clients may have begun with the same large file
  size_ = 0;
}

bool Copy::fail(std::string text) {
  failure_ = all_.names_.name(file_) + ": " + std::move(text);
  return false;
}

bool Copy::add(Bytes piece) {
  const std::uint64_t begin = size_;
  size_ += piece.size();
  if (kept_ == nullptr) {
    if (size_ > kMaxFileSize) return fail("does not end within 256 MiB");
    content_.insert(content_.end(), piece.begin(), piece.end());
    return true;
  }
  if (size_ > kept_->content.size()) {
    return fail(fmt::format("longer than the {} bytes of the first copy", kept_->content.size()));
  }
  const Bytes expected = Bytes(kept_->content).subspan(begin, piece.size());
  if (same_bytes(expected, piece)) return true;
  return fail(
      fmt::format("not as in the first copy at offset {}", begin + first_difference(piece, expected)));
}

bool Copy::matches(const Copies::Kept& kept, Bytes content, std::string_view tag) {
  if (!content.empty() && !same_bytes(kept.content, content)) {
    return fail(
        fmt::format("not as in the first copy at offset {}", first_difference(content, kept.content)));
  }
  if (size_ != kept.content.size()) {
    return fail(fmt::format("{} bytes, the first copy had {}", size_, kept.content.size()));
  }
  if (tag != kept.tag) return fail("the same content has another ETag than in the first copy");
  return true;
}

bool Copy::finish(std::string_view tag) {
  if (kept_ != nullptr) return matches(*kept_, {}, tag);
  // Another client may have been first in the meantime.
  if (const auto* other = all_.kept_[file_].load(std::memory_order_acquire); other != nullptr) {
    return matches(*other, content_, tag);
  }
  auto right = all_.is_right(file_, content_);
  if (!right) return fail(right.error().text);
  if (!*right) return fail("not as the local file");
  return keep(tag);
}

bool Copy::keep(std::string_view tag) {
  if (all_.kept_bytes_.fetch_add(content_.size(), std::memory_order_relaxed) + content_.size() > kMaxKept) {
    all_.kept_bytes_.fetch_sub(content_.size(), std::memory_order_relaxed);
    all_.not_compared_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  auto kept = std::make_unique<const Copies::Kept>(content_, std::string(tag));
  const Copies::Kept* first = nullptr;
  if (all_.kept_[file_].compare_exchange_strong(first, kept.get(), std::memory_order_acq_rel)) {
    static_cast<void>(kept.release());  // to all_
    content_ = {};
    return true;
  }
  all_.kept_bytes_.fetch_sub(content_.size(), std::memory_order_relaxed);
  return matches(*first, content_, tag);
}

}  // namespace anchord::load
