// What it costs to publish a change in a large cluster: 100,000 phone files, each under
// three names, and 100,000 certificates. Time and new memory do not depend on how much
// there is, but on how much has changed.
#include <benchmark/benchmark.h>
#include <jemalloc/jemalloc.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "anchord/index/rcu.h"
#include "anchord/index/snapshot.h"
#include "cpu_clock.h"

namespace {

using namespace anchord;
using namespace anchord::index;

constexpr std::size_t kCertificates = 100'000;
constexpr std::size_t kCertificateSize = 1000;
constexpr std::size_t kFileSize = 4000;
constexpr std::size_t kHeaderSize = 700;

struct View : Snapshot {};

std::string name_of(std::size_t phone) {
  char name[32];
  std::snprintf(name, sizeof name, "SEP%012zX.cnf.xml", phone);
  return name;
}

// As the provisioner makes them: F, F.sgn and F.sha512 of one content.
void append_changes(std::size_t phone, std::uint8_t mark, std::vector<FileChange>& out) {
  Blob content(Buffer(kFileSize, mark));
  std::string name = name_of(phone);
  out.push_back({name, FileBody{.content = content}});
  for (const char* ending : {".sgn", ".sha512"})
    out.push_back({name + ending, FileBody{.header = Blob(Buffer(kHeaderSize, mark)), .content = content}});
}

// Their bytes, for the changes to refer to.
const std::vector<Buffer>& ders() {
  static const std::vector<Buffer> made = [] {
    std::vector<Buffer> out;
    for (std::size_t i = 0; i < kCertificates; ++i) {
      Buffer& der = out.emplace_back(kCertificateSize, std::uint8_t{0x30});
      std::memcpy(der.data() + 8, &i, sizeof i);
    }
    return out;
  }();
  return made;
}

CertificateChange certificate(std::size_t i, std::uint32_t ttl) {
  const Bytes der = ders()[i];
  const std::uint64_t key = name_key("cn=issuer,o=bench", der.subspan(8, sizeof i));
  return {.kind = CertificateChange::Kind::put,
          .der = der,
          .roles = {},
          .ttl = ttl,
          .name_key = key,
          .serial_key = serial_key(der.subspan(8, sizeof i))};
}

// What is published at present: one repetition goes on where another has ended, as in a
// service. Versions that went different ways from one index would share its free room.
View& world(std::size_t phones) {
  static std::map<std::size_t, View> worlds;
  auto [at, is_new] = worlds.try_emplace(phones);
  if (is_new) {
    std::vector<CertificateChange> certificates;
    for (std::size_t i = 0; i < kCertificates; ++i) certificates.push_back(certificate(i, 1));
    at->second.certificates = CertificateIndex().with(certificates);
    std::vector<FileChange> files;
    for (std::size_t i = 0; i < phones; ++i) append_changes(i, 0, files);
    at->second.files = FileTable().with(files);
  }
  return at->second;
}

// Bytes that this thread has allocated and not freed.
std::int64_t allocated() {
  auto read = [](const char* name) {
    std::uint64_t out = 0;
    std::size_t size = sizeof out;
    mallctl(name, &out, &size, nullptr, 0);
    return static_cast<std::int64_t>(out);
  };
  return read("thread.allocated") - read("thread.deallocated");
}

// Publishes again and again. `prepare(version)` is not timed, nor is the end of what was
// replaced; `change(view)` makes the next view of the current one.
template <class Prepare, class Change>
void publish(benchmark::State& state, std::size_t phones, Prepare&& prepare, Change&& change) {
  View& current = world(phones);
  RcuPublisher<View> publisher(1);
  std::int64_t taken = 0;
  for (auto _ : state) {
    const std::int64_t before = allocated();
    prepare(++current.version);
    const double spent = bench::timed([&] {
      change(current);
      publisher.publish(std::make_unique<View>(current));
    });
    taken += allocated() - before;  // while what is replaced is still there
    state.SetIterationTime(spent);
    publisher.release_before(0, current.version);
    publisher.reclaim();
  }
  publisher.release_before(0, kReaderGone);
  state.counters["new_bytes"] =
      benchmark::Counter(static_cast<double>(taken), benchmark::Counter::kAvgIterations);
}

void publish_files(benchmark::State& state) {
  const auto phones = static_cast<std::size_t>(state.range(0));
  const auto changed = static_cast<std::size_t>(state.range(1));
  std::vector<FileChange> changes;
  publish(
      state, phones,
      [&](std::uint64_t version) {
        changes.clear();
        for (std::size_t i = 0; i < changed; ++i)
          append_changes((version * changed + i) * 7919 % phones, static_cast<std::uint8_t>(version),
                         changes);
      },
      [&](View& view) { view.files = view.files.with(changes); });
}
BENCHMARK(publish_files)
    ->ArgNames({"of", "changed"})
    ->Args({1'000, 1})
    ->Args({100'000, 1})
    ->Args({100'000, 100})
    ->Args({100'000, 10'000})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

// Certificates get another time to live.
void publish_certificates(benchmark::State& state) {
  const auto changed = static_cast<std::size_t>(state.range(0));
  std::vector<CertificateChange> changes;
  publish(
      state, 1000,
      [&](std::uint64_t version) {
        changes.clear();
        for (std::size_t i = 0; i < changed; ++i)
          changes.push_back(certificate((version * changed + i) * 7919 % kCertificates,
                                        static_cast<std::uint32_t>(version)));
      },
      [&](View& view) { view.certificates = view.certificates.with(changes); });
}
BENCHMARK(publish_certificates)
    ->ArgName("changed")
    ->Arg(1)
    ->Arg(100)
    ->Arg(10'000)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
