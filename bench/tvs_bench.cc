// Answers of the Trust Verification Service without its transport: a request message
// in, a response message out, with up to a million certificates known. They are real
// ones in all but their signature: one certificate with another serial number each.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "anchord/crypto/certificate.h"
#include "anchord/crypto/self_signed.h"
#include "anchord/wire/tvs.h"
#include "samples.h"
#include "tvs/tvs_answer.h"

namespace anchord::service {
namespace {

using bench::must;

// Makes certificates of one issuer and key that differ in the serial number.
class Maker {
 public:
  Maker() {
    const crypto::PrivateKey key = must(crypto::PrivateKey::generate(crypto::KeyKind::rsa2048));
    const crypto::SelfSignedRequest request{
        .subject = must(crypto::Name::parse(kName)), .not_before = 1'800'000'000, .days = 1826};
    der_ = to_buffer(must(crypto::make_self_signed(key, request)).der());
    serial_at_ = static_cast<std::size_t>(crypto::read_fields(der_)->serial.data() - der_.data());
    der_[serial_at_] = 0x5a;
  }
  // Valid until the next one.
  Bytes der(std::uint64_t number) {
    std::memcpy(&der_[serial_at_ + 1], &number, sizeof number);
    return der_;
  }

  static constexpr std::string_view kName =
      "C=NZ,ST=Wellington,O=Example Corporation,CN=TVS-cucm1.example.com";

 private:
  Buffer der_;
  std::size_t serial_at_ = 0;
};

Maker& maker() {
  static Maker made;
  return made;
}

index::Snapshot make_snapshot(std::size_t count) {
  constexpr std::size_t kAtOnce = 100'000;
  const std::uint8_t roles[] = {1, 3};
  crypto::NormalName issuer;
  bench::require(issuer.from_text(Maker::kName), "the issuer is not a name");
  index::Snapshot out;
  for (std::size_t first = 0; first < count; first += kAtOnce) {
    std::vector<Buffer> ders;
    std::vector<index::CertificateChange> changes;
    for (std::size_t i = first; i < std::min(count, first + kAtOnce); ++i) {
      const Bytes der = ders.emplace_back(to_buffer(maker().der(i)));
      changes.push_back({.der = der,
                         .roles = roles,
                         .ttl = 86400,
                         .name_key = index::name_key(issuer.text(), crypto::read_fields(der)->serial),
                         .serial_key = index::serial_key(crypto::read_fields(der)->serial)});
    }
    out.certificates = out.certificates.with(changes);
  }
  return out;
}

const index::Snapshot& snapshot(std::size_t count) {
  static std::map<std::size_t, index::Snapshot> made;
  auto [at, is_new] = made.try_emplace(count);
  if (is_new) at->second = make_snapshot(count);
  return at->second;
}

Buffer question(Bytes der, bool query) {
  constexpr std::string_view kDevice = "CP-8861-SEP001122334455";
  Buffer message(2048);
  Writer out{message};
  if (query) {
    const crypto::CertificateFields fields = *crypto::read_fields(der);
    wire::write_query_request(
        out, {.session = 7, .device = as_bytes(kDevice), .issuer = Maker::kName, .serial = fields.serial});
  } else {
    wire::write_verify_request(out, {.session = 7, .device = as_bytes(kDevice), .certificate = der});
  }
  message.resize(out.size());
  return message;
}

void answer(benchmark::State& state, bool query, bool known) {
  constexpr std::size_t kQuestions = 1 << 14;
  const auto count = static_cast<std::size_t>(state.range(0));
  const index::Snapshot& view = snapshot(count);
  std::mt19937_64 random(1);
  std::vector<Buffer> questions;
  for (std::size_t i = 0; i < kQuestions; ++i)
    questions.push_back(question(maker().der(known ? random() % count : count + i), query));
  std::array<std::uint8_t, 4096> room;
  SignerDigests digests;
  std::size_t at = 0;
  std::size_t wrong = 0;
  for (auto _ : state) {
    Writer out{room};
    Question record;
    const bool answered = answer_tvs(questions[at++ % kQuestions], view, digests, 0, out, record).has_value();
    wrong += !answered || !out.ok() || record.answered_yes != known;
  }
  if (wrong > 0) state.SkipWithError("wrong answer");
}

void verify_known(benchmark::State& state) {
  answer(state, false, true);
}
void verify_unknown(benchmark::State& state) {
  answer(state, false, false);
}
void query_known(benchmark::State& state) {
  answer(state, true, true);
}
void query_unknown(benchmark::State& state) {
  answer(state, true, false);
}

BENCHMARK(verify_known)->RangeMultiplier(10)->Range(1000, 1'000'000);
BENCHMARK(verify_unknown)->RangeMultiplier(10)->Range(1000, 1'000'000);
BENCHMARK(query_known)->RangeMultiplier(10)->Range(1000, 1'000'000);
BENCHMARK(query_unknown)->RangeMultiplier(10)->Range(1000, 1'000'000);

}  // namespace
}  // namespace anchord::service

BENCHMARK_MAIN();
