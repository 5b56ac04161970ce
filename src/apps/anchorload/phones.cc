#include "phones.h"

#include <fmt/core.h>

#include <array>
#include <cassert>
#include <fstream>
#include <numeric>
#include <system_error>

#include "anchord/base/file.h"
#include "anchord/phone/device_name.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/cluster.h"

namespace anchord::load {
namespace {

// What a phone keeps is a few KiB; a file that somebody else put there may be anything.
constexpr std::size_t kMaxKeptFile = std::size_t{16} << 20;

struct Part {
  const char* file;
  Buffer trust::PhoneMemory::* bytes;
};
constexpr std::array<Part, 3> kParts = {{{phone::kCtlFileName, &trust::PhoneMemory::ctl},
                                         {phone::kItlFileName, &trust::PhoneMemory::itl},
                                         {"configuration", &trust::PhoneMemory::configuration}}};

// Aside and renamed, so that what is read is never a part. Not synced: it is worth no
// more than the run that made it, and thousands of phones keep something at once.
Status keep(const std::filesystem::path& path, Bytes content) {
  std::error_code error;
  if (content.empty()) {
    std::filesystem::remove(path, error);
  } else {
    std::filesystem::path aside = path;
    aside += ".new";
    std::ofstream file(aside, std::ios::binary | std::ios::trunc);
    file << as_text(content);
    file.close();
    if (!file) return fail("--trust: cannot write " + aside.string());
    std::filesystem::rename(aside, path, error);
  }
  if (error) return fail(fmt::format("--trust: {}: {}", path.string(), error.message()));
  return {};
}

}  // namespace

Phones::Phones(PhoneRow row, std::uint64_t first) : row_(std::move(row)), first_(first) {
  if (row_.folder.empty() && row_.again) memories_.resize(row_.count);
  if (row_.again) boots_.resize(row_.count);
  resting_.resize(row_.count);
  std::iota(resting_.begin(), resting_.end(), 0u);
}

Result<std::unique_ptr<Phones>> Phones::create(PhoneRow row) {
  const auto name = phone::device_name(row.first);
  if (!name) return fail("--first: " + row.first + " is no phone's name, such as SEP001122000000");
  const std::uint64_t first = phone::mac_of(*name);
  constexpr std::uint64_t kLastAddress = (std::uint64_t{1} << 48) - 1;
  if (first + row.from + row.count - 1 > kLastAddress) {
    return fail("--phones: there are not so many MAC addresses behind --first");
  }
  if (!row.folder.empty()) {
    std::error_code error;
    std::filesystem::create_directories(row.folder, error);
    if (error) return fail(fmt::format("--trust: {}: {}", row.folder.string(), error.message()));
  }
  return std::unique_ptr<Phones>(new Phones(std::move(row), first));
}

std::string Phones::name(std::uint32_t index) const {
  return phone::device_name_of(first_ + row_.from + index);
}

// The same ones in each run, and well mixed.
bool Phones::has_security(std::uint32_t index) const {
  const auto older = [&](std::uint64_t count) {
    return static_cast<std::uint64_t>(static_cast<double>(count) * row_.without_security / 100);
  };
  const std::uint64_t number = std::uint64_t{row_.from} + index;
  return older(number) == older(number + 1);
}

void Phones::rest(std::uint32_t index) {
  const std::lock_guard lock(mutex_);
  resting_.push_back(index);
}

Status Phones::recall(One& one) const {
  if (!memories_.empty()) one.memory = memories_[one.index];
  if (row_.folder.empty()) return {};
  for (const Part& part : kParts) {
    const std::filesystem::path path = row_.folder / one.settings.name / part.file;
    std::error_code error;
    if (!std::filesystem::exists(path, error) && !error) continue;
    auto content = read_file(path, kMaxKeptFile);
    if (!content) return std::unexpected(std::move(content.error()).within("--trust"));
    content->shrink_to_fit();  // thousands of them are held at once
    one.memory.*part.bytes = std::move(*content);
  }
  return {};
}

Result<Phones::One> Phones::take() {
  One out;
  {
    const std::lock_guard lock(mutex_);
    assert(!resting_.empty());
    out.index = resting_.front();
    resting_.pop_front();
    if (!boots_.empty()) out.boot = boots_[out.index]++;
  }
  out.mac = first_ + row_.from + out.index;
  out.settings = {.name = name(out.index),
                  .model = row_.model,
                  .security_by_default = has_security(out.index),
                  .tvs_servers = row_.tvs_servers};
  if (Status recalled = recall(out); !recalled) {
    rest(out.index);
    return std::unexpected(std::move(recalled.error()));
  }
  return out;
}

Status Phones::put_back(std::uint32_t index, const trust::PhoneMemory& before,
                        const trust::PhoneMemory& now) {
  Status kept;
  if (!memories_.empty()) memories_[index] = now;
  if (!row_.folder.empty()) {
    const std::filesystem::path folder = row_.folder / name(index);
    std::error_code error;
    std::filesystem::create_directory(folder, error);
    for (const Part& part : kParts) {
      if (!kept || same_bytes(before.*part.bytes, now.*part.bytes)) continue;
      kept = keep(folder / part.file, now.*part.bytes);
    }
  }
  rest(index);
  return kept;
}

}  // namespace anchord::load
