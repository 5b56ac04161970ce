// What it costs to publish one changed file in a large cluster: 100,000 phone files,
// each under three names, and 100,000 certificates. Time and new memory do not depend
// on how much there is, but on how much has changed.
#include <benchmark/benchmark.h>
#include <jemalloc/jemalloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "anchord/index/publisher.h"
#include "anchord/index/snapshot.h"

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

CertificateIndex make_certificates() {
  std::vector<Buffer> ders;
  std::vector<CertificateChange> changes;
  ders.reserve(kCertificates);
  for (std::size_t i = 0; i < kCertificates; ++i) {
    Buffer& der = ders.emplace_back(kCertificateSize, std::uint8_t{0x30});
    std::memcpy(der.data() + 8, &i, sizeof i);
    changes.push_back(
        {.kind = CertificateChange::Kind::put, .der = der, .roles = {}, .ttl = 1, .name_key = i});
  }
  return CertificateIndex().with(changes);
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

void publish_one_file(benchmark::State& state) {
  const auto phones = static_cast<std::size_t>(state.range(0));
  View current;
  current.certificates = make_certificates();
  {
    std::vector<FileChange> all;
    for (std::size_t i = 0; i < phones; ++i) append_changes(i, 0, all);
    current.files = FileTable().with(all);
  }
  Publisher<View> publisher(1);
  std::uint64_t version = 0;
  std::int64_t most = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::int64_t before = allocated();
    std::vector<FileChange> changes;
    append_changes(version * 7919 % phones, static_cast<std::uint8_t>(version), changes);
    state.ResumeTiming();
    current.files = current.files.with(changes);
    auto view = std::make_unique<View>();
    view->version = ++version;
    view->certificates = current.certificates;
    view->files = current.files;
    state.PauseTiming();
    most = std::max(most, allocated() - before);  // while what is replaced is still there
    state.ResumeTiming();
    publisher.publish(std::move(view));
    state.PauseTiming();
    publisher.release_before(0, version);
    publisher.reclaim();
    state.ResumeTiming();
  }
  publisher.release_before(0, kReaderGone);
  state.counters["new_bytes"] = static_cast<double>(most);
}
BENCHMARK(publish_one_file)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
