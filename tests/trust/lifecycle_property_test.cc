// Random sequences of everything that administrators and phones do, on two clusters.
// With the guards on no phone ever locks, neither one that is on nor one that comes back
// after any time; with one of them off, phones do.
//
// ANCHORD_PROPERTY_SEEDS: how many sequences (default kSeeds); a failure names its seed,
// and ANCHORD_PROPERTY_FIRST begins there.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "anchord/trust/lifecycle.h"
#include "clusters.h"

namespace anchord::trust {
namespace {

using wire::Role;

constexpr unsigned kSeeds = 8;
constexpr int kSteps = 60;
constexpr std::size_t kPhones = 5;

enum class Change { tvs, tftp, other_service, mode, rollback, cancel, remove };

unsigned number_of(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

struct Office {
  Cluster cluster;
  Served served;
};

struct Desk {
  VirtualPhone phone;
  std::size_t office;
  PhoneMemory before;   // what it held before its last boot: a ledger may not know better
  bool touched = true;  // it, or what it finds, has changed
};

class Life {
 public:
  Life(unsigned seed, std::set<Change> unguarded)
      : random_(seed), unguarded_(std::move(unguarded)), conservative_(seed % 2 == 1) {
    for (const char* name : {"a", "b"}) {
      Cluster cluster = new_cluster(name, 1 + below(3));
      offices_.push_back({cluster, served(cluster, now_)});
    }
    for (std::size_t i = 0; i < kPhones; ++i)
      desks_.push_back(
          {VirtualPhone({.name = "SEP00000000000" + std::to_string(i), .tvs_servers = 3}), i % 2, {}});
  }

  // False as soon as a phone is or would be locked; what() says how it came to that.
  bool run() {
    for (int step = 0; step < kSteps; ++step)
      if (!one_step() || !all_could_boot()) return false;
    return true;
  }
  const std::string& what() const { return log_; }
  int allowed() const { return allowed_; }
  int refused() const { return refused_; }
  int moves() const { return moves_; }

 private:
  std::size_t below(std::size_t end) { return random_() % end; }
  void note(const std::string& text) { log_ += text + "\n"; }

  bool one_step() {
    now_ += below(4) == 0 ? static_cast<UnixSeconds>(below(200000)) : 60;
    std::size_t at = below(2);
    switch (below(20)) {
      case 0:
      case 1:
      case 2:
        return regenerate(at, Service::tvs);
      case 3:
      case 4:
      case 5:
        return regenerate(at, Service::tftp);
      case 6:
        return regenerate(at, std::array{Service::tftp_ec, Service::capf, Service::recovery}[below(3)]);
      case 7:
        return set_mode(at);
      case 8:
      case 9:
        return roll(at);
      case 10:
        return remove(at);
      case 11:
        return drop_unneeded(at);
      case 12:
        return import_bundle(at);
      case 13:
        return move(desks_[below(kPhones)]);
      default:
        return boot(desks_[below(kPhones)]);
    }
  }

  std::vector<Holders> holders(std::size_t at) const {
    std::vector<Holders> groups;
    for (const Desk& desk : desks_) {
      if (desk.office != at) continue;
      groups.push_back(holders_of(desk.phone.memory(), desk.phone.settings().name));
      if (conservative_) groups.push_back(holders_of(desk.before, desk.phone.settings().name));
    }
    return groups;
  }

  bool apply(std::size_t at, Change change, const std::string& text, const Cluster& after) {
    Office& office = offices_[at];
    auto locked = who_would_lock(office.cluster, after, holders(at), now_).value();
    if (locked && !unguarded_.contains(change)) {
      ++refused_;
      return true;
    }
    ++allowed_;
    note(office.cluster.name + ": " + text + (locked ? ", which locks" : ""));
    office.cluster = after;
    office.served = served(after, now_);
    touch(at);
    return true;
  }

  bool regenerate(std::size_t at, Service service) {
    const Cluster& cluster = offices_[at].cluster;
    std::size_t host = below(cluster.hosts.size());
    Change change = service == Service::tvs    ? Change::tvs
                    : service == Service::tftp ? Change::tftp
                                               : Change::other_service;
    return apply(at, change, "regenerate " + std::string(service_name(service)) + " " + std::to_string(host),
                 regenerated(cluster, service, host, now_));
  }

  bool set_mode(std::size_t at) {
    const Cluster& cluster = offices_[at].cluster;
    if (cluster.rolling_back) return true;
    Mode mode = cluster.mode == Mode::mixed ? Mode::nonsecure : Mode::mixed;
    return apply(at, Change::mode, "mode " + std::string(mode_name(mode)), with_mode(cluster, mode));
  }

  bool roll(std::size_t at) {
    const Cluster& cluster = offices_[at].cluster;
    if (cluster.rolling_back)
      return apply(at, Change::cancel, "rollback cancel", with_rollback(cluster, false));
    if (cluster.mode == Mode::mixed) return true;
    return apply(at, Change::rollback, "rollback prepare", with_rollback(cluster, true));
  }

  bool remove(std::size_t at) {
    const Cluster& cluster = offices_[at].cluster;
    const KnownCertificate& known = cluster.known[below(cluster.known.size())];
    if (known.own) return true;
    auto held = holders(at);
    bool needed =
        (known.retired_from && who_needs(known.certificate, held)) || who_could_not_move(known, held);
    if (needed && !unguarded_.contains(Change::remove)) {
      ++refused_;
      return true;
    }
    return apply(at, Change::remove, "remove " + known.certificate.subject().to_vendor(),
                 without_certificate(cluster, known.certificate));
  }

  bool drop_unneeded(std::size_t at) {
    Office& office = offices_[at];
    auto held = holders(at);
    std::erase_if(office.cluster.known, [&](const KnownCertificate& known) {
      return known.retired_from && known.retired_at < now_ - 86400 && !who_needs(known.certificate, held);
    });
    office.served = served(office.cluster, now_);
    touch(at);
    return true;
  }

  // What is there already gets the roles of the bundle, as in the store.
  bool import_bundle(std::size_t at) {
    Cluster& cluster = offices_[at].cluster;
    const Cluster& other = offices_[1 - at].cluster;
    note(cluster.name + ": import of " + other.name);
    for (const auto& [certificate, roles] :
         {std::pair(other.tftp.certificate, std::vector{Role::sast, Role::tftp}),
          std::pair(other.recovery.certificate, std::vector{Role::sast}),
          std::pair(other.capf.certificate, std::vector{Role::capf})}) {
      cluster = without_certificate(cluster, certificate);
      cluster.known.push_back({.certificate = certificate, .roles = roles, .own = {}});
    }
    offices_[at].served = served(cluster, now_);
    touch(at);
    return true;
  }

  // As the procedure says: up to date at home, and both clusters know each other.
  bool move(Desk& desk) {
    const Office& home = offices_[desk.office];
    const Office& other = offices_[1 - desk.office];
    if (home.cluster.rolling_back || other.cluster.rolling_back) return true;
    auto knows = [&](const KnownCertificate& known) {
      return known.certificate == other.cluster.tftp.certificate &&
             std::ranges::find(known.roles, Role::sast) != known.roles.end();
    };
    if (std::ranges::none_of(home.cluster.known, knows)) return true;
    if (!end(desk, boot_in_memory(desk.phone, home.served, now_))) return false;
    Served abroad{.files = other.served.files, .tvs = home.served.tvs, .answered = home.served.answered};
    note(desk.phone.settings().name + ": moves to " + other.cluster.name);
    if (!end(desk, boot_in_memory(desk.phone, abroad, now_))) return false;
    desk.office = 1 - desk.office;
    desk.before = desk.phone.memory();
    desk.touched = true;
    ++moves_;
    return true;
  }

  // On and reachable, or not quite: answers are lost, or the power goes in the middle.
  bool boot(Desk& desk) {
    const Served& found = offices_[desk.office].served;
    desk.before = desk.phone.memory();
    desk.touched = true;
    // A phone that was off has lost its answers.
    if (below(2) == 0) desk.phone = forgetful(desk.phone);
    std::size_t trouble = below(3) == 0 ? 1 + below(3) : 1000;
    std::size_t wants = below(6) == 0 ? below(8) : 1000;
    note(desk.phone.settings().name + ": boots");
    VirtualPhone::Want want = desk.phone.boot(now_);
    for (; !done(want); --wants) {
      if (wants == 0) return true;
      bool lost = below(trouble) == 0 && trouble != 1000;
      if (const auto* fetch = std::get_if<VirtualPhone::Fetch>(&want)) {
        auto file = found.files.find(fetch->name);
        want = lost                        ? desk.phone.no_file(now_)
               : file == found.files.end() ? desk.phone.not_found(now_)
                                           : desk.phone.got_file(file->second, now_);
        continue;
      }
      const auto& ask = std::get<VirtualPhone::Ask>(want);
      bool trusted = ask.server < found.tvs.size() && desk.phone.trusts_tvs(found.tvs[ask.server].der());
      want = lost       ? desk.phone.no_answer(false, now_)
             : !trusted ? desk.phone.no_answer(true, now_)
                        : desk.phone.got_answer(answer_of(found, ask.message), now_);
    }
    return end(desk, std::get<VirtualPhone::Done>(want));
  }

  bool end(const Desk& desk, const VirtualPhone::Done& done) {
    if (done.end != BootEnd::locked) return true;
    note(desk.phone.settings().name + ": locked: " + done.reason);
    return false;
  }

  // Whoever comes back now, with no answers kept, takes what is served.
  bool all_could_boot() {
    for (Desk& desk : desks_) {
      if (!std::exchange(desk.touched, false)) continue;
      VirtualPhone phone = forgetful(desk.phone);
      const Served& found = offices_[desk.office].served;
      if (boot_in_memory(phone, found, now_).end == BootEnd::fine) continue;
      if (!end(desk, boot_in_memory(phone, found, now_))) return false;
    }
    return true;
  }

  void touch(std::size_t at) {
    for (Desk& desk : desks_) desk.touched |= desk.office == at;
  }

  std::mt19937 random_;
  std::set<Change> unguarded_;
  bool conservative_;
  UnixSeconds now_ = kStart;
  std::vector<Office> offices_;
  std::vector<Desk> desks_;
  std::string log_;
  int allowed_ = 0;
  int refused_ = 0;
  int moves_ = 0;
};

TEST(Lifecycle, WithTheGuardsOnNoPhoneEverLocks) {
  unsigned first = number_of("ANCHORD_PROPERTY_FIRST", 1);
  int allowed = 0;
  int refused = 0;
  int moves = 0;
  for (unsigned seed = first; seed < first + number_of("ANCHORD_PROPERTY_SEEDS", kSeeds); ++seed) {
    Life life(seed, {});
    ASSERT_TRUE(life.run()) << "seed " << seed << "\n" << life.what();
    allowed += life.allowed();
    refused += life.refused();
    moves += life.moves();
  }
  // Guards that refuse everything, or are never asked, would prove nothing.
  EXPECT_GT(allowed, 50);
  EXPECT_GT(refused, 10);
  EXPECT_GT(moves, 0);
  RecordProperty("allowed", allowed);
  RecordProperty("refused", refused);
}

class WithoutAGuard : public testing::TestWithParam<Change> {};
INSTANTIATE_TEST_SUITE_P(Of, WithoutAGuard, testing::Values(Change::tvs, Change::tftp, Change::rollback));

TEST_P(WithoutAGuard, SomePhoneLocks) {
  for (unsigned seed = 1; seed <= 60; ++seed)
    if (!Life(seed, {GetParam()}).run()) return;
  FAIL() << "nothing needs this guard";
}

}  // namespace
}  // namespace anchord::trust
