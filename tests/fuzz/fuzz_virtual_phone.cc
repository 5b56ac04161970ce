// A booting phone that is told anything: it ends each boot, takes no list that is not
// sound, and says in one line how it ended.
#include <algorithm>
#include <array>
#include <string>

#include "../trust/max_wants.h"
#include "anchord/base/reader.h"
#include "anchord/crypto/self_signed.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/lifecycle.h"
#include "anchord/trust/trust_list.h"
#include "anchord/trust/virtual_phone.h"
#include "fuzz.h"

using namespace anchord;
using fuzz::require;
using trust::Served;
using trust::VirtualPhone;

namespace {

constexpr UnixSeconds kNow = 1'800'000'000;
constexpr int kBoots = 4;

trust::Identity identity(const std::string& name) {
  static const crypto::PrivateKey key = crypto::PrivateKey::generate(crypto::KeyKind::rsa2048).value();
  crypto::SelfSignedRequest request{.not_before = kNow, .days = 10};
  request.subject.append("CN", name);
  return {crypto::make_self_signed(key, request).value(), key};
}

trust::Cluster cluster() {
  trust::Cluster made{.hosts = {{"h", {"192.0.2.1"}}},
                      .tvs = {identity("tvs")},
                      .tftp = identity("tftp"),
                      .tftp_ec = identity("ec"),
                      .capf = identity("capf"),
                      .recovery = identity("recovery"),
                      .known = {}};
  made.known = {{.certificate = made.tftp.certificate,
                 .roles = {wire::Role::sast, wire::Role::tftp},
                 .own = trust::Service::tftp}};
  return made;
}

// The states that a phone may meet one after the other, or mixed up.
std::array<Served, 6> make_worlds() {
  trust::Cluster first = cluster();
  trust::Cluster second = trust::with_identity(first, trust::Service::tftp, "", identity("tftp"), kNow);
  trust::Cluster third = trust::with_identity(second, trust::Service::tvs, "h", identity("tvs"), kNow);
  std::array<trust::Cluster, 6> states{
      first, second,   trust::with_mode(second, trust::Mode::mixed), trust::with_rollback(first, true),
      third, cluster()};
  std::array<Served, 6> worlds;
  std::ranges::transform(states, worlds.begin(),
                         [](const auto& state) { return trust::served_by(state, kNow).value(); });
  return worlds;
}

const Served& world(std::uint8_t choice) {
  static const std::array<Served, 6> worlds = make_worlds();
  return worlds[choice % worlds.size()];
}

Buffer file_of(std::uint8_t choice, const std::string& name) {
  const auto& files = world(choice).files;
  auto found = files.find(name);
  return found == files.end() ? Buffer() : found->second;
}

// As it is, with a bit turned, cut, or something else altogether.
Buffer spoiled(Buffer content, Reader& in) {
  std::uint8_t how = in.u8("how") % 4;
  std::size_t at = how == 0 ? 0 : in.u16("where");
  if (how == 1 && !content.empty()) content[at % content.size()] ^= in.u8("bits");
  if (how == 2) content.resize(std::min(content.size(), at));
  if (how == 3) content = to_buffer(in.take(std::min(at, in.left()), "content"));
  return content;
}

// Device's own files, too, are made of the cluster's.
std::string cluster_name(const std::string& name) {
  if (name.starts_with("CTL")) return phone::kCtlFileName;
  if (name.starts_with("ITL")) return phone::kItlFileName;
  return name;
}

VirtualPhone::Want answer(VirtualPhone& phone, const VirtualPhone::Want& want, Reader& in) {
  std::uint8_t choice = in.u8("choice");
  UnixSeconds now = kNow + choice * 1000;
  if (const auto* fetch = std::get_if<VirtualPhone::Fetch>(&want)) {
    if (choice % 8 == 0) return phone.not_found(now);
    if (choice % 8 == 1) return phone.no_file(now);
    return phone.got_file(spoiled(file_of(choice / 8, cluster_name(fetch->name)), in), now);
  }
  const auto& ask = std::get<VirtualPhone::Ask>(want);
  require(ask.server < trust::kMaxTvsServers, "it asks those that it was told of");
  if (choice % 8 == 0) return phone.no_answer(true, now);
  if (choice % 8 == 1) return phone.no_answer(false, now);
  return phone.got_answer(spoiled(trust::answer_of(world(choice / 8), ask.message), in), now);
}

void check_end(const VirtualPhone& phone, const VirtualPhone::Done& done) {
  require(done.reason.empty() == (done.end == trust::BootEnd::fine), "who is not fine says why");
  require(std::ranges::all_of(done.reason, [](char c) { return c >= ' ' && c <= '~'; }),
          "a reason is one line");
  require(done.tvs_trust || done.end == trust::BootEnd::locked, "only who is locked has no trust");
  for (const Buffer& list : {phone.memory().ctl, phone.memory().itl})
    require(list.empty() || wire::parse_trust_list(list), "what it holds can be read");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in({data, size});
  std::uint8_t settings = in.u8("settings");
  std::uint8_t held = in.u8("memory");
  VirtualPhone phone({.security_by_default = settings % 16 != 0, .tvs_servers = settings / 16 % 8u},
                     {.ctl = file_of(held / 16, held % 2 == 0 ? "" : phone::kCtlFileName),
                      .itl = file_of(held / 16, held % 4 < 2 ? "" : phone::kItlFileName),
                      .configuration = {}});
  for (int i = 0; i < kBoots; ++i) {
    VirtualPhone::Want want = phone.boot(kNow);
    std::size_t wants = 0;
    for (; !trust::done(want); ++wants) {
      require(wants < trust::kMaxWants, "a boot ends");
      want = answer(phone, want, in);
    }
    check_end(phone, std::get<VirtualPhone::Done>(want));
    if (in.left() == 0) break;
  }
  Bytes presented = in.rest();
  if (!phone.trusts_https(presented, kNow)) {
    phone.ask_https(presented, 0);
    phone.got_https_answer(presented, presented, kNow);
  }
  return 0;
}
