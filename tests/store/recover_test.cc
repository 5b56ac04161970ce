// The way back for phones that the present lists do not reach.
#include "anchord/store/recover.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "anchord/phone/file_kind.h"
#include "anchord/trust/belief.h"
#include "anchord/trust/served.h"
#include "anchord/trust/virtual_phone.h"
#include "boots.h"
#include "fixture.h"
#include "tables/former_keys.h"

namespace anchord::store {
namespace {

using trust::ListKind;
using trust::Service;

class Recover : public StoreTest {
 protected:
  trust::Cluster load() { return store_.load(KeyUse::with_keys).value().cluster; }
  void force(Service service, std::string_view host = {}) {
    auto done = regenerate(store_, service, host, forced());
    ASSERT_TRUE(done) << done.error().text;
  }
  // The phone holds a list that knows none of the present keys but, perhaps, the recovery key.
  void lock_out() {
    ASSERT_TRUE(boot_whole(store_, kPhone));
    held_ = current_itl(store_, load(), calendar_now()).value().content;
    force(Service::tvs);
    force(Service::tvs, "cucm2");
    force(Service::tftp);
  }
  RecoveredPhone recover_one(std::vector<trust::Identity> keys = {}) {
    auto done = recover_phones(store_, {.devices = {kPhone}, .keys = std::move(keys)});
    if (!done) throw std::runtime_error(done.error().text);
    return done->at(0);
  }
  // What a phone that holds the list makes of what is served to it.
  trust::PhoneMemory boot_really() {
    trust::VirtualPhone phone({.name = kPhone, .tvs_servers = 2},
                              {.ctl = {}, .itl = held_, .configuration = {}});
    auto served = trust::served_by(load(), calendar_now()).value();
    auto lists = recovery_lists(store_).value();
    for (const OwnList& list : lists) served.files[list.name] = list.content;
    (void)trust::boot_in_memory(phone, served, calendar_now());
    return phone.memory();
  }

  Store store_ = open();
  Buffer held_;
};

TEST_F(Recover, NobodyNeedsAWayBackWhoIsNotLost) {
  ASSERT_TRUE(boot_whole(store_, kPhone));
  EXPECT_TRUE(locked_phones(store_, calendar_now())->empty());
  EXPECT_TRUE(phones_behind(store_)->empty());
  EXPECT_TRUE(unsettled_phones(store_)->empty());
  EXPECT_TRUE(recovery_lists(store_)->empty());
}

TEST_F(Recover, ALockedPhoneTakesAListByTheRecoveryKey) {
  lock_out();
  EXPECT_EQ(locked_phones(store_, calendar_now()).value(), std::set<std::string>{kPhone});
  EXPECT_EQ(boot_really().itl, held_) << "it is really locked";
  auto counter = store_.change_counter().value();
  RecoveredPhone done = recover_one();
  EXPECT_EQ(done.reason, "");
  EXPECT_NE(done.signer.find("ITLRECOVERY"), std::string::npos);
  EXPECT_EQ(store_.change_counter().value(), counter + 1);
  auto lists = recovery_lists(store_).value();
  ASSERT_EQ(lists.size(), 1U);
  EXPECT_EQ(lists[0].name, "ITL" + std::string(kPhone) + ".tlv");
  held_ = boot_really().itl;
  EXPECT_EQ(held_, lists[0].content);

  // Seen to be well, it gets the cluster's list again, and takes it.
  EXPECT_TRUE(end_recoveries(store_)->empty());
  Seen seen(kPhone);
  ASSERT_TRUE(
      note(store_, seen.asked(ListKind::ctl).given(ListKind::itl, list_version(lists[0].content)).acted()));
  EXPECT_EQ(end_recoveries(store_).value(), std::vector<std::string>{kPhone});
  EXPECT_TRUE(recovery_lists(store_)->empty());
  EXPECT_NE(boot_really().itl, held_);
  EXPECT_TRUE(locked_phones(store_, calendar_now())->empty());
}

TEST_F(Recover, AFormerTftpKeyIsKeptForThat) {
  lock_out();
  force(Service::recovery);
  RecoveredPhone done = recover_one();
  EXPECT_EQ(done.reason, "");
  EXPECT_NE(done.signer.find("cucm1"), std::string::npos);
  EXPECT_EQ(boot_really().itl, recovery_lists(store_).value()[0].content);
  // Nothing in the database shows the key.
  EXPECT_EQ(read_database().find("PRIVATE KEY"), std::string::npos);
}

TEST_F(Recover, AKeyOfABackupCanBeGiven) {
  trust::Identity former = load().tftp;
  lock_out();
  force(Service::recovery);
  {
    auto database = Database::open(database_, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.run("DELETE FROM former_keys"));
  }
  RecoveredPhone none = recover_one();
  EXPECT_EQ(none.signer, "");
  expect_text(none.reason, {"no key", "--key"});
  EXPECT_TRUE(recovery_lists(store_)->empty());
  EXPECT_EQ(recover_one({former}).reason, "");
  EXPECT_EQ(boot_really().itl, recovery_lists(store_).value()[0].content);
}

TEST_F(Recover, WhoseListsNobodyKnowsHasNoWayBack) {
  EXPECT_NE(recover_one().reason, "");
  Seen seen(kPhone);
  ASSERT_TRUE(note(store_, seen.given(ListKind::itl, 12345).acted()));
  expect_text(recover_one().reason, {"by hand"});
}

TEST_F(Recover, WhoWentOnAndWasNotSeenToAcceptIsHelpedByItself) {
  ASSERT_TRUE(boot_whole(store_, kPhone));
  force(Service::tftp);
  auto itl = list_version(current_itl(store_, load(), calendar_now()).value().content);
  Seen seen(kPhone);
  ASSERT_TRUE(note(store_, seen.asked(ListKind::ctl).given(ListKind::itl, itl).acted()));
  EXPECT_EQ(phones_behind(store_).value(), std::set<std::string>{kPhone});
  auto unsettled = unsettled_phones(store_).value();
  ASSERT_EQ(unsettled, std::set<std::string>{kPhone});
  ASSERT_EQ(recover_phones(store_, {.devices = unsettled, .by_itself = true})->size(), 1U);
  EXPECT_TRUE(recover_phones(store_, {.devices = unsettled, .by_itself = true})->empty()) << "it has one";
  auto own = list_version(recovery_lists(store_).value()[0].content);
  Seen next(kPhone);
  ASSERT_TRUE(note(store_, next.asked(ListKind::ctl).given(ListKind::itl, own).acted()));
  EXPECT_EQ(ledger_entry(store_, kPhone)->value().may_hold(ListKind::itl), std::vector{own});
  EXPECT_EQ(end_recoveries(store_)->size(), 1U);
}

TEST_F(Recover, AChangeMakesTheListsOld) {
  lock_out();
  recover_one();
  force(Service::capf);
  EXPECT_TRUE(recovery_lists(store_)->empty());
}

// A list of its own that the change drops is no help to the phone.
TEST_F(Recover, AChangeIsJudgedWithoutTheListsThatItDrops) {
  ASSERT_TRUE(boot_whole(store_, kPhone));
  for (auto [service, host] : {std::pair(Service::tftp, ""), {Service::tvs, "cucm1.example.com"}})
    ASSERT_TRUE(regenerate(store_, service, host, {.hosts_agree = true}));
  ASSERT_EQ(recover_one().reason, "");
  ASSERT_TRUE(put_own_lists(store_, recovery_lists(store_).value(), calendar_now()));
  auto refused = regenerate(store_, Service::tvs, "cucm2", {.hosts_agree = true});
  ASSERT_FALSE(refused);
  expect_text(refused.error().text, {"would lock", kPhone});
  // Once it has taken it, it can take the cluster's again.
  Seen seen(kPhone);
  auto own = list_version(recovery_lists(store_).value()[0].content);
  ASSERT_TRUE(note(store_, seen.asked(ListKind::ctl).given(ListKind::itl, own).acted()));
  EXPECT_TRUE(regenerate(store_, Service::tvs, "cucm2", {.hosts_agree = true}));
}

TEST_F(Recover, FormerKeysAreDroppedOnceNoPhoneNeedsThem) {
  store_ = one_host();
  ASSERT_TRUE(boot_whole(store_, kPhone));
  UnixSeconds now = calendar_now();
  ASSERT_TRUE(regenerate(store_, Service::tftp, "", {.now = now}));
  auto kept = [&] { return ask_database(dir_, "SELECT count(*) FROM former_keys"); };
  EXPECT_EQ(kept(), 1);
  EXPECT_TRUE(drop_unneeded(store_, now + 200'000)->empty());
  EXPECT_EQ(kept(), 1);
  ASSERT_TRUE(boot_whole(store_, kPhone));
  EXPECT_EQ(drop_unneeded(store_, now + 200'000)->size(), 1U);
  EXPECT_EQ(kept(), 0);
}

// One host, so that no other could tell a phone *no* about a signer that it does not know.
class ByItself : public StoreTest {
 protected:
  ByItself() {
    auto made = init_store(
        alone_, {.cluster_name = "Alone", .hosts = {{"cucm1", {"192.0.2.1"}}}, .key = crypto::KeyKind::p256});
    if (!made) throw std::runtime_error(made.error().text);
    store_ = std::move(*made);
  }

  trust::Cluster load() { return store_->load(KeyUse::with_keys).value().cluster; }
  Buffer cluster_list() { return current_itl(*store_, load(), calendar_now()).value().content; }
  void force(Service service) {
    auto done = regenerate(*store_, service, "", forced());
    ASSERT_TRUE(done) << done.error().text;
  }
  // It is given the list, and goes on; nobody sees it ask.
  void goes_on_after(const Buffer& list, const std::string& device = kPhone) {
    Seen seen(device);
    ASSERT_TRUE(note(*store_, seen.asked(ListKind::ctl).given(ListKind::itl, list_version(list)).acted()));
    ASSERT_TRUE(unsettled_phones(*store_)->contains(device));
  }
  // The list of its own that the service makes; empty: none.
  Buffer helped(const std::string& device = kPhone) {
    auto done = recover_phones(*store_, {.devices = {device}, .by_itself = true});
    if (!done) throw std::runtime_error(done.error().text);
    auto lists = recovery_lists(*store_).value();
    auto its = std::ranges::find(lists, "ITL" + device + ".tlv", &OwnList::name);
    return its == lists.end() ? Buffer() : its->content;
  }
  // Whose signer every phone that takes the list has asked about.
  crypto::Certificate asked_about(const Buffer& list) {
    trust::ListShelf shelf;
    shelf.add(1, list);
    for (const auto& known : load().known)
      if (known.certificate.sha256() == shelf.signer(1)) {
        EXPECT_EQ(known.retired_from, Service::recovery);
        EXPECT_EQ(known.roles, std::vector{wire::Role::sast});
        return known.certificate;
      }
    throw std::runtime_error("nobody vouches for it");
  }
  // What a phone that holds the one list has after it was served the other.
  Buffer takes(const Buffer& held, const Buffer& list) {
    trust::VirtualPhone phone({.name = kPhone, .tvs_servers = 1},
                              {.ctl = {}, .itl = held, .configuration = {}});
    auto served = trust::served_by(load(), calendar_now()).value();
    served.files[std::string("ITL") + kPhone + ".tlv"] = list;
    (void)trust::boot_in_memory(phone, served, calendar_now());
    return phone.memory().itl;
  }
  void settles_with(const Buffer& list, const std::string& device = kPhone) {
    Seen seen(device);
    ASSERT_TRUE(note(*store_, seen.asked(ListKind::ctl)
                                  .given(ListKind::itl, list_version(list))
                                  .vouched(asked_about(list))
                                  .acted()));
    EXPECT_EQ(ledger_entry(*store_, device)->value().may_hold(ListKind::itl),
              std::vector{list_version(list)});
    EXPECT_EQ(end_recoveries(*store_).value(), std::vector{device});
    EXPECT_FALSE(unsettled_phones(*store_)->contains(device));
  }
  // Any phone may hold a list that nobody knows.
  void forget_what_was_served() {
    ASSERT_TRUE(note_gap(*store_, {.began = 0, .ended = calendar_now(), .why = "test", .unkept = true}));
  }
  std::int64_t askers() {
    return ask_database(alone_, "SELECT count(*) FROM certificates WHERE retired_from = 'recovery'");
  }

  fs::path alone_ = folder_.path / "alone";
  std::optional<Store> store_;
};

TEST_F(ByItself, WhoMayHoldAListThatTheRecoveryKeyDoesNotReach) {
  ASSERT_TRUE(boot_whole(*store_, kPhone));
  Buffer first = cluster_list();
  force(Service::recovery);
  force(Service::tftp);
  Buffer present = cluster_list();
  goes_on_after(present);
  Buffer own = helped();
  ASSERT_FALSE(own.empty());
  // Whatever it holds, it asks.
  for (const Buffer& held : {first, present}) {
    EXPECT_EQ(trust::acceptance_of({}, held, ListKind::itl, own), trust::Acceptance::if_vouched);
    EXPECT_EQ(takes(held, own), own);
  }
  EXPECT_EQ(takes(own, present), present);
  settles_with(own);
}

TEST_F(ByItself, WhoMayHoldAListThatNobodyKnows) {
  ASSERT_TRUE(boot_whole(*store_, kPhone));
  ASSERT_TRUE(note_gap(*store_, {.began = 0, .ended = calendar_now(), .why = "test", .unkept = true}));
  goes_on_after(cluster_list());
  Buffer own = helped();
  ASSERT_FALSE(own.empty());
  EXPECT_EQ(takes(cluster_list(), own), own);
  settles_with(own);
}

TEST_F(ByItself, ASecondListIsMadeWhenTheFirstDidNotTellEither) {
  ASSERT_TRUE(boot_whole(*store_, kPhone));
  ASSERT_TRUE(note_gap(*store_, {.began = 0, .ended = calendar_now(), .why = "test", .unkept = true}));
  goes_on_after(cluster_list());
  Buffer own = helped();
  EXPECT_EQ(helped(), own) << "it has not come for it yet";
  goes_on_after(own);
  Buffer next = helped();
  EXPECT_NE(next, own);
  EXPECT_EQ(takes(own, next), next);
  settles_with(next);
  // They go as other former certificates do.
  Buffer present = cluster_list();
  UnixSeconds later = calendar_now() + 2 * trust::kDefaultTtl;
  EXPECT_EQ(drop_unneeded(*store_, later)->size(), 1U) << "one is in the list that the phone holds";
  Seen seen(kPhone);
  ASSERT_TRUE(note(*store_, seen.asked(ListKind::ctl).given(ListKind::itl, list_version(present)).acted()));
  EXPECT_EQ(drop_unneeded(*store_, later)->size(), 1U);
}

// Phones boot one after the other, and each is helped by a look of its own.
TEST_F(ByItself, AFleetIsAskedWithOneSignerHoweverLongItTakes) {
  auto device = [](int i) { return fmt::format("SEP0011223{:05X}", i); };
  constexpr int kPhones = 100;
  for (int i = 0; i < kPhones; ++i) ASSERT_TRUE(boot_whole(*store_, device(i)));
  forget_what_was_served();
  Buffer present = cluster_list();
  Buffer own;
  for (int i = 0; i < kPhones; ++i) {
    goes_on_after(present, device(i));
    Buffer its = helped(device(i));
    ASSERT_FALSE(its.empty()) << i;
    if (i % 2 == 0) settles_with(its, device(i));  // the others come for it later
    if (i == 0) own = its;
    EXPECT_TRUE(its == own) << i;
  }
  for (int i = 1; i < kPhones; i += 2) settles_with(own, device(i));
  EXPECT_EQ(askers(), 1);
}

// A list that it holds already, or that names the signer, would be no question.
TEST_F(ByItself, WhomASignerDidNotTellIsAskedWithAnother) {
  const std::string other = "SEP001122334466";
  for (const std::string& device : {std::string(kPhone), other}) ASSERT_TRUE(boot_whole(*store_, device));
  forget_what_was_served();
  goes_on_after(cluster_list());
  Buffer first = helped();
  goes_on_after(first);
  Buffer second = helped();
  EXPECT_NE(second, first);
  goes_on_after(cluster_list(), other);
  Buffer its = helped(other);
  EXPECT_TRUE(its == first || its == second);
  goes_on_after(its, other);
  Buffer next = helped(other);
  EXPECT_TRUE((next == first || next == second) && next != its) << "each has told one of them nothing yet";
  settles_with(next, other);
  settles_with(second);
  EXPECT_EQ(askers(), 2);
}

// The key is gone, so that what it has signed cannot be made anew.
TEST_F(ByItself, AChangeOfTheClusterTakesAnotherSigner) {
  ASSERT_TRUE(boot_whole(*store_, kPhone));
  forget_what_was_served();
  goes_on_after(cluster_list());
  Buffer before = helped();
  force(Service::capf);
  goes_on_after(cluster_list());
  Buffer after = helped();
  EXPECT_NE(after, before);
  EXPECT_NE(asked_about(after), asked_about(before));
  settles_with(after);
}

// A phone may come for its list after days.
TEST_F(ByItself, ItsSignerStaysKnownWhileItIsAskedWith) {
  ASSERT_TRUE(boot_whole(*store_, kPhone));
  force(Service::recovery);
  force(Service::tftp);
  Buffer present = cluster_list();
  goes_on_after(present);
  Buffer own = helped();
  EXPECT_TRUE(drop_unneeded(*store_, calendar_now() + 3 * trust::kDefaultTtl)->empty());
  EXPECT_EQ(takes(present, own), own);
  settles_with(own);
}

// It asked about the signer again for the ITL, so that it may have dropped the CTL, or have it.
TEST_F(ByItself, WhoTookTheItlAndPerhapsNotTheCtlIsAskedAgain) {
  ASSERT_TRUE(set_mode(*store_, trust::Mode::mixed, forced()));
  ASSERT_TRUE(boot_whole(*store_, kPhone));
  forget_what_was_served();
  auto served = [&](ListKind kind) {
    auto lists = recovery_lists(*store_).value();
    auto its = std::ranges::find(lists, phone::own_list_file({kPhone, kind}), &OwnList::name);
    return its != lists.end()      ? its->content
           : kind == ListKind::itl ? cluster_list()
                                   : current_ctl(*store_, load(), calendar_now()).value().content;
  };
  auto given = [&](Seen& seen, ListKind kind) -> Seen& {
    return seen.given(kind, list_version(served(kind)));
  };
  Seen first(kPhone);
  given(first, ListKind::ctl);
  ASSERT_TRUE(note(*store_, given(first, ListKind::itl).acted()));
  Buffer own = helped();
  ASSERT_FALSE(own.empty());
  Seen second(kPhone);
  given(second, ListKind::ctl);
  ASSERT_TRUE(note(*store_, given(second, ListKind::itl).vouched(asked_about(own)).acted()));
  EXPECT_EQ(ledger_entry(*store_, kPhone)->value().may_hold(ListKind::itl), std::vector{list_version(own)});
  EXPECT_TRUE(end_recoveries(*store_)->empty());
  Buffer next = helped();
  EXPECT_NE(next, own);
  EXPECT_EQ(helped(), next) << "it has not come for it yet";
  Seen third(kPhone);
  given(third, ListKind::ctl).vouched(asked_about(next));
  ASSERT_TRUE(note(*store_, given(third, ListKind::itl).acted()));
  EXPECT_EQ(end_recoveries(*store_).value(), std::vector{std::string(kPhone)});
}

TEST_F(ByItself, NotWhereAnotherHostWouldSayNo) {
  store_ = open();
  ASSERT_TRUE(boot_whole(*store_, kPhone));
  ASSERT_TRUE(note_gap(*store_, {.began = 0, .ended = calendar_now(), .why = "test", .unkept = true}));
  goes_on_after(cluster_list());
  EXPECT_TRUE(helped().empty());
}

}  // namespace
}  // namespace anchord::store
