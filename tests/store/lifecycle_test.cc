// Changes to the cluster's trust: what they do, and when they are refused.
#include "anchord/store/lifecycle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "anchord/index/file_table.h"
#include "anchord/trust/trust_list.h"
#include "boots.h"
#include "changes/regenerate.h"
#include "fixture.h"

namespace anchord::store {
namespace {

using trust::Mode;
using trust::Service;
using wire::Role;

constexpr wire::Digest kSha1 = wire::Digest::sha1;
constexpr wire::Digest kSha512 = wire::Digest::sha512;
const ModelTest kAll = [](std::string_view model) {
  if (model == "7941") return TakesSha512::no;
  return model == "8861" ? TakesSha512::yes : TakesSha512::unknown;
};

class Lifecycle : public StoreTest {
 protected:
  trust::Cluster load() { return store_.load(KeyUse::with_keys).value().cluster; }
  std::int64_t counter() { return store_.change_counter().value(); }
  AuditEntry last() { return audit_entries(store_, 1).value()[0]; }
  std::set<std::string> keys() {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_ / "keys"))
      names.insert(entry.path().filename().string());
    return names;
  }

  // The phone boots now, and takes what is there.
  void boot(const std::string& phone = kPhone) {
    auto done = boot_whole(store_, phone);
    ASSERT_TRUE(done) << done.error().text;
  }
  // It takes what is there, and nobody sees whether it could trust it.
  void boot_without_tvs(const std::string& phone = kPhone) {
    Seen seen(phone);
    auto itl = current_itl(store_, load(), calendar_now()).value();
    ASSERT_TRUE(note(
        store_,
        seen.asked(trust::ListKind::ctl).given(trust::ListKind::itl, list_version(itl.content)).acted()));
  }
  void hold_unknown_list(const std::string& phone = kPhone) {
    Seen seen(phone);
    ASSERT_TRUE(note(store_, seen.given(trust::ListKind::itl, 12345).acted()));
  }
  Regenerated regenerated(Service service, std::string_view host = {}, ChangeRequest request = {}) {
    request.hosts_agree = true;
    auto done = regenerate(store_, service, host, request);
    if (!done) throw std::runtime_error(done.error().text);
    return *done;
  }
  // Old TVS certificates are all that the phone knows, as it has been off since.
  void replace_both_tvs() {
    regenerated(Service::tvs);
    regenerated(Service::tvs, "cucm2");
  }
  void replace_both_tvs_but_last() { regenerated(Service::tvs); }
  const trust::KnownCertificate* known(const trust::Cluster& cluster,
                                       const crypto::Certificate& certificate) {
    for (const auto& one : cluster.known)
      if (one.certificate == certificate) return &one;
    return nullptr;
  }
  // Nothing but the ledger may differ after `refused`.
  template <class Call>
  std::string refused(Call&& call) {
    auto before = counter();
    auto entries = audit_entries(store_, 1000)->size();
    auto key_files = keys();
    auto done = call();
    EXPECT_FALSE(done);
    EXPECT_EQ(counter(), before);
    EXPECT_EQ(audit_entries(store_, 1000)->size(), entries);
    EXPECT_EQ(keys(), key_files);
    return done ? "" : done.error().text;
  }
  Store store_ = open();
};

TEST_F(Lifecycle, IdIsMadeOnce) {
  std::string id = load().id;
  EXPECT_EQ(id.size(), 32U);
  store_ = open();
  EXPECT_EQ(load().id, id);
  fs::path other = folder_.path / "other";
  EXPECT_NE(init_store(other, example_request())->load(KeyUse::without_keys)->cluster.id, id);
}

TEST_F(Lifecycle, RegeneratedCertificateIsLikeTheOldAndTheOldStaysKnown) {
  for (Service service : {Service::tvs, Service::tftp, Service::tftp_ec, Service::capf, Service::recovery}) {
    SCOPED_TRACE(trust::service_name(service));
    auto at = calendar_now();
    auto count = counter();
    auto done = regenerated(service, "", {.now = at});
    EXPECT_EQ(counter(), count + 1);
    EXPECT_EQ(done.host, service == Service::tvs ? "cucm1.example.com" : "");
    EXPECT_FALSE(done.locked);
    EXPECT_FALSE(done.before == done.after);
    EXPECT_EQ(done.after.subject(), done.before.subject());
    EXPECT_EQ(done.after.key_type(), done.before.key_type());
    EXPECT_EQ(done.after.key_bits(), done.before.key_bits());
    EXPECT_NEAR(static_cast<double>(done.after.not_after() - done.after.not_before()),
                static_cast<double>(done.before.not_after() - done.before.not_before()), 86400);
    trust::Cluster cluster = load();  // its key matches
    const auto* own = known(cluster, done.after);
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(own->own, service);
    const auto* old = known(cluster, done.before);
    ASSERT_NE(old, nullptr);
    EXPECT_FALSE(old->own);
    EXPECT_EQ(old->retired_from, service);
    EXPECT_EQ(old->retired_at, at);
    EXPECT_EQ(old->roles, trust::own_roles(service, Mode::nonsecure));
    EXPECT_EQ(find_certificate(store_, hash_of(done.before))->retired_from, service);
    auto entry = last();
    expect_text(entry.what, {"regenerated", trust::service_name(service), hash_of(done.after).substr(0, 8),
                             hash_of(done.before).substr(0, 8)});
    EXPECT_EQ(entry.time, at);
    EXPECT_FALSE(entry.forced);
  }
  EXPECT_EQ(load().known.size(), 11U);
}

TEST_F(Lifecycle, ARegeneratedCertificateLastsAsLongAsItsPredecessorOrAsAsked) {
  auto days = [](const crypto::Certificate& one) { return (one.not_after() - one.not_before()) / 86400; };
  auto asked = regenerate(store_, Service::capf, "", agreed(), 10);
  ASSERT_TRUE(asked) << asked.error().text;
  EXPECT_EQ(days(asked->after), 10);
  auto again = regenerate(store_, Service::capf, "", agreed());
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(days(again->after), 10);
  auto longest = regenerate(store_, Service::capf, "", agreed(), kMaxDays);
  ASSERT_TRUE(longest) << longest.error().text;
  EXPECT_EQ(days(longest->after), kMaxDays);
  auto refused = regenerate(store_, Service::capf, "", agreed(), kMaxDays + 1);
  ASSERT_FALSE(refused);
  expect_text(refused.error().text, {"7306 days", "7305"});
}

TEST_F(Lifecycle, AlternativeNamesAreTheHosts) {
  auto alternative = [](const crypto::Certificate& certificate, std::string_view name) {
    return as_text(certificate.der()).find(name, 0) != std::string_view::npos;
  };
  EXPECT_TRUE(alternative(regenerated(Service::tvs, "CUCM2").after,
                          "\x82\x05"
                          "cucm2"));
  EXPECT_EQ(load().tvs[0].certificate, open().load(KeyUse::without_keys)->cluster.tvs[0].certificate);
  EXPECT_TRUE(alternative(regenerated(Service::tftp).after,
                          "\x82\x11"
                          "cucm1.example.com"));
}

TEST_F(Lifecycle, UnusedKeysGoWithTheNextRegeneration) {
  auto before = keys();
  std::ofstream(dir_ / "keys" / "capf-00000000.key") << "left by one that was killed";
  std::ofstream(dir_ / "keys" / "capf-00000000.key.new-abc123") << "half";
  std::ofstream(dir_ / "keys" / "README") << "an administrator's";
  regenerated(Service::capf);
  EXPECT_EQ(keys().size(), 6U + 1 + 1);  // the one before, and what is not ours
  EXPECT_TRUE(std::ranges::includes(keys(), before));
  EXPECT_TRUE(keys().contains("README"));
  regenerated(Service::capf);
  EXPECT_EQ(keys().size(), 6U + 1 + 1);
  EXPECT_FALSE(std::ranges::includes(keys(), before));
  EXPECT_TRUE(open().load(KeyUse::with_keys));
}

TEST_F(Lifecycle, RegeneratingNamesWhatIsWrong) {
  expect_text(refused([&] { return regenerate(store_, Service::tvs, "cucm9", agreed()); }),
              {"cucm9", "host list"});
  expect_text(refused([&] { return regenerate(store_, Service::capf, "cucm2", agreed()); }),
              {"capf", "host"});
}

TEST_F(Lifecycle, OfTwoWhoRegenerateOneDoes) {
  auto first = prepare_regeneration(store_, Service::capf, "", calendar_now()).value();
  auto second = prepare_regeneration(store_, Service::capf, "", calendar_now()).value();
  ASSERT_TRUE(put_in_place(store_, first, agreed()));
  expect_text(refused([&] { return put_in_place(store_, second, agreed()); }),
              {"somebody else", "capf", "cert list"});
  EXPECT_EQ(load().capf.certificate, first.made.identity.certificate);
}

TEST_F(Lifecycle, ChangeThatLocksIsRefusedAndNamesTheOrder) {
  for (int i = 0; i < 4; ++i) boot("SEP00112233445" + std::to_string(i));
  replace_both_tvs();
  std::string error = refused([&] { return regenerate(store_, Service::tftp, "", agreed()); });
  expect_text(error, {"regenerating tftp would lock 4 phones", "SEP001122334450", "SEP001122334452 and more",
                      "no present verification service", "reset them", "report itl", "phone remove"});
  EXPECT_TRUE(error.ends_with("; --force does it all the same")) << error;
  // In the right order it is no question.
  for (int i = 0; i < 4; ++i) boot("SEP00112233445" + std::to_string(i));
  EXPECT_FALSE(regenerated(Service::tftp).locked);
}

TEST_F(Lifecycle, ForceLocksAndSaysSoInTheAudit) {
  boot();
  replace_both_tvs();
  auto done = regenerated(Service::tftp, "", forced());
  ASSERT_TRUE(done.locked);
  EXPECT_EQ(done.locked->count, 1U);
  EXPECT_EQ(done.locked->first, std::vector<std::string>{kPhone});
  EXPECT_TRUE(last().forced);
  expect_text(last().what, {"regenerated tftp", "locking 1 phone", kPhone});
}

TEST_F(Lifecycle, OneAnchorAtATimeIsAlwaysAllowed) {
  boot();
  regenerated(Service::tftp);  // TVS vouches for the new one
  regenerated(Service::recovery);
  regenerated(Service::capf);
  regenerated(Service::tftp_ec);
  regenerated(Service::tvs, "cucm2");
  // That would be the last of what the phone trusts.
  expect_text(refused([&] { return regenerate(store_, Service::tvs, "cucm1.example.com", agreed()); }),
              {"regenerating tvs of cucm1.example.com would lock 1 phone", kPhone});
  boot();
  regenerated(Service::tvs, "cucm1.example.com");
}

TEST_F(Lifecycle, WhoHoldsAListThatIsNotKeptCannotBeJudged) {
  hold_unknown_list();
  std::string error = refused([&] { return regenerate(store_, Service::tftp, "", agreed()); });
  expect_text(error, {"might lock 1 phone", kPhone, "not kept", std::string("phone remove ") + kPhone});
  EXPECT_TRUE(error.ends_with("; --force does it all the same")) << error;
  std::string phone = kPhone;
  ASSERT_TRUE(remove_phones(store_, {&phone, 1}));
  regenerated(Service::tftp);
  hold_unknown_list();
  EXPECT_FALSE(regenerated(Service::tftp, "", forced()).locked);
  EXPECT_TRUE(last().forced);
}

TEST_F(Lifecycle, ClockThatWentBackRefusesEveryGuardedChange) {
  UnixSeconds now = calendar_now();
  regenerated(Service::capf, "", {.now = now + 86400});
  ChangeRequest request{.now = now, .hosts_agree = true};
  for (const std::string& error : {refused([&] { return regenerate(store_, Service::capf, "", request); }),
                                   refused([&] { return set_mode(store_, Mode::mixed, request); }),
                                   refused([&] { return set_digest(store_, kSha1, kAll, request); }),
                                   refused([&] { return prepare_rollback(store_, request); })})
    expect_text(error, {"this machine's clock says", "Z, but ", "set the clock", "--clock-is-right"});
  // What it may be off by.
  regenerated(Service::capf, "", {.now = now + 86400 - 300});
  // A change that asks nobody does not make an earlier time right.
  ASSERT_TRUE(add_one(store_, example_known("a")));
  EXPECT_FALSE(regenerate(store_, Service::capf, "", request));
}

TEST_F(Lifecycle, AClockThatWasWrongOnceDoesNotBlockForAYear) {
  UnixSeconds now = calendar_now();
  regenerated(Service::capf, "", {.now = now + 365 * kSecondsPerDay});
  EXPECT_FALSE(regenerate(store_, Service::capf, "", {.now = now, .hosts_agree = true}));
  regenerated(Service::capf, "", {.now = now, .clock_is_right = true});
  auto entries = audit_entries(store_, 3).value();
  EXPECT_TRUE(std::ranges::any_of(entries, [](const AuditEntry& entry) {
    return entry.what.find("clock was set back") != entry.what.npos;
  }));
  regenerated(Service::capf, "", {.now = now + 1});
  // Nor does a clock in 1972 pass because of that.
  EXPECT_FALSE(regenerate(store_, Service::capf, "", {.now = 70'000'000, .hosts_agree = true}));
}

TEST_F(Lifecycle, GivenIsNotAccepted) {
  boot();
  regenerated(Service::tftp);
  boot_without_tvs();
  ASSERT_EQ(ledger_entry(store_, kPhone)->value().may_hold(trust::ListKind::itl).size(), 2U);
  replace_both_tvs_but_last();
  std::string error = refused([&] { return regenerate(store_, Service::tvs, "cucm2", agreed()); });
  expect_text(error, {"would lock 1 phone", kPhone});
  boot();
  regenerated(Service::tvs, "cucm2");
}

TEST_F(Lifecycle, AServiceThatIsBehindDoesNotVouch) {
  boot();
  StatusReport report{.host = "cucm2",
                      .time = calendar_now(),
                      .snapshot_version = 1,
                      .ok = true,
                      .message = {},
                      .serves = "0123"};
  ASSERT_TRUE(report_status(store_, report));
  std::string error = refused([&] { return regenerate(store_, Service::capf, "", agreed()); });
  expect_text(error, {"cucm2", "has not taken over"});
  expect_text(refused([&] { return set_digest(store_, kSha1, kAll, agreed()); }),
              {"setting the digest to sha1", "cucm2", "has not taken over"});
  report.serves = to_hex(trust::state_digest(load()));
  ASSERT_TRUE(report_status(store_, report));
  regenerated(Service::capf);
}

TEST_F(Lifecycle, SeveralHostsMustAgree) {
  boot();
  expect_text(refused([&] { return regenerate(store_, Service::capf, "", {}); }),
              {"judged by the 1 phones of this host alone", "2 hosts", "--hosts-agree"});
  store_ = one_host();
  EXPECT_TRUE(regenerate(store_, Service::capf, "", {}));
}

TEST_F(Lifecycle, AnImportedSignerIsNotTakenFromPhonesOnTheirWay) {
  auto other = example_known("other cluster");
  other.roles = {Role::sast, Role::tftp};
  ASSERT_TRUE(add_one(store_, other));
  boot();
  std::string hash = hash_of(other.certificate);
  expect_text(refused([&] { return remove_known(store_, hash, agreed()); }),
              {"would lock those of 1 phone", "on their way", "CN=other cluster"});
  auto changed = other;
  changed.roles = {Role::tftp};
  expect_text(refused([&] { return add_known(store_, {&changed, 1}, agreed()); }), {"on their way"});
  EXPECT_EQ(known(load(), other.certificate)->roles.size(), 2U);
  EXPECT_TRUE(add_known(store_, {&other, 1}, {}));
  EXPECT_TRUE(add_known(store_, {&changed, 1}, forced()));
}

TEST_F(Lifecycle, ARemovedPhoneThatIsSeenAgainMayHoldWhatItHeld) {
  boot();
  std::string phone = kPhone;
  ASSERT_TRUE(remove_phones(store_, {&phone, 1}));
  regenerated(Service::tftp);
  EXPECT_EQ(holders(store_)->devices, 0U);
  boot_without_tvs();
  EXPECT_EQ(holders(store_)->devices, 1U);
  EXPECT_EQ(ledger_entry(store_, kPhone)->value().may_hold(trust::ListKind::itl).size(), 2U);
}

TEST_F(Lifecycle, ListThatPhonesWouldNotLoadIsRefusedBeforeAnythingIsWritten) {
  auto signer = prepare_regeneration(store_, Service::tftp, "", calendar_now()).value();
  auto other = prepare_regeneration(store_, Service::capf, "", calendar_now()).value();
  signer.made.identity = other.made.identity;  // an EC key cannot sign lists
  for (bool force : {false, true})
    expect_text(refused([&] { return put_in_place(store_, signer, {.force = force}); }),
                {"regenerating tftp is not possible", "ITLFile.tlv"});
}

TEST_F(Lifecycle, ListOverItsSizeIsRefusedBeforeAnythingIsWritten) {
  InitRequest request = example_request();
  request.hosts.clear();
  for (int i = 0; i < 55; ++i) request.hosts.push_back({.name = "cucm" + std::to_string(i) + ".example.com"});
  dir_ = folder_.path / "large";
  store_ = init_store(dir_, request).value();
  auto prepared = prepare_regeneration(store_, Service::tvs, "", calendar_now()).value();
  crypto::SelfSignedRequest large{
      .subject = prepared.before.subject(), .not_before = calendar_now(), .days = 9};
  for (int i = 0; i < 550; ++i)
    large.dns_names.push_back("name" + std::to_string(10'000 + i) + ".example.com");
  auto& made = prepared.made.identity;
  made.certificate = crypto::make_self_signed(*made.key, large).value();
  for (bool force : {false, true})
    expect_text(refused([&] { return put_in_place(store_, prepared, {.force = force}); }),
                {"regenerating tvs of cucm0.example.com is not possible", "ITLFile.tlv", "leave out"});
}

TEST_F(Lifecycle, MixedModeMakesACtlThatStays) {
  boot();
  EXPECT_FALSE(load().has_ctl);
  EXPECT_FALSE(set_mode(store_, Mode::nonsecure, agreed()).value());
  auto count = counter();
  EXPECT_TRUE(set_mode(store_, Mode::mixed, agreed()).value());
  EXPECT_EQ(counter(), count + 1);
  expect_text(last().what, {"mode", "mixed"});
  trust::Cluster cluster = load();
  EXPECT_EQ(cluster.mode, Mode::mixed);
  EXPECT_TRUE(cluster.has_ctl);
  auto ctl = current_ctl(store_, cluster, calendar_now());
  ASSERT_TRUE(ctl) << ctl.error().text;
  EXPECT_EQ(current_ctl(store_, cluster, calendar_now() + 50)->content, ctl->content);
  EXPECT_EQ(saved_list(store_, "CTLFile.tlv").value()->content, ctl->content);
  EXPECT_EQ(issued_lists(store_).value().size(), 2U);
  EXPECT_TRUE(trust::verify_trust_list(ctl->content, cluster.tftp.certificate));
  EXPECT_FALSE(set_mode(store_, Mode::mixed, agreed()).value());
  EXPECT_EQ(counter(), count + 1);
  boot();
  EXPECT_TRUE(set_mode(store_, Mode::nonsecure, agreed()).value());
  cluster = load();
  EXPECT_EQ(cluster.mode, Mode::nonsecure);
  EXPECT_TRUE(cluster.has_ctl);
  EXPECT_NE(current_ctl(store_, cluster, calendar_now())->content, ctl->content);
}

TEST_F(Lifecycle, ModeThatLocksIsRefused) {
  boot();
  replace_both_tvs();
  regenerated(Service::tftp, "", forced());
  // Locked already: nothing that the change does.
  EXPECT_TRUE(set_mode(store_, Mode::mixed, agreed()).value());
  EXPECT_TRUE(set_mode(store_, Mode::nonsecure, agreed()).value());
  hold_unknown_list("SEP001122334499");
  expect_text(refused([&] { return set_mode(store_, Mode::mixed, agreed()); }),
              {"changing to mixed mode might lock 1 phone", "--force"});
  EXPECT_TRUE(set_mode(store_, Mode::mixed, forced()).value());
  EXPECT_TRUE(last().forced);
}

TEST_F(Lifecycle, DigestIsThatOfListsAndFilesFromThenOn) {
  boot();
  auto list = [&] { return current_itl(store_, load(), calendar_now()).value().content; };
  EXPECT_FALSE(set_digest(store_, kSha512, kAll, agreed()).value());
  auto count = counter();
  EXPECT_TRUE(set_digest(store_, kSha1, kAll, agreed()).value());
  EXPECT_EQ(counter(), count + 1);
  expect_text(last().what, {"set the digest to sha1"});
  EXPECT_FALSE(last().forced);
  EXPECT_EQ(load().signing.digest, kSha1);
  Buffer content = list();
  EXPECT_EQ(wire::parse_trust_list(content)->header.digest, kSha1);
  EXPECT_EQ(wire::parse_trust_list(content)->header.signer_version, (wire::Version{1, 0}));
  boot();
  EXPECT_TRUE(set_digest(store_, kSha512, kAll, agreed()).value());
  content = list();
  EXPECT_EQ(wire::parse_trust_list(content)->header.digest, kSha512);
  expect_text(refused([&] { return set_digest(store_, kSha1, kAll, {}); }), {"2 hosts", "--hosts-agree"});
  ASSERT_TRUE(prepare_rollback(store_, agreed()).value());
  expect_text(refused([&] { return set_digest(store_, kSha1, kAll, agreed()); }), {"rollback cancel"});
}

TEST_F(Lifecycle, DigestThatPhonesDoNotKnowIsRefused) {
  ASSERT_TRUE(set_digest(store_, kSha1, kAll, agreed()).value());
  // One that an administrator has named, one that has told its model and booted, and two that do not count.
  std::vector<trust::Phone> phones{{.name = kPhone, .model = "7941"}, {.name = "SEP0011223344AA"}};
  ASSERT_TRUE(put_phones(store_, phones));
  boot("SEP0011223344BB");
  auto tells = [&](const char* phone, const char* model) {
    Seen seen(phone);
    ASSERT_TRUE(note(store_, seen.of_model(model)));
  };
  tells("SEP0011223344AA", "8861");
  tells("SEP0011223344BB", "7941");
  tells("SEP0011223344CC", "7941");
  std::string error = refused([&] { return set_digest(store_, kSha512, kAll, agreed()); });
  expect_text(error, {"2 phones", kPhone, "SEP0011223344BB", "7941", "SHA-1 only", "report features"});
  EXPECT_EQ(error.find("CC"), error.npos) << error;
  EXPECT_TRUE(error.ends_with("; --force does it all the same")) << error;
  EXPECT_TRUE(set_digest(store_, kSha512, kAll, forced()).value());
  EXPECT_TRUE(last().forced);
  expect_text(last().what, {"sha512", "2 phones", kPhone});
  // The other way round nobody is asked.
  EXPECT_TRUE(set_digest(store_, kSha1, kAll, agreed()).value());
}

TEST_F(Lifecycle, ModelsOfWhichNothingIsKnownCountAsThoseThatKnowSha1Only) {
  ASSERT_TRUE(set_digest(store_, kSha1, kAll, agreed()).value());
  std::vector<trust::Phone> phones{{.name = kPhone, .model = "8816"},
                                   {.name = "SEP0011223344AA", .model = "8861"}};
  ASSERT_TRUE(put_phones(store_, phones));
  auto asked = [&] { return refused([&] { return set_digest(store_, kSha512, kAll, agreed()); }); };
  std::string error = asked();
  expect_text(error, {"might keep 1 phone", kPhone, "8816", "phone add", "--model"});
  EXPECT_EQ(error.find("AA"), error.npos) << error;
  EXPECT_TRUE(error.ends_with("; --force does it all the same")) << error;
  phones.front().model = "8861";
  ASSERT_TRUE(put_phones(store_, phones));
  // Nor is the model of one that has booted; the cluster never signed otherwise.
  boot("SEP0011223344BB");
  expect_text(asked(), {"might keep 1 phone", "SEP0011223344BB", "not said"});
  ASSERT_TRUE(set_digest(store_, kSha512, kAll, forced()).value());
  expect_text(last().what, {"perhaps knows SHA-1 only: 1 phone", "SEP0011223344BB"});
  boot("SEP0011223344BB");
  // Who has gone on with lists of SHA-512 is asked no more.
  ASSERT_TRUE(set_digest(store_, kSha1, kAll, agreed()).value());
  EXPECT_TRUE(set_digest(store_, kSha512, kAll, agreed()).value());
}

TEST_F(Lifecycle, RollbackIsPreparedAndCancelled) {
  boot();
  auto full = current_itl(store_, load(), calendar_now()).value();
  EXPECT_FALSE(cancel_rollback(store_, agreed()).value());
  EXPECT_TRUE(prepare_rollback(store_, agreed()).value());
  expect_text(last().what, {"prepared the rollback"});
  EXPECT_TRUE(load().rolling_back);
  EXPECT_FALSE(prepare_rollback(store_, agreed()).value());
  auto empty = current_itl(store_, load(), calendar_now()).value();
  EXPECT_LT(empty.content.size(), full.content.size());
  expect_text(refused([&] { return set_mode(store_, Mode::mixed, agreed()); }), {"rollback cancel"});
  boot();
  EXPECT_TRUE(cancel_rollback(store_, agreed()).value());
  expect_text(last().what, {"cancelled the rollback"});
  EXPECT_FALSE(load().rolling_back);
  EXPECT_GT(current_itl(store_, load(), calendar_now())->built_at, empty.built_at);
}

TEST_F(Lifecycle, RollbackIsRefusedInMixedModeAndWhenItLocks) {
  ASSERT_TRUE(set_mode(store_, Mode::mixed, agreed()).value());
  for (const ChangeRequest& request : {agreed(), forced()})
    expect_text(refused([&] { return prepare_rollback(store_, request); }),
                {"mixed mode", "CTL", "nonsecure"});
  ASSERT_TRUE(set_mode(store_, Mode::nonsecure, agreed()).value());
  boot();
  regenerated(Service::tftp);
  // The phone would need to ask for the new signer, and nobody would vouch for it.
  expect_text(refused([&] { return prepare_rollback(store_, agreed()); }),
              {"preparing the rollback would lock 1 phone", kPhone, "--force"});
  EXPECT_TRUE(prepare_rollback(store_, forced()).value());
  expect_text(last().what, {"rollback", "locking 1 phone"});
}

TEST_F(Lifecycle, OwnCertificatesCannotBeRemoved) {
  trust::Cluster cluster = load();
  for (bool force : {false, true}) {
    ChangeRequest request{.force = force};
    expect_text(refused([&] { return remove_known(store_, hash_of(cluster.tvs[1].certificate), request); }),
                {"cannot be removed", "own (tvs of cucm2)", "cert regenerate tvs --host cucm2"});
    std::string error =
        refused([&] { return remove_known(store_, hash_of(cluster.capf.certificate), request); });
    expect_text(error, {"own (capf)", "'anchorctl cert regenerate capf'"});
    EXPECT_EQ(error.find("last"), error.npos);
  }
}

TEST_F(Lifecycle, LastVerificationServiceIsNamedAsSuch) {
  InitRequest request = example_request();
  request.hosts.resize(1);
  dir_ = folder_.path / "single";
  store_ = init_store(dir_, request).value();
  expect_text(refused([&] { return remove_known(store_, hash_of(load().tvs[0].certificate), agreed()); }),
              {"the last of the verification services", "cert regenerate tvs --host cucm1.example.com"});
}

TEST_F(Lifecycle, OthersAreRemoved) {
  auto other = example_known("other");
  std::string hash = hash_of(other.certificate);
  ASSERT_TRUE(add_one(store_, other));
  boot();
  auto count = counter();
  ASSERT_TRUE(remove_known(store_, hash, agreed()));
  EXPECT_EQ(counter(), count + 1);
  expect_text(last().what, {"removed certificate", "CN=other"});
  EXPECT_EQ(known(load(), other.certificate), nullptr);
  expect_text(refused([&] { return remove_known(store_, hash, agreed()); }), {"no certificate", "cert list"});
  expect_text(refused([&] { return remove_known(store_, hash.substr(1), agreed()); }), {"whole SHA-256"});
}

TEST_F(Lifecycle, RetiredOneThatAPhoneNeedsIsNotRemoved) {
  boot();
  std::string hash = hash_of(regenerated(Service::tftp).before);
  std::string error = refused([&] { return remove_known(store_, hash, agreed()); });
  expect_text(error, {"could lock 1 phone", kPhone, "lists that they may hold carry", "report itl"});
  EXPECT_TRUE(error.ends_with("; --force does it all the same")) << error;
  boot();
  ASSERT_TRUE(remove_known(store_, hash, agreed()));
  hash = hash_of(regenerated(Service::tftp).before);
  ASSERT_TRUE(remove_known(store_, hash, forced()));
  EXPECT_TRUE(last().forced);
}

TEST_F(Lifecycle, AddingARetiredOneMakesItAnOrdinaryOne) {
  store_ = one_host();
  boot();
  auto old = regenerated(Service::capf).before;
  EXPECT_EQ(add_one(store_, {old, {Role::capf}, 100, {}}).value(), Added::replaced);
  auto kept = find_certificate(store_, hash_of(old)).value();
  EXPECT_FALSE(kept.retired_from);
  EXPECT_EQ(kept.ttl, 100U);
  boot();
  EXPECT_TRUE(drop_unneeded(store_, calendar_now() + 2 * kSecondsPerDay)->empty());
}

TEST_F(Lifecycle, RetiredOnesGoWhenNoPhoneHoldsThem) {
  store_ = one_host();
  UnixSeconds now = calendar_now();
  boot();
  auto old = regenerated(Service::tftp, "", {.now = now}).before;
  // The phone holds it still.
  EXPECT_TRUE(drop_unneeded(store_, now + 2 * kSecondsPerDay)->empty());
  boot();
  // What it was told of it may still be in its memory.
  EXPECT_TRUE(drop_unneeded(store_, now + kSecondsPerDay - 1)->empty());
  auto count = counter();
  EXPECT_TRUE(known(load(), old) != nullptr);
  auto dropped = drop_unneeded(store_, now + kSecondsPerDay);
  ASSERT_TRUE(dropped) << dropped.error().text;
  ASSERT_EQ(dropped->size(), 1U);
  EXPECT_EQ((*dropped)[0].certificate, old);
  EXPECT_EQ((*dropped)[0].retired_from, Service::tftp);
  EXPECT_EQ(known(load(), old), nullptr);
  EXPECT_EQ(counter(), count + 1);
  expect_text(last().what, {"dropped", hash_of(old).substr(0, 8), "tftp"});
  EXPECT_FALSE(last().forced);
}

// Those of the other host may hold a list with it: its ledger alone says so.
TEST_F(Lifecycle, RetiredOnesStayOnSeveralHosts) {
  UnixSeconds now = calendar_now();
  boot();
  auto old = regenerated(Service::tftp, "", {.now = now}).before;
  boot();
  EXPECT_TRUE(drop_unneeded(store_, now + 2 * kSecondsPerDay)->empty());
  EXPECT_NE(known(load(), old), nullptr);
  expect_text(refused([&] { return remove_known(store_, hash_of(old), {}); }), {"2 hosts", "--hosts-agree"});
  EXPECT_TRUE(remove_known(store_, hash_of(old), agreed()));
}

TEST_F(Lifecycle, RetiredOnesStayWhileNobodyKnowsWhatPhonesHold) {
  store_ = one_host();
  UnixSeconds now = calendar_now();
  regenerated(Service::tftp, "", {.now = now});
  EXPECT_TRUE(drop_unneeded(store_, now + 2 * kSecondsPerDay)->empty());
  boot();
  hold_unknown_list("SEP001122334499");
  EXPECT_TRUE(drop_unneeded(store_, now + 2 * kSecondsPerDay)->empty());
  boot("SEP001122334499");
  EXPECT_EQ(drop_unneeded(store_, now + 2 * kSecondsPerDay)->size(), 1U);
}

TEST_F(Lifecycle, BackupHoldsTheKeyUntilThereIsANewOne) {
  EXPECT_FALSE(backup_state(store_)->last);
  EXPECT_FALSE(backup_state(store_)->holds_tftp_key);
  auto count = counter();
  ASSERT_TRUE(note_backup(store_, 5000, hash_of(load().tftp.certificate)));
  EXPECT_EQ(counter(), count);
  expect_text(last().what, {"backup"});
  EXPECT_EQ(backup_state(store_)->last, 5000);
  EXPECT_TRUE(backup_state(store_)->holds_tftp_key);
  // The recovery key counts for nothing here, though it is in the next one.
  ASSERT_TRUE(add_one(store_, example_known("a")));  // its audit entry is of now
  regenerated(Service::capf);
  EXPECT_TRUE(backup_state(store_)->holds_tftp_key);
  regenerated(Service::tftp);
  EXPECT_EQ(backup_state(store_)->last, 5000);
  EXPECT_FALSE(backup_state(store_)->holds_tftp_key);
}

}  // namespace
}  // namespace anchord::store
