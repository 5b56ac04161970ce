// Lookups in the certificate index beside hashing and comparing the same DER alone;
// what publishing a change costs, and what memory the index takes.
#include <benchmark/benchmark.h>
#include <xxhash.h>

#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "anchord/index/certificate_index.h"

namespace anchord::index {
namespace {

constexpr std::size_t kDerSize = 1000;

void fill(std::uint8_t* der, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < kDerSize; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(der + i, &word, 8);
  }
}

std::uint64_t key_of(std::uint64_t i) {
  return name_key("cn=issuer,o=bench", {reinterpret_cast<std::uint8_t*>(&i), 8});
}

std::uint64_t serial_of(std::uint64_t i) {
  return serial_key({reinterpret_cast<std::uint8_t*>(&i), 8});
}

// The certificates as they would lie without an index, and the index over them.
struct World {
  explicit World(std::size_t n) : count(n), ders(n * kDerSize) {
    const std::uint8_t roles[] = {1, 3};
    std::vector<CertificateChange> changes;
    changes.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
      fill(&ders[i * kDerSize], i);
      changes.push_back({CertificateChange::Kind::put, der(i), roles, 86400, key_of(i), serial_of(i)});
    }
    index = CertificateIndex().with(changes);
    overhead = static_cast<double>(index.memory().overhead) / static_cast<double>(n);
  }
  Bytes der(std::size_t i) const { return {&ders[i * kDerSize], kDerSize}; }

  std::size_t count;
  Buffer ders;
  CertificateIndex index;
  double overhead;  // bytes for each certificate, before publish_one adds free room that all versions share
};

const World& world(std::size_t n) {
  static std::map<std::size_t, std::unique_ptr<World>> worlds;
  auto& w = worlds[n];
  if (!w) w = std::make_unique<World>(n);
  return *w;
}

// What is asked: a thousand DERs, in memory of their own as if just received.
struct Questions {
  Questions(const World& w, bool known) : ders(kCount * kDerSize) {
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < kCount; ++i) {
      at.push_back(random() % w.count);
      fill(&ders[i * kDerSize], known ? at[i] : w.count + i);
    }
  }
  Bytes operator[](std::size_t i) const { return {&ders[i % kCount * kDerSize], kDerSize}; }

  static constexpr std::size_t kCount = 1 << 14;
  Buffer ders;
  std::vector<std::size_t> at;
};

void hash_and_compare(benchmark::State& state) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  const Questions questions(w, true);
  std::size_t i = 0;
  for (auto _ : state) {
    const Bytes asked = questions[i];
    benchmark::DoNotOptimize(XXH3_64bits(asked.data(), asked.size()));
    benchmark::DoNotOptimize(same_bytes(asked, w.der(questions.at[i % Questions::kCount])));
    ++i;
  }
}

void hash_alone(benchmark::State& state) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  const Questions questions(w, false);
  std::size_t i = 0;
  for (auto _ : state) {
    const Bytes asked = questions[i++];
    benchmark::DoNotOptimize(XXH3_64bits(asked.data(), asked.size()));
  }
}

void find(benchmark::State& state, bool known) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  const Questions questions(w, known);
  std::size_t i = 0;
  std::size_t found = 0;
  for (auto _ : state) found += w.index.find(questions[i++]) != nullptr;
  if (found != (known ? i : 0)) state.SkipWithError("wrong answer");
  state.counters["overhead/cert"] = w.overhead;
}
void find_known(benchmark::State& state) {
  find(state, true);
}
void find_unknown(benchmark::State& state) {
  find(state, false);
}

void find_by_name(benchmark::State& state, bool known) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  std::mt19937_64 random(1);
  const Buffer nobodys(20);
  std::vector<std::pair<std::uint64_t, Bytes>> asked;
  for (std::size_t i = 0; i < Questions::kCount; ++i) {
    const std::size_t which = random() % w.count;
    if (known) {
      asked.emplace_back(key_of(which), w.der(which).first(20));
    } else {
      asked.emplace_back(key_of(w.count + i), nobodys);
    }
  }
  std::size_t i = 0;
  for (auto _ : state) {
    const auto& [key, start] = asked[i++ % Questions::kCount];
    // Twenty bytes stand for the serial number and issuer that the caller compares.
    const CertificateRecord* found = w.index.find_named(
        key, [&](const CertificateRecord& r) { return same_bytes(r.der().first(20), start); });
    if ((found != nullptr) != known) {
      state.SkipWithError("wrong answer");
      break;
    }
  }
}
void find_named(benchmark::State& state) {
  find_by_name(state, true);
}
void find_named_unknown(benchmark::State& state) {
  find_by_name(state, false);
}

void publish_one(benchmark::State& state) {
  const World& w = world(static_cast<std::size_t>(state.range(0)));
  CertificateIndex index = w.index;
  std::mt19937_64 random(1);
  const std::uint8_t roles[] = {2};
  for (auto _ : state) {
    const std::size_t which = random() % w.count;
    const CertificateChange change{
        CertificateChange::Kind::put, w.der(which), roles, 1, key_of(which), serial_of(which)};
    index = index.with({&change, 1});
  }
}

BENCHMARK(hash_alone)->RangeMultiplier(10)->Range(1000, 1000);
BENCHMARK(hash_and_compare)->RangeMultiplier(10)->Range(1000, 1'000'000);
BENCHMARK(find_known)->RangeMultiplier(10)->Range(1000, 1'000'000);
BENCHMARK(find_unknown)->RangeMultiplier(10)->Range(1000, 1'000'000);
BENCHMARK(find_named)->RangeMultiplier(10)->Range(1000, 1'000'000);
BENCHMARK(find_named_unknown)->RangeMultiplier(10)->Range(1000, 1'000'000);
BENCHMARK(publish_one)->Arg(100'000)->Arg(1'000'000);

}  // namespace
}  // namespace anchord::index

BENCHMARK_MAIN();
