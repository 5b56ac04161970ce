#include "anchord/trust/lifecycle.h"
#include "anchord/phone/file_kind.h"

#include <algorithm>

#include "anchord/trust/trust_list.h"
#include "clusters.h"

namespace anchord::trust {
namespace {

using wire::Role;

const KnownCertificate* find_known(const Cluster& cluster, const crypto::Certificate& certificate) {
  for (const auto& known : cluster.known)
    if (known.certificate == certificate) return &known;
  return nullptr;
}

TEST(WithIdentity, RetiresTheOldCertificateWithItsRoles) {
  Cluster before = new_cluster("a", 2);
  for (Service service : {Service::tvs, Service::tftp, Service::tftp_ec, Service::capf, Service::recovery}) {
    Cluster after = regenerated(before, service, 1, 42);
    const Identity& old = service == Service::tvs       ? before.tvs[1]
                          : service == Service::tftp    ? before.tftp
                          : service == Service::tftp_ec ? before.tftp_ec
                          : service == Service::capf    ? before.capf
                                                        : before.recovery;
    ASSERT_EQ(after.known.size(), before.known.size() + 1);
    const KnownCertificate& retired = after.known.back();
    EXPECT_EQ(retired.certificate, old.certificate);
    EXPECT_FALSE(retired.own);
    EXPECT_EQ(retired.retired_from, service);
    EXPECT_EQ(retired.retired_at, 42);
    EXPECT_EQ(retired.roles, own_roles(service, Mode::nonsecure));
    std::size_t changed = 0;
    for (std::size_t i = 0; i < before.known.size(); ++i) {
      EXPECT_EQ(after.known[i].own, before.known[i].own);
      if (after.known[i].certificate != before.known[i].certificate) ++changed;
    }
    EXPECT_EQ(changed, 1U);
  }
}

TEST(WithIdentity, ChangesOneHostsServiceOnly) {
  Cluster before = new_cluster("a", 3);
  Cluster after = regenerated(before, Service::tvs, 1);
  EXPECT_EQ(after.tvs[0].certificate, before.tvs[0].certificate);
  EXPECT_NE(after.tvs[1].certificate, before.tvs[1].certificate);
  EXPECT_EQ(after.tvs[2].certificate, before.tvs[2].certificate);
  EXPECT_EQ(after.tftp.certificate, before.tftp.certificate);
}

TEST(WithHost, ComesBehindTheOthersAndIsKnown) {
  Cluster before = new_cluster("a", 2);
  Cluster after = with_new_host(before);
  ASSERT_EQ(after.hosts.size(), 3U);
  ASSERT_EQ(after.tvs.size(), 3U);
  EXPECT_EQ(after.hosts.back().name, "a3.example.com");
  ASSERT_EQ(after.known.size(), before.known.size() + 1);
  const KnownCertificate* known = find_known(after, after.tvs.back().certificate);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->own, Service::tvs);
  EXPECT_EQ(known->roles, own_roles(Service::tvs, Mode::nonsecure));
  auto records = itl_fields(after).records;
  EXPECT_EQ(records.size(), itl_fields(before).records.size() + 1);
  EXPECT_TRUE(std::ranges::any_of(records, [&](const ListedCertificate& listed) {
    return listed.role == Role::tvs && listed.dns_name == "a3.example.com" &&
           listed.certificate == after.tvs.back().certificate;
  }));
  // One that was added by hand before is the cluster's own from now on.
  Cluster again = without_host(after, "A3.example.com", kStart);
  again = with_host(again, after.hosts.back(), after.tvs.back());
  EXPECT_EQ(again.known.size(), after.known.size());
}

TEST(WithoutHost, TakesItAndItsRecordAndItsCertificateStaysKnown) {
  Cluster before = new_cluster("a", 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const crypto::Certificate& gone = before.tvs[i].certificate;
    Cluster after = without_host(before, before.hosts[i].name, 42);
    ASSERT_EQ(after.hosts.size(), 2U);
    ASSERT_EQ(after.tvs.size(), 2U);
    for (std::size_t j = 0; j < 2; ++j) {
      EXPECT_EQ(after.hosts[j].name, before.hosts[j < i ? j : j + 1].name);
      EXPECT_EQ(after.tvs[j].certificate, before.tvs[j < i ? j : j + 1].certificate);
    }
    ASSERT_EQ(after.known.size(), before.known.size());
    const KnownCertificate* known = find_known(after, gone);
    ASSERT_NE(known, nullptr);
    EXPECT_FALSE(known->own);
    EXPECT_EQ(known->retired_from, Service::tvs);
    EXPECT_EQ(known->retired_at, 42);
    for (const ListedCertificate& listed : itl_fields(after).records) EXPECT_NE(listed.certificate, gone);
  }
}

TEST(WithRenamedHost, IsNamedInTheListAndKeepsItsCertificate) {
  Cluster before = new_cluster("a", 2);
  Cluster after = with_renamed_host(before, "A2.EXAMPLE.COM", "node2");
  EXPECT_EQ(after.hosts[1].name, "node2");
  EXPECT_EQ(after.hosts[1].addresses, before.hosts[1].addresses);
  EXPECT_EQ(after.tvs[1].certificate, before.tvs[1].certificate);
  EXPECT_NE(state_digest(after), state_digest(before));
  EXPECT_EQ(after.known.size(), before.known.size());
}

TEST(WithMode, GivesTheTftpSignerItsRoleAndTheClusterACtlForEver) {
  Cluster cluster = new_cluster("a", 1);
  Cluster mixed = with_mode(cluster, Mode::mixed);
  EXPECT_TRUE(mixed.has_ctl);
  EXPECT_EQ(find_known(mixed, cluster.tftp.certificate)->roles, (std::vector{Role::sast, Role::ccm_tftp}));
  Cluster back = with_mode(mixed, Mode::nonsecure);
  EXPECT_EQ(back.mode, Mode::nonsecure);
  EXPECT_TRUE(back.has_ctl);
  EXPECT_EQ(find_known(back, cluster.tftp.certificate)->roles, (std::vector{Role::sast, Role::tftp}));
  EXPECT_FALSE(with_mode(cluster, Mode::nonsecure).has_ctl);
}

TEST(WithoutCertificate, TakesThatOneAndNoOther) {
  Cluster cluster = regenerated(new_cluster("a", 1), Service::capf);
  crypto::Certificate old = cluster.known.back().certificate;
  Cluster after = without_certificate(cluster, old);
  EXPECT_EQ(after.known.size() + 1, cluster.known.size());
  EXPECT_EQ(find_known(after, old), nullptr);
  EXPECT_EQ(without_certificate(after, old).known.size(), after.known.size());
}

TEST(Served, IsNothingButPlainFilesWhileRollingBack) {
  Cluster cluster = with_rollback(new_cluster("a", 2), true);
  Served found = served(cluster);
  EXPECT_TRUE(found.answered.empty());
  EXPECT_FALSE(found.files.contains("XMLDefault.cnf.xml.sgn"));
  EXPECT_TRUE(found.files.contains("XMLDefault.cnf.xml"));
  EXPECT_TRUE(found.files.contains("ITLFile.tlv"));
  EXPECT_EQ(found.tvs.size(), 2U);
}

TEST(Served, HasACtlOnlyWhereThereIsOne) {
  Cluster cluster = new_cluster("a", 1);
  EXPECT_FALSE(served(cluster).files.contains(phone::kCtlFileName));
  EXPECT_TRUE(served(with_mode(cluster, Mode::mixed)).files.contains(phone::kCtlFileName));
}

TEST(Served, AnswersOnlyWhatIsAQuestion) {
  Served found = served(new_cluster("a", 1));
  EXPECT_TRUE(answer_of(found, {}).empty());
  EXPECT_TRUE(answer_of(found, as_bytes("GET / HTTP/1.0\r\n\r\n")).empty());
}

// --- What each guard is there for. The phone is off between the changes, so it holds
// what it held before the first.

class Guards : public testing::Test {
 protected:
  std::optional<Locked> ask(const Cluster& before, const Cluster& after, const VirtualPhone& phone) {
    std::vector<Holders> holders{holders_of(phone.memory(), "SEP001122334455")};
    auto locked = who_would_lock(before, after, holders, kStart + 60);
    EXPECT_TRUE(locked) << locked.error().text;
    return *locked;
  }
  void expect_allowed(const Cluster& before, const Cluster& after, const VirtualPhone& phone) {
    EXPECT_FALSE(ask(before, after, phone));
    VirtualPhone::Done done = boot_of(phone, after);
    EXPECT_NE(done.end, BootEnd::locked) << done.reason;
  }
  // Refused; and done all the same it locks.
  void expect_refused(const Cluster& before, const Cluster& after, const VirtualPhone& phone, bool of_tvs) {
    EXPECT_EQ(boot_of(phone, after).end, BootEnd::locked);
    auto locked = ask(before, after, phone);
    ASSERT_TRUE(locked);
    EXPECT_EQ(locked->count, 1U);
    EXPECT_EQ(locked->first, std::vector<std::string>{"SEP001122334455"});
    EXPECT_FALSE(locked->reason.empty());
    EXPECT_EQ(locked->of_tvs, of_tvs);
  }
};

TEST_F(Guards, AnyOneServiceMayBeRegenerated) {
  for (bool mixed : {false, true}) {
    Cluster cluster = new_cluster("a", 2);
    if (mixed) cluster = with_mode(cluster, Mode::mixed);
    VirtualPhone phone = phone_at(cluster);
    for (Service service : {Service::tvs, Service::tftp, Service::tftp_ec, Service::capf, Service::recovery})
      expect_allowed(cluster, regenerated(cluster, service), phone);
  }
}

// Nothing is taken from whoever holds a list from before, also one of a former signer, as long as it is told
// of another host too. The new one alone is nobody whom it trusts.
TEST_F(Guards, AHostThatComesLocksNobodyWhomItIsNotAloneToServe) {
  Cluster first = new_cluster("a", 1);
  VirtualPhone phone = phone_at(first);
  Cluster second = regenerated(first, Service::tftp);
  Cluster third = with_new_host(second);
  expect_allowed(second, third, phone);
  Served alone = served(third);
  alone.tvs.erase(alone.tvs.begin());
  VirtualPhone there = forgetful(phone);
  EXPECT_EQ(boot_in_memory(there, alone, kStart + 60).end, BootEnd::locked);
  // Whoever knows the signer needs nobody to ask; and with the new list the new host does.
  VirtualPhone current = phone_at(second);
  VirtualPhone next = forgetful(current);
  EXPECT_EQ(boot_in_memory(next, alone, kStart + 60).end, BootEnd::fine);
  Served later = served(regenerated(third, Service::tftp));
  later.tvs.erase(later.tvs.begin());
  EXPECT_EQ(boot_in_memory(next, later, kStart + 120).end, BootEnd::fine);
}

TEST_F(Guards, AHostThatGoesIsNotTheLastOneThatAPhoneTrusts) {
  Cluster first = new_cluster("a", 1);
  VirtualPhone phone = phone_at(first);
  Cluster second = with_new_host(regenerated(first, Service::tftp));
  Cluster third = without_host(second, first.hosts.front().name, kStart);
  expect_refused(second, third, phone, true);
  expect_allowed(second, third, phone_at(second));
  expect_allowed(second, without_host(second, second.hosts.back().name, kStart), phone);
}

TEST_F(Guards, AnotherNameOfAHostLocksNobody) {
  for (bool former : {false, true}) {
    Cluster first = new_cluster("a", 1);
    VirtualPhone phone = phone_at(first);
    Cluster second = former ? regenerated(first, Service::tftp) : first;
    expect_allowed(second, with_renamed_host(second, second.hosts.front().name, "node1"), phone);
  }
}

TEST_F(Guards, TvsThenTftp) {
  Cluster first = new_cluster("a", 1);
  VirtualPhone phone = phone_at(first);
  Cluster second = regenerated(first, Service::tvs);
  expect_allowed(first, second, phone);
  Cluster third = regenerated(second, Service::tftp);
  expect_refused(second, third, phone, true);
  // With the list of in between it is no harm.
  expect_allowed(second, third, phone_at(second));
}

TEST_F(Guards, TftpThenTvs) {
  Cluster first = new_cluster("a", 1);
  VirtualPhone phone = phone_at(first);
  Cluster second = regenerated(first, Service::tftp);
  expect_allowed(first, second, phone);
  Cluster third = regenerated(second, Service::tvs);
  expect_refused(second, third, phone, true);
  expect_allowed(second, third, phone_at(second));
}

TEST_F(Guards, BothTvsOfTwoHostsThenTftp) {
  Cluster first = new_cluster("a", 2);
  VirtualPhone phone = phone_at(first);
  Cluster one = regenerated(first, Service::tvs, 0);
  // One service that it knows is enough.
  expect_allowed(one, regenerated(one, Service::tftp), phone);
  Cluster both = regenerated(one, Service::tvs, 1);
  expect_allowed(one, both, phone);
  expect_refused(both, regenerated(both, Service::tftp), phone, true);
}

TEST_F(Guards, TftpAndBothTvs) {
  Cluster first = new_cluster("a", 2);
  VirtualPhone phone = phone_at(first);
  Cluster signer = regenerated(first, Service::tftp);
  Cluster one = regenerated(signer, Service::tvs, 1);
  expect_allowed(signer, one, phone);
  expect_refused(one, regenerated(one, Service::tvs, 0), phone, true);
}

// The phone trusts the service still, but nobody vouches for anything any more.
TEST_F(Guards, RollbackWhileAPhoneHasAListOfAnOlderSigner) {
  Cluster first = new_cluster("a", 1);
  VirtualPhone phone = phone_at(first);
  Cluster second = regenerated(first, Service::tftp);
  expect_refused(second, with_rollback(second, true), phone, false);
  expect_allowed(second, with_rollback(second, true), phone_at(second));
}

TEST_F(Guards, RegeneratingWhileRollingBack) {
  Cluster first = new_cluster("a", 1);
  VirtualPhone phone = phone_at(first);
  Cluster rolling = with_rollback(first, true);
  // It has not fetched the empty list yet.
  expect_refused(rolling, regenerated(rolling, Service::tftp), phone, false);
  // With the empty list it takes anything.
  VirtualPhone emptied = phone_at(rolling);
  expect_allowed(rolling, regenerated(rolling, Service::tftp), emptied);
}

TEST_F(Guards, EmptyItlDoesNotFreeAPhoneWithACtl) {
  Cluster once_mixed = with_mode(with_mode(new_cluster("a", 1), Mode::mixed), Mode::nonsecure);
  Cluster rolling = with_rollback(once_mixed, true);
  VirtualPhone phone = phone_at(rolling);
  expect_refused(rolling, regenerated(rolling, Service::tftp), phone, true);
  expect_allowed(rolling, with_rollback(rolling, false), phone);
}

// With an empty ITL and no CTL it takes anything, until a host that is late gives it the CTL of before.
TEST_F(Guards, AHostThatIsLateHandsOutTheListsOfBefore) {
  Cluster rolling = with_rollback(new_cluster("a", 2), true);
  VirtualPhone phone = phone_at(rolling);
  Cluster mixed = with_mode(with_rollback(rolling, false), Mode::mixed);
  Cluster after = regenerated(mixed, Service::tftp);
  EXPECT_EQ(boot_of(phone, after).end, BootEnd::fine);
  VirtualPhone late(
      phone.settings(),
      {.ctl = served(mixed).files.at(phone::kCtlFileName), .itl = phone.memory().itl, .configuration = {}});
  EXPECT_EQ(boot_of(late, mixed).end, BootEnd::fine);
  EXPECT_EQ(boot_of(late, after).end, BootEnd::locked);
  EXPECT_TRUE(ask(mixed, after, phone));
  // With the list of before it needs nobody's word.
  expect_allowed(mixed, after, phone_at(mixed));
}

TEST_F(Guards, CtlPresentAndSignerAndServiceChanged) {
  Cluster first = with_mode(new_cluster("a", 1), Mode::mixed);
  VirtualPhone phone = phone_at(first);
  ASSERT_FALSE(phone.memory().ctl.empty());
  Cluster second = regenerated(first, Service::tftp);
  expect_allowed(first, second, phone);
  expect_refused(second, regenerated(second, Service::tvs), phone, true);
}

// It fetched the new ITL, and the CTL was lost on the way: only the service vouches for the CTL's signer.
TEST_F(Guards, RollbackWhileAPhoneHasAnOldCtl) {
  Cluster first = with_mode(with_mode(new_cluster("a", 1), Mode::mixed), Mode::nonsecure);
  VirtualPhone old = phone_at(first);
  Cluster second = regenerated(first, Service::tftp);
  VirtualPhone fresh = phone_at(second);
  VirtualPhone phone(old.settings(),
                     {.ctl = old.memory().ctl, .itl = fresh.memory().itl, .configuration = {}});
  EXPECT_EQ(boot_of(phone, second).end, BootEnd::fine);
  // The first boot takes the empty ITL, and with it loses who could vouch for the CTL.
  Cluster rolling = with_rollback(second, true);
  VirtualPhone booting = forgetful(phone);
  EXPECT_EQ(boot_in_memory(booting, served(rolling), kStart).end, BootEnd::degraded);
  EXPECT_EQ(boot_in_memory(booting, served(rolling), kStart).end, BootEnd::locked);
  expect_refused(second, rolling, phone, true);
}

TEST_F(Guards, ModeChangeWhileAPhoneTrustsNobodyWhoSigns) {
  Cluster first = new_cluster("a", 1);
  VirtualPhone phone = phone_at(first);
  Cluster lost = regenerated(regenerated(first, Service::tvs), Service::tftp);
  // Locked by what was done before, by force: not this change's doing.
  EXPECT_EQ(boot_of(phone, lost).end, BootEnd::locked);
  EXPECT_FALSE(ask(lost, with_mode(lost, Mode::mixed), phone));
}

TEST_F(Guards, RecoveryKeySavesAPhoneThatHasNoService) {
  Cluster first = new_cluster("a", 1);
  VirtualPhone phone = phone_at(first);
  Cluster lost = regenerated(regenerated(first, Service::tvs), Service::tftp);
  ASSERT_EQ(boot_of(phone, lost).end, BootEnd::locked);
  // The recovery key signs a list of the new services: that it takes.
  TrustListFields fields = itl_fields(lost);
  fields.signer = lost.recovery;
  Served found = served(lost);
  found.files[phone::kItlFileName] = build_trust_list(fields, kStart).value();
  VirtualPhone saved = forgetful(phone);
  EXPECT_EQ(boot_in_memory(saved, found, kStart).end, BootEnd::fine);
}

// A phone of one cluster that boots at another: the files are the other's, the service that it
// trusts is its own cluster's.
TEST_F(Guards, RemovingACertificateThatAMovingPhoneNeeds) {
  Cluster home = new_cluster("a", 1);
  Cluster other = new_cluster("b", 1);
  VirtualPhone phone = phone_at(home);
  KnownCertificate imported{
      .certificate = other.tftp.certificate, .roles = {Role::sast, Role::tftp}, .own = {}};
  home.known.push_back(imported);
  auto move = [&](const Cluster& from) {
    VirtualPhone moving = forgetful(phone);
    Served found{.files = served(other).files, .tvs = served(from).tvs, .answered = answered_by(from)};
    return boot_in_memory(moving, found, kStart + 60).end;
  };
  EXPECT_EQ(move(home), BootEnd::fine);
  EXPECT_EQ(move(without_certificate(home, other.tftp.certificate)), BootEnd::locked);

  std::vector<Holders> holders{holders_of(phone.memory(), "SEP001122334455")};
  auto stranded = who_could_not_move(imported, holders);
  ASSERT_TRUE(stranded);
  EXPECT_EQ(stranded->count, 1U);
  // A phone that the other cluster has given its list needs nobody's word for it.
  std::vector<Holders> moved{holders_of(phone_at(other).memory(), "SEP001122334455")};
  EXPECT_FALSE(who_could_not_move(imported, moved));
  // Who signs no lists is no cluster's.
  imported.roles = {Role::capf};
  EXPECT_FALSE(who_could_not_move(imported, holders));
}

// --- The questions themselves

TEST(WhoWouldLock, CountsPhonesAndNamesAFew) {
  Cluster first = new_cluster("a", 1);
  VirtualPhone old = phone_at(first);
  Cluster second = regenerated(first, Service::tvs);
  VirtualPhone fresh = phone_at(second);
  Cluster third = regenerated(second, Service::tftp);
  std::vector<Holders> holders{
      holders_of(old.memory(), "SEP000000000001", 3), holders_of(fresh.memory(), "SEP000000000002", 500),
      holders_of(old.memory(), "SEP000000000003", 2), holders_of(old.memory(), "SEP000000000004", 0),
      holders_of({}, "SEP000000000005", 7)};
  auto locked = who_would_lock(second, third, holders, kStart).value();
  ASSERT_TRUE(locked);
  EXPECT_EQ(locked->count, 5U);
  EXPECT_EQ(locked->first, (std::vector<std::string>{"SEP000000000001", "SEP000000000003"}));
  EXPECT_NE(locked->reason.find("CN=a1.example.com"), std::string::npos) << locked->reason;
  EXPECT_EQ(locked->reason.find('\n'), std::string::npos);
}

TEST(WhoWouldLock, NeedsTheSignersKey) {
  Cluster cluster = new_cluster("a", 1);
  Cluster keyless = cluster;
  keyless.tftp.key.reset();
  EXPECT_FALSE(who_would_lock(cluster, keyless, {}, kStart));
}

TEST(WhoWouldLock, TakesAListThatIsDamagedForNone) {
  Cluster cluster = new_cluster("a", 1);
  Holders group{.ctl = {}, .itl = {1, 2, 3}, .count = 1, .first = {}};
  EXPECT_FALSE(who_would_lock(cluster, regenerated(cluster, Service::tftp), {&group, 1}, kStart).value());
}

TEST(WhoNeeds, LooksIntoBothLists) {
  Cluster cluster = with_mode(new_cluster("a", 1), Mode::mixed);
  PhoneMemory memory = phone_at(cluster).memory();
  PhoneMemory only_ctl{.ctl = memory.ctl, .itl = {}, .configuration = {}};
  std::vector<Holders> holders{holders_of(memory, "SEP000000000001", 4),
                               holders_of(only_ctl, "SEP000000000002")};
  EXPECT_EQ(who_needs(cluster.tftp.certificate, holders)->count, 5U);
  EXPECT_EQ(who_needs(cluster.tvs[0].certificate, holders)->count, 4U);
  EXPECT_EQ(who_needs(cluster.tvs[0].certificate, holders)->first,
            std::vector<std::string>{"SEP000000000001"});
  EXPECT_FALSE(who_needs(new_cluster("b", 1).tftp.certificate, holders));
  EXPECT_FALSE(who_needs(cluster.tftp.certificate, {}));
}

TEST(PhonesText, CountsAndNames) {
  std::vector<std::string> names{"SEP1", "SEP2", "SEP3", "SEP4"};
  std::span<const std::string> some(names);
  EXPECT_EQ(phones_text(1, some.first(1)), "1 phone (SEP1)");
  EXPECT_EQ(phones_text(3, some.first(3)), "3 phones (SEP1, SEP2, SEP3)");
  EXPECT_EQ(phones_text(4, some), "4 phones (SEP1, SEP2, SEP3 and more)");
  EXPECT_EQ(phones_text(1204, some), "1,204 phones (SEP1, SEP2, SEP3 and more)");
  EXPECT_EQ(phones_text(1234567, {}), "1,234,567 phones");
  EXPECT_EQ(phones_text(0, {}), "0 phones");
}

}  // namespace
}  // namespace anchord::trust
