// Making and checking what phones trust: lists, and signatures of files. The keys are
// RSA 2048; most of a signature's cost is the key's.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "anchord/crypto/self_signed.h"
#include "anchord/trust/signed_file.h"
#include "anchord/trust/trust_list.h"
#include "samples.h"

namespace anchord::trust {
namespace {

using bench::must;

constexpr UnixSeconds kNow = 1'800'000'000;
constexpr wire::Digest kDigests[] = {wire::Digest::sha1, wire::Digest::sha512};

crypto::PrivateKey new_key(crypto::KeyKind kind) {
  return must(crypto::PrivateKey::generate(kind));
}

// All RSA identities share a key: how long signing takes does not depend on which.
Identity identity(const std::string& common_name, const crypto::PrivateKey& key) {
  crypto::SelfSignedRequest request{.not_before = kNow - 3600, .days = 1826};
  for (auto [type, value] : {std::pair{"C", "NZ"}, {"ST", "Wellington"}, {"O", "Example Corporation"}})
    request.subject.append(type, value);
  request.subject.append("CN", common_name);
  return {must(crypto::make_self_signed(key, request)), key};
}

Cluster cluster_of(std::size_t hosts, wire::Digest digest) {
  static const crypto::PrivateKey rsa = new_key(crypto::KeyKind::rsa2048);
  static const crypto::PrivateKey ec = new_key(crypto::KeyKind::p256);
  Cluster cluster{.name = "bench",
                  .id = {},
                  .mode = Mode::mixed,
                  .has_ctl = true,
                  .signing = {.digest = digest},
                  .hosts = {},
                  .tvs = {},
                  .tftp = identity("cucm1.example.com", rsa),
                  .tftp_ec = identity("cucm1.example.com-EC", ec),
                  .capf = identity("CAPF-bench", rsa),
                  .recovery = identity("ITLRECOVERY_cucm1.example.com", rsa),
                  .known = {},
                  .phones = {}};
  for (std::size_t i = 1; i <= hosts; ++i) {
    const std::string name = "cucm" + std::to_string(i) + ".example.com";
    cluster.hosts.push_back({name, {"192.0.2." + std::to_string(i)}});
    cluster.tvs.push_back(identity("TVS-" + name, rsa));
  }
  return cluster;
}

// Runs `work`, which gives a Result, again and again.
template <class Work>
void repeat(benchmark::State& state, Work&& work) {
  if (auto tried = work(); !tried) state.SkipWithError(tried.error().text.c_str());
  for (auto _ : state) benchmark::DoNotOptimize(work());
}

void itl_build(benchmark::State& state, std::size_t hosts, wire::Digest digest) {
  const Cluster cluster = cluster_of(hosts, digest);
  repeat(state, [&] { return build_trust_list(itl_fields(cluster), kNow); });
}

void ctl_build(benchmark::State& state, std::size_t hosts, wire::Digest digest) {
  const Cluster cluster = cluster_of(hosts, digest);
  repeat(state, [&] { return build_trust_list(ctl_fields(cluster), kNow); });
}

void itl_verify(benchmark::State& state, std::size_t hosts, wire::Digest digest) {
  const Cluster cluster = cluster_of(hosts, digest);
  const Buffer list = must(build_trust_list(itl_fields(cluster), kNow));
  repeat(state, [&] { return verify_trust_list(list, cluster.tftp.certificate); });
}

// How the builder sees that a list need not be made anew.
void itl_digest(benchmark::State& state, std::size_t hosts, wire::Digest digest) {
  const Cluster cluster = cluster_of(hosts, digest);
  for (auto _ : state) benchmark::DoNotOptimize(fields_digest(itl_fields(cluster)));
}

constexpr std::string_view kFileName = "SEP001122334455.cnf.xml.sgn";

void header_sign(benchmark::State& state, std::size_t size, wire::Digest digest) {
  const Cluster cluster = cluster_of(1, digest);
  const Buffer content(size, 'x');
  repeat(state, [&] { return sign_header(kFileName, content, cluster.tftp, cluster.signing, kNow); });
}

void header_verify(benchmark::State& state, std::size_t size, wire::Digest digest) {
  const Cluster cluster = cluster_of(1, digest);
  const Buffer content(size, 'x');
  const Buffer header = must(sign_header(kFileName, content, cluster.tftp, cluster.signing, kNow));
  repeat(state, [&] { return verify_header(kFileName, header, content, cluster.tftp.certificate); });
}

void register_all() {
  struct Case {
    const char* name;
    void (*run)(benchmark::State&, std::size_t, wire::Digest);
    std::vector<std::size_t> sizes;
  };
  const Case cases[] = {{"itl_build/hosts:", itl_build, {1, 8}},
                        {"ctl_build/hosts:", ctl_build, {1}},
                        {"itl_verify/hosts:", itl_verify, {1, 8}},
                        {"itl_digest/hosts:", itl_digest, {1, 8}},
                        {"header_sign/bytes:", header_sign, {4096, 1 << 20}},
                        {"header_verify/bytes:", header_verify, {4096, 1 << 20}}};
  for (const Case& c : cases) {
    for (std::size_t size : c.sizes) {
      for (wire::Digest digest : kDigests) {
        std::string name = c.name + std::to_string(size) + "/" + std::string(wire::digest_name(digest));
        benchmark::RegisterBenchmark(name.c_str(), c.run, size, digest)->Unit(benchmark::kMicrosecond);
      }
    }
  }
}

}  // namespace
}  // namespace anchord::trust

int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  anchord::trust::register_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
