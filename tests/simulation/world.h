// A shard on a simulated ring, with phones around it: a cluster of real
// certificates, TLS clients that check every byte that they are answered, and TFTP
// clients that lose packets.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchord/crypto/certificate.h"
#include "anchord/crypto/private_key.h"
#include "anchord/crypto/tls.h"
#include "anchord/service/shard.h"
#include "anchord/wire/tftp.h"
#include "anchord/wire/tvs.h"
#include "sim_ring.h"

namespace anchord::sim {

crypto::Certificate certificate(const std::string& name);  // of tests/data/certs
crypto::PrivateKey private_key(const std::string& name);

// `blocks` of 512 bytes and a few more, different for each `mark`.
Buffer file_content(std::uint8_t mark, std::size_t size);

struct WorldSettings {
  io::SimSettings ring;
  service::ShardSettings shard;
  crypto::TlsVersion tls_min = crypto::TlsVersion::v1_2;
  bool https_ready = true;  // there is a certificate for it
  // What stands between the shard and its ring; none: nothing.
  std::function<std::unique_ptr<io::Ring>(io::SimRing&)> ring_of;
};

// For clients of either version, made once: what is under test is the server.
const crypto::TlsContext& client_context(crypto::TlsVersion version);

class World {
 public:
  explicit World(WorldSettings settings);
  ~World();

  void publish(std::vector<index::FileChange> changes);  // the next view
  // Lets virtual time pass; `each_tick` runs after every tick of the shard.
  template <class EachTick>
  void run_for(Millis time, EachTick&& each_tick) {
    sim.run_until(sim.time() + time);
    while (sim.pending() && alive) {
      alive = shard->tick();
      each_tick();
    }
  }
  void run_for(Millis time) {
    run_for(time, [] {});
  }

  io::Address peer(unsigned host, std::uint16_t port) const;  // 10.0.x.y:port

  io::SimRing sim;
  std::unique_ptr<io::Ring> between;
  int listener;
  int http_listener;
  int https_listener;
  int tftp_requests;
  std::vector<int> tftp_transfers;
  service::ViewPublisher publisher{1};
  service::GuessGuard guard;
  service::Counters counters;
  service::ActivityLog activity;
  std::unique_ptr<service::Shard> shard;
  bool alive = true;
  // What the view says of the certificate of TVS.
  static constexpr std::array<std::uint8_t, 8> presented{0xa1, 2, 3, 4, 5, 6, 7, 0xf8};

 private:
  crypto::TlsContext tls_;
  bool https_ready_;
  index::CertificateIndex certificates_;
  index::FileTable files_;
  std::uint64_t version_ = 0;
};

// A TLS client that asks a fixed list of questions and knows the right answers.
class Phone {
 public:
  struct Manner {
    crypto::TlsVersion version = crypto::TlsVersion::v1_3;
    unsigned questions = 3;
    unsigned at_once = 1;         // asked before an answer is waited for; 0: never asks
    std::size_t piece = 1 << 16;  // bytes of requests in one TLS record
    bool close_after = true;
    std::uint64_t seed = 1;
  };

  Phone(World& world, unsigned host, const Manner& manner);

  void pump();  // after each tick
  unsigned answers() const { return answered_; }
  bool satisfied() const { return answered_ == manner_.questions; }
  bool handshaken() const { return engine_.handshake_done(); }
  bool ended() const { return ended_; }  // the server has closed it, gracefully or not
  int peer() const { return peer_; }
  void send_raw(Bytes plain);  // as part of the TLS stream

 private:
  void ask();
  void check_answers();
  void flush();

  World& world_;
  Manner manner_;
  crypto::TlsEngine engine_;
  int peer_;
  Buffer room_;
  Buffer answers_;  // plaintext not yet judged
  Buffer to_ask_;
  std::vector<std::size_t> boundaries_;  // where each question ends in to_ask_
  std::vector<Buffer> expected_;
  std::size_t sent_ = 0;
  unsigned answered_ = 0;
  bool closed_ = false;
  bool ended_ = false;
};

// A TFTP client: acknowledges each window, and what came in order when something did
// not, repeats itself when nothing comes, and begins anew when the server has given
// the transfer up.
class Fetcher {
 public:
  Fetcher(World& world, unsigned host, std::string file, wire::TftpOptions options, Millis timeout = 300,
          wire::TftpMode mode = wire::TftpMode::octet);

  void take(const io::SimDatagram& datagram);
  void tick();  // repeats the last packet when it is time
  bool mine(const io::SimDatagram& datagram) const { return datagram.to == self_; }
  bool done() const { return done_; }
  std::optional<wire::TftpErrorCode> error() const { return error_; }
  const Buffer& content() const { return content_; }
  unsigned packets_received() const { return received_; }
  void go_silent() { silent_ = true; }

 private:
  void request();
  void send(Buffer packet);
  void on_oack(const wire::TftpOptions& negotiated);
  void on_data(const wire::TftpData& data);
  void acknowledge(std::uint64_t block);

  World& world_;
  io::Address self_;
  std::string file_;
  wire::TftpOptions asked_;
  wire::TftpMode mode_;
  Millis timeout_;
  Millis last_sent_ = 0;
  Buffer last_packet_;
  int socket_;
  std::size_t block_size_ = wire::kTftpDefaultBlockSize;
  unsigned window_ = 1;
  unsigned unacknowledged_ = 0;
  std::uint64_t next_ = 1;
  Buffer content_;
  unsigned received_ = 0;
  bool done_ = false;
  bool silent_ = false;
  std::optional<wire::TftpErrorCode> error_;
};

// Hands what the shard has sent to the fetchers, and lets them repeat.
void deliver(World& world, std::vector<std::unique_ptr<Fetcher>>& fetchers);

}  // namespace anchord::sim
