#include "world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "anchord/base/file.h"
#include "anchord/crypto/name.h"

namespace anchord::sim {
namespace {

constexpr std::uint32_t kTtl = 86400;
const std::uint8_t kTftpRoles[] = {0, 3};
const std::uint8_t kAppRoles[] = {7};

Buffer test_file(const std::string& name) {
  auto content = read_file(std::string(ANCHORD_TEST_DATA) + "/" + name, 1 << 20);
  if (!content) throw std::runtime_error(content.error().text);
  return *content;
}

std::uint64_t key_of(const crypto::Certificate& c) {
  crypto::NormalName issuer;
  EXPECT_TRUE(issuer.from_der(c.issuer_der()));
  return index::name_key(issuer.text(), c.serial());
}

crypto::TlsContext server_context(crypto::TlsVersion min) {
  crypto::TlsServerSettings settings{.certificate = certificate("app-ec"),
                                     .key = private_key("app-ec"),
                                     .min = min,
                                     .ticket_keys = crypto::TicketKeys::generate()};
  return crypto::TlsContext::server(settings).value();
}

}  // namespace

const crypto::TlsContext& client_context(crypto::TlsVersion version) {
  static const auto v1_2 = crypto::TlsContext::client({.max = crypto::TlsVersion::v1_2}).value();
  static const auto v1_3 = crypto::TlsContext::client({}).value();
  return version == crypto::TlsVersion::v1_2 ? v1_2 : v1_3;
}

crypto::Certificate certificate(const std::string& name) {
  return crypto::Certificate::from_pem_or_der(test_file("certs/" + name + ".crt")).value();
}

crypto::PrivateKey private_key(const std::string& name) {
  return crypto::PrivateKey::from_pem_or_der(test_file("certs/" + name + ".key")).value();
}

Buffer file_content(std::uint8_t mark, std::size_t size) {
  Buffer out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(mark + i / 7 + i);
  return out;
}

World::World(WorldSettings settings)
    : sim(settings.ring),
      between(settings.ring_of ? settings.ring_of(sim) : nullptr),
      listener(sim.add_listener()),
      http_listener(sim.add_listener()),
      https_listener(sim.add_listener()),
      guard(settings.shard.max_unknown_devices, settings.ring.faults.seed),
      tls_(server_context(settings.tls_min)),
      https_ready_(settings.https_ready) {
  using Change = index::CertificateChange;
  crypto::Certificate tftp = certificate("tftp");
  crypto::Certificate odd = certificate("app-odd");
  std::vector<Change> changes = {{.kind = Change::Kind::put,
                                  .der = tftp.der(),
                                  .roles = kTftpRoles,
                                  .ttl = kTtl,
                                  .name_key = key_of(tftp),
                                  .serial_key = index::serial_key(tftp.serial())},
                                 {.kind = Change::Kind::put,
                                  .der = odd.der(),
                                  .roles = kAppRoles,
                                  .ttl = kTtl,
                                  .name_key = key_of(odd),
                                  .serial_key = index::serial_key(odd.serial())}};
  certificates_ = certificates_.with(changes);
  io::Host local = io::parse_host("10.1.1.1").value();
  tftp_requests = sim.add_udp_socket({.host = local, .port = 69});
  for (std::uint16_t port : {50001, 50002, 50003}) {
    tftp_transfers.push_back(sim.add_udp_socket({.host = local, .port = port}));
  }
  publish({{.name = "ITLFile.tlv", .body = index::FileBody{.content = index::Blob(file_content(1, 8812))}}});
  service::ShardSockets sockets{
      .tvs = {listener},
      .http = {http_listener},
      .https = {https_listener},
      .tftp = {{.requests = tftp_requests, .transfers = tftp_transfers, .v4 = true}}};
  shard = std::make_unique<service::Shard>(0, between ? *between : sim, settings.shard, sockets, publisher,
                                           guard, settings.ring.faults.seed, counters, activity);
}

World::~World() {
  shard.reset();
}

void World::publish(std::vector<index::FileChange> changes) {
  files_ = files_.with(changes);
  auto view = std::make_unique<service::View>();
  view->own_lists = std::ranges::any_of(changes, [](const index::FileChange& change) {
    return change.name.starts_with("ITLSEP") || change.name.starts_with("CTLSEP");
  });
  view->version = ++version_;
  view->certificates = certificates_;
  view->files = files_;
  view->tls = {tls_};
  view->tvs_certificate = presented;
  if (https_ready_) view->https_tls = {tls_};
  publisher.publish(std::move(view));
  sim.wake();
}

io::Address World::peer(unsigned host, std::uint16_t port) const {
  io::Address out = io::parse_address("10.0.0.0", port).value();
  out.host.bytes[14] = static_cast<std::uint8_t>(host >> 8);
  out.host.bytes[15] = static_cast<std::uint8_t>(host);
  return out;
}

// The room takes all that one tick can have to say: every question, and a handshake.
Phone::Phone(World& world, unsigned host, const Manner& manner)
    : world_(world), manner_(manner), room_(1 << 20) {
  std::mt19937_64 random(manner.seed);
  crypto::Certificate known = certificate("tftp");
  crypto::Certificate odd = certificate("app-odd");
  crypto::Certificate unknown = certificate("phone");
  const Bytes device = as_bytes("CP-8861-SEP001122334455");
  for (unsigned i = 0; i < manner.questions; ++i) {
    Buffer request(8192);
    Buffer response(8192);
    Writer in(request);
    Writer out(response);
    auto session = static_cast<std::uint32_t>(random());
    std::string issuer =
        odd.issuer().to_text(random() % 2 ? crypto::NameSpelling::vendor : crypto::NameSpelling::open);
    switch (random() % 4) {
      case 0:
        wire::write_verify_request(in, {session, device, known.der()});
        wire::write_verify_response(out, session, true, kTftpRoles, kTtl);
        break;
      case 1:
        wire::write_verify_request(in, {session, device, unknown.der()});
        wire::write_verify_response(out, session, false, {}, 0);
        break;
      case 2:
        wire::write_query_request(in, {session, device, issuer, issuer, odd.serial()});
        wire::write_query_response(out, session, odd.der(), kAppRoles, kTtl);
        break;
      default:
        wire::write_query_request(in, {session, device, "", issuer, known.serial()});
        wire::write_query_response(out, session, {}, {}, 0);
    }
    request.resize(in.size());
    response.resize(out.size());
    to_ask_.insert(to_ask_.end(), request.begin(), request.end());
    boundaries_.push_back(to_ask_.size());
    expected_.push_back(std::move(response));
  }
  EXPECT_TRUE(engine_.start(client_context(manner.version)));
  peer_ = world.sim.connect(world.listener, world.peer(host, static_cast<std::uint16_t>(1024 + host)));
  engine_.take_into(room_);
  engine_.handshake();
  flush();
}

void Phone::flush() {
  if (engine_.produced() > 0) world_.sim.peer_send(peer_, Bytes(room_).first(engine_.produced()));
  engine_.take_into(room_);
}

void Phone::pump() {
  if (ended_) return;
  Buffer more = world_.sim.peer_take(peer_);
  if (world_.sim.peer_closed_by_server(peer_) && more.empty()) {
    ended_ = true;
    return;
  }
  engine_.take_into(room_);
  if (!more.empty()) engine_.give(more);
  if (!engine_.handshake_done()) {
    auto outcome = engine_.handshake();
    EXPECT_NE(outcome, crypto::TlsEngine::Outcome::failed) << engine_.failure();
  }
  if (engine_.handshake_done()) {
    for (;;) {
      Buffer plain(4096);
      std::size_t count = 0;
      auto outcome = engine_.read(plain, count);
      if (outcome == crypto::TlsEngine::Outcome::peer_closed || outcome == crypto::TlsEngine::Outcome::failed)
        ended_ = true;
      if (outcome != crypto::TlsEngine::Outcome::done) break;
      answers_.insert(answers_.end(), plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(count));
    }
    check_answers();
    if (!ended_) ask();
  }
  EXPECT_EQ(engine_.unread(), 0u);
  flush();
}

void Phone::ask() {
  while (manner_.at_once > 0 && sent_ < to_ask_.size()) {
    // As many whole questions as may wait for answers at once, in pieces of any size.
    std::size_t last = std::min<std::size_t>(answered_ + manner_.at_once, boundaries_.size());
    std::size_t end = std::min(boundaries_[last - 1], sent_ + manner_.piece);
    if (end <= sent_) return;
    if (engine_.write(Bytes(to_ask_).subspan(sent_, end - sent_)) != crypto::TlsEngine::Outcome::done) {
      ADD_FAILURE() << "cannot write a question: " << engine_.failure();
      return;
    }
    sent_ = end;
    if (engine_.produced() > room_.size() / 2) flush();
  }
  if (satisfied() && manner_.close_after && !closed_) {
    engine_.close();
    closed_ = true;
  }
}

void Phone::check_answers() {
  while (answered_ < expected_.size() && answers_.size() >= expected_[answered_].size()) {
    const Buffer& right = expected_[answered_];
    ASSERT_TRUE(same_bytes(Bytes(answers_).first(right.size()), right))
        << "answer " << answered_ << " is wrong";
    answers_.erase(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(right.size()));
    ++answered_;
  }
  EXPECT_TRUE(answered_ < expected_.size() || answers_.empty()) << "more was answered than asked";
}

void Phone::send_raw(Bytes plain) {
  engine_.take_into(room_);
  ASSERT_EQ(engine_.write(plain), crypto::TlsEngine::Outcome::done);
  flush();
}

Fetcher::Fetcher(World& world, unsigned host, std::string file, wire::TftpOptions options, Millis timeout,
                 wire::TftpMode mode)
    : world_(world),
      self_(world.peer(host, static_cast<std::uint16_t>(2000 + host))),
      file_(std::move(file)),
      asked_(options),
      mode_(mode),
      timeout_(timeout),
      socket_(world.tftp_requests) {
  request();
}

void Fetcher::request() {
  socket_ = world_.tftp_requests;
  block_size_ = wire::kTftpDefaultBlockSize;
  window_ = 1;
  unacknowledged_ = 0;
  next_ = 1;
  content_.clear();
  Buffer packet(wire::kMaxTftpRequest);
  Writer out(packet);
  wire::write_tftp_request(out, {.file = file_, .mode = mode_, .options = asked_});
  packet.resize(out.size());
  send(std::move(packet));
}

void Fetcher::send(Buffer packet) {
  last_packet_ = std::move(packet);
  last_sent_ = world_.sim.time();
  world_.sim.datagram(socket_, self_, last_packet_);
  world_.sim.at(last_sent_ + timeout_, [] {});  // time stops there, for tick()
}

void Fetcher::tick() {
  if (!done_ && !error_ && !silent_ && world_.sim.time() >= last_sent_ + timeout_) send(last_packet_);
}

void Fetcher::take(const io::SimDatagram& datagram) {
  ++received_;
  if (silent_) return;
  auto packet = wire::parse_tftp(datagram.bytes);
  ASSERT_TRUE(packet) << packet.error().text();
  bool begun = socket_ != world_.tftp_requests;
  if (begun && datagram.socket != socket_) return;  // another transfer's, of a repeated request
  if (const auto* failed = std::get_if<wire::TftpError>(&*packet)) {
    if (done_) return;
    if (failed->code == wire::TftpErrorCode::unknown_transfer) return request();
    error_ = failed->code;
    return;
  }
  if (!begun) socket_ = datagram.socket;
  if (const auto* oack = std::get_if<wire::TftpOack>(&*packet)) {
    if (next_ == 1) on_oack(oack->options);
  } else if (const auto* data = std::get_if<wire::TftpData>(&*packet)) {
    on_data(*data);
  }
}

void Fetcher::on_oack(const wire::TftpOptions& negotiated) {
  EXPECT_EQ(negotiated.blksize.has_value(), asked_.blksize.has_value());
  EXPECT_EQ(negotiated.windowsize.has_value(), asked_.windowsize.has_value());
  block_size_ = negotiated.blksize.value_or(wire::kTftpDefaultBlockSize);
  window_ = negotiated.windowsize.value_or(1);
  EXPECT_LE(block_size_, asked_.blksize.value_or(wire::kTftpDefaultBlockSize));
  EXPECT_LE(window_, asked_.windowsize.value_or(1));
  acknowledge(0);
}

void Fetcher::on_data(const wire::TftpData& data) {
  bool is_next = data.block == static_cast<std::uint16_t>(next_);
  if (is_next && !done_) {
    EXPECT_LE(data.payload.size(), block_size_);
    content_.insert(content_.end(), data.payload.begin(), data.payload.end());
    ++next_;
    done_ = data.payload.size() < block_size_;
    if (++unacknowledged_ == window_ || done_) acknowledge(next_ - 1);
  } else {
    // A gap; or what came before, and our acknowledgement may have been lost.
    acknowledge(next_ - 1);
  }
}

void Fetcher::acknowledge(std::uint64_t block) {
  unacknowledged_ = 0;
  Buffer packet(4);
  Writer out(packet);
  wire::write_tftp_ack(out, static_cast<std::uint16_t>(block));
  send(std::move(packet));
}

void deliver(World& world, std::vector<std::unique_ptr<Fetcher>>& fetchers) {
  for (const io::SimDatagram& datagram : world.sim.take_datagrams()) {
    for (auto& fetcher : fetchers)
      if (fetcher->mine(datagram)) fetcher->take(datagram);
  }
  for (auto& fetcher : fetchers) fetcher->tick();
}

}  // namespace anchord::sim
