// What TLS alone costs a server: its calls are timed on the thread's CPU clock, the
// client's are not, and there are no sockets. This is the floor that the service is
// compared with.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "anchord/crypto/self_signed.h"
#include "anchord/crypto/tls.h"
#include "cpu_clock.h"
#include "samples.h"

namespace anchord::crypto {
namespace {

using bench::require;
using bench::timed;
using Outcome = TlsEngine::Outcome;

constexpr std::size_t kRequest = 550;  // a verify request with a usual certificate
constexpr std::size_t kReply = 25;     // its answer

TlsContext server_context(KeyKind kind) {
  PrivateKey key = PrivateKey::generate(kind).value();
  Certificate certificate =
      make_self_signed(
          key, {.subject = Name::parse("CN=tvs.example.com").value(), .not_before = 1800000000, .days = 1})
          .value();
  return TlsContext::server({.certificate = certificate,
                             .key = key,
                             .min = TlsVersion::v1_0,
                             .ticket_keys = TicketKeys::generate()})
      .value();
}

const TlsContext& shared_server(KeyKind kind) {
  static const std::array<TlsContext, 3> contexts{
      server_context(KeyKind::rsa2048), server_context(KeyKind::rsa4096), server_context(KeyKind::p256)};
  return contexts[static_cast<std::size_t>(kind)];
}

// One flight at a time from one engine's room straight into the other.
class Pair {
 public:
  // Returns the seconds that the server took, from making its engine to the end of
  // the handshake.
  double connect(const TlsContext& client, const TlsContext& server, const TlsSession& session) {
    require(client_.start(client).has_value(), "the client does not start");
    client_.set_session(session);
    double spent = timed([&] { require(server_.start(server).has_value(), "the server does not start"); });
    while (!(client_.handshake_done() && server_.handshake_done())) {
      client_.take_into(to_server_);
      Outcome outcome = client_.handshake();
      require(outcome == Outcome::done || outcome == Outcome::want_input, "the client's handshake fails");
      spent += timed([&] {
        server_.take_into(to_client_);
        server_.give(Bytes(to_server_).first(client_.produced()));
        outcome = server_.handshake();
      });
      require(outcome == Outcome::done || outcome == Outcome::want_input, "the server's handshake fails");
      client_.give(Bytes(to_client_).first(server_.produced()));
    }
    return spent;
  }

  // `count` records of requests, `depth` in each, that were made before, and for each
  // of them a record with the replies.
  double exchange(std::size_t count, std::size_t depth = 1) {
    const Buffer request(kRequest * depth), reply(kReply * depth);
    Buffer plain(16384);
    client_.take_into(to_server_);
    for (std::size_t i = 0; i < count; ++i) require(client_.write(request) == Outcome::done, "no room");
    double spent = timed([&] {
      server_.give(Bytes(to_server_).first(client_.produced()));
      server_.take_into(to_client_);
      std::size_t size = 0;
      while (server_.read(plain, size) == Outcome::done) server_.write(reply);
    });
    client_.give(Bytes(to_client_).first(server_.produced()));
    std::size_t replies = 0, size = 0;
    while (client_.read(plain, size) == Outcome::done) ++replies;
    require(replies == count, "a reply is missing");
    return spent;
  }

  double end() {
    client_.reset();
    return timed([&] { server_.reset(); });
  }

  const TlsEngine& client() const { return client_; }
  const TlsEngine& server() const { return server_; }

 private:
  TlsEngine client_, server_;
  Buffer to_server_ = Buffer(1 << 17), to_client_ = Buffer(1 << 17);
};

TlsContext client_context(TlsVersion version, std::string_view ciphers) {
  return TlsContext::client({.min = version, .max = version, .ciphers = std::string(ciphers)}).value();
}

void handshake(benchmark::State& state, TlsVersion version, KeyKind kind, std::string_view ciphers,
               bool resumed) {
  TlsContext client = client_context(version, ciphers);
  const TlsContext& server = shared_server(kind);
  Pair pair;
  TlsSession session;
  if (resumed) {
    pair.connect(client, server, {});
    pair.exchange(1);
    session = pair.client().session();
    pair.end();
  }
  for (auto _ : state) {
    double spent = pair.connect(client, server, session);
    require(pair.server().resumed() == resumed, "a connection is not resumed as asked");
    state.SetIterationTime(spent + pair.end());
  }
  state.SetItemsProcessed(state.iterations());
}

// `count` requests and as many replies: enough that reading the clock does not count.
// With a depth that many share a record, as when a client sends them at once.
void records(benchmark::State& state, TlsVersion version, std::string_view ciphers, std::size_t count,
             std::size_t depth) {
  Pair pair;
  pair.connect(client_context(version, ciphers), shared_server(KeyKind::rsa2048), {});
  for (auto _ : state) state.SetIterationTime(pair.exchange(count / depth, depth));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
  state.SetLabel(std::string(pair.server().cipher()));
}

struct Kind {
  const char* name;
  TlsVersion version;
  std::string_view ciphers;
};

void register_handshakes(const char* key, KeyKind kind) {
  static constexpr Kind kKinds[] = {
      {"1.0-AES256-SHA", TlsVersion::v1_0, "AES256-SHA"}, {"1.1-AES256-SHA", TlsVersion::v1_1, "AES256-SHA"},
      {"1.2-AES256-SHA", TlsVersion::v1_2, "AES256-SHA"}, {"1.0-ECDHE", TlsVersion::v1_0, kDefaultCiphers},
      {"1.1-ECDHE", TlsVersion::v1_1, kDefaultCiphers},   {"1.2-ECDHE", TlsVersion::v1_2, kDefaultCiphers},
      {"1.3", TlsVersion::v1_3, kDefaultCiphers},
  };
  for (const Kind& k : kKinds) {
    if (kind == KeyKind::p256 && k.ciphers == "AES256-SHA") continue;  // an RSA key exchange
    for (bool resumed : {false, true}) {
      std::string name = std::string("handshake/") + key + "/" + k.name + (resumed ? "/resumed" : "/full");
      benchmark::RegisterBenchmark(name.c_str(), handshake, k.version, kind, k.ciphers, resumed)
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

void register_all() {
  register_handshakes("rsa2048", KeyKind::rsa2048);
  register_handshakes("rsa4096", KeyKind::rsa4096);
  register_handshakes("p256", KeyKind::p256);
  for (const Kind& k :
       {Kind{"1.0-AES256-SHA", TlsVersion::v1_0, "AES256-SHA"},
        Kind{"1.2", TlsVersion::v1_2, kDefaultCiphers}, Kind{"1.3", TlsVersion::v1_3, kDefaultCiphers}}) {
    for (auto [count, depth] : {std::pair<std::size_t, std::size_t>{100, 1}, {160, 16}}) {
      std::string name = "request-reply-x" + std::to_string(count) + "/" + k.name;
      if (depth > 1) name += "/depth:" + std::to_string(depth);
      benchmark::RegisterBenchmark(name.c_str(), records, k.version, k.ciphers, count, depth)
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace
}  // namespace anchord::crypto

int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  anchord::crypto::register_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
