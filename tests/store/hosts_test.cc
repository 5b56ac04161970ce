// Hosts that come, go and are named otherwise.
#include "anchord/store/hosts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "anchord/store/ledger_session.h"
#include "anchord/trust/trust_list.h"
#include "boots.h"
#include "changes/hosts.h"
#include "fixture.h"

namespace anchord::store {
namespace {

using trust::Mode;
using trust::Service;

constexpr char kFirst[] = "cucm1.example.com";

class Hosts : public StoreTest {
 protected:
  trust::Cluster load() { return store_.load(KeyUse::with_keys).value().cluster; }
  AuditEntry last() { return audit_entries(store_, 1).value()[0]; }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const trust::Host& host : load().hosts) out.push_back(host.name);
    return out;
  }
  std::set<std::string> keys() {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(dir_ / "keys"))
      out.insert(entry.path().filename().string());
    return out;
  }
  void boot() { ASSERT_TRUE(boot_whole(store_, kPhone)); }
  void regenerated(Service service, std::string_view host = {}) {
    ASSERT_TRUE(regenerate(store_, service, host, agreed()));
  }
  ChangedHost added(const std::string& name, std::vector<std::string> addresses = {},
                    ChangeRequest request = agreed()) {
    auto done = add_host(store_, {.host = {name, std::move(addresses)}}, request);
    if (!done) throw std::runtime_error(done.error().text);
    return *done;
  }
  ChangedHost removed(std::string_view name, ChangeRequest request = agreed()) {
    auto done = remove_host(store_, name, request);
    if (!done) throw std::runtime_error(done.error().text);
    return *done;
  }
  ChangedHost renamed(std::string_view name, std::string_view to, ChangeRequest request = agreed()) {
    auto done = rename_host(store_, name, to, request);
    if (!done) throw std::runtime_error(done.error().text);
    return *done;
  }
  // Nothing but the ledger may differ afterwards.
  template <class Call>
  std::string refused(Call&& call) {
    const auto before = store_.change_counter().value();
    const auto entries = audit_entries(store_, 1000)->size();
    const auto key_files = keys();
    auto done = call();
    EXPECT_FALSE(done);
    EXPECT_EQ(store_.change_counter().value(), before);
    EXPECT_EQ(audit_entries(store_, 1000)->size(), entries);
    EXPECT_EQ(keys(), key_files);
    return done ? "" : done.error().text;
  }
  std::string not_added(trust::Host host, ChangeRequest request = agreed()) {
    return refused([&] { return add_host(store_, {.host = std::move(host)}, request); });
  }
  std::vector<std::string> reporting() {
    std::vector<std::string> out;
    const auto reports = last_status(store_).value();
    for (const StatusReport& report : reports) out.push_back(report.host);
    return out;
  }
  std::vector<std::string> in_session() {
    std::vector<std::string> out;
    const auto sessions = ledger_sessions(store_).value();
    for (const LedgerSession& session : sessions) out.push_back(session.host);
    return out;
  }
  // Its service has run, and has said what it serves.
  void has_run(const std::string& host) {
    ASSERT_TRUE(report_status(store_, {.host = host,
                                       .time = calendar_now(),
                                       .snapshot_version = 1,
                                       .ok = true,
                                       .message = {},
                                       .serves = to_hex(trust::state_digest(load()))}));
    ASSERT_TRUE(
        note_session(store_, {.host = host, .boot_id = "1", .started = 1, .written = 2, .clean = true}));
  }
  static bool has_name(const crypto::Certificate& certificate, std::string_view name) {
    return as_text(certificate.der()).find(name) != std::string_view::npos;
  }

  Store store_ = open();
};

TEST_F(Hosts, OneThatIsAddedComesBehindTheOthersWithACertificateLikeTheFirsts) {
  const trust::Cluster before = load();
  const auto count = store_.change_counter().value();
  const auto at = calendar_now();
  const ChangedHost done = added("cucm3", {"192.0.2.3", "2001:DB8:0::3"}, {.now = at, .hosts_agree = true});
  EXPECT_EQ(done.host.name, "cucm3");
  EXPECT_EQ(done.host.addresses, (std::vector<std::string>{"192.0.2.3", "2001:db8::3"}));
  EXPECT_FALSE(done.locked);
  EXPECT_EQ(store_.change_counter().value(), count + 1);
  store_ = open();
  const trust::Cluster cluster = load();  // its key matches
  EXPECT_EQ(names(), (std::vector<std::string>{kFirst, "cucm2", "cucm3"}));
  EXPECT_EQ(cluster.hosts.back().addresses, done.host.addresses);
  EXPECT_EQ(cluster.tvs.back().certificate, done.tvs);
  const crypto::Certificate& first = before.tvs.front().certificate;
  EXPECT_EQ(done.tvs.subject().to_vendor(), "CN=TVS-cucm3;OU=Voice;O=Example Corp;C=US");
  EXPECT_EQ(done.tvs.key_type(), first.key_type());
  EXPECT_EQ(done.tvs.key_bits(), first.key_bits());
  EXPECT_NEAR(static_cast<double>(done.tvs.not_after() - done.tvs.not_before()),
              static_cast<double>(first.not_after() - first.not_before()), 86400);
  EXPECT_TRUE(has_name(done.tvs,
                       "\x82\x05"
                       "cucm3"));
  EXPECT_EQ(find_certificate(store_, hash_of(done.tvs))->own, Service::tvs);
  EXPECT_EQ(keys().size(), 7U);
  EXPECT_TRUE(keys().contains("tvs-cucm3-" + hash_of(done.tvs).substr(0, 8) + ".key"));
  expect_text(last().what, {"added the host cucm3 (192.0.2.3, 2001:db8::3)", hash_of(done.tvs).substr(0, 8)});
  EXPECT_EQ(last().time, at);
  EXPECT_FALSE(last().forced);
  // All that was there stays.
  EXPECT_EQ(cluster.tftp.certificate, before.tftp.certificate);
  for (std::size_t i = 0; i < before.tvs.size(); ++i)
    EXPECT_EQ(cluster.tvs[i].certificate, before.tvs[i].certificate);
}

TEST_F(Hosts, KindOfKeyAndLifetimeAreAsAsked) {
  auto done =
      add_host(store_, {.host = {.name = "cucm3"}, .key = crypto::KeyKind::rsa2048, .days = 10}, agreed());
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->tvs.key_type(), crypto::KeyType::rsa);
  EXPECT_EQ((done->tvs.not_after() - done->tvs.not_before()) / kSecondsPerDay, 10);
  expect_text(
      refused([&] { return add_host(store_, {.host = {.name = "cucm4"}, .days = kMaxDays + 1}, agreed()); }),
      {"7306 days", "7305"});
}

TEST_F(Hosts, NoEcCertificateComesIntoListsForPhonesThatKnowSha1Only) {
  InitRequest request = example_request();
  request.key = crypto::KeyKind::rsa2048;
  request.digest = wire::Digest::sha1;
  dir_ = folder_.path / "sha1";
  store_ = init_store(dir_, request).value();
  const NewHost ec{.host = {.name = "cucm3"}, .key = crypto::KeyKind::p256};
  const std::string error = refused([&] { return add_host(store_, ec, agreed()); });
  expect_text(error, {"SHA-1", "EC certificate", "--key rsa2048"});
  EXPECT_TRUE(error.ends_with("; --force does it all the same")) << error;
  EXPECT_EQ(added("cucm4").tvs.key_type(), crypto::KeyType::rsa);
  ASSERT_TRUE(add_host(store_, ec, forced()));
  EXPECT_TRUE(last().forced);
  // There is one already, whatever phones make of it.
  ASSERT_TRUE(add_host(store_, {.host = {.name = "cucm5"}, .key = crypto::KeyKind::p256}, agreed()));
}

TEST_F(Hosts, AddingNamesWhatIsWrong) {
  expect_text(not_added({.name = "CUCM2"}), {"there is a host 'cucm2' already", "its own name"});
  expect_text(not_added({"cucm3", {"192.0.2.1"}}), {"192.0.2.1", "that of host 'cucm1.example.com'"});
  expect_text(not_added({"cucm3", {"::ffff:192.0.2.1"}}), {"192.0.2.1", "that of host 'cucm1.example.com'"});
  expect_text(not_added({"cucm3", {"2001:db8::1", "2001:DB8:0::1"}}), {"2001:db8::1", "given twice"});
  expect_text(not_added({"cucm3", {"192.0.2"}}), {"'192.0.2' of host 'cucm3'", "not an IPv4"});
  expect_text(not_added({"cucm3", std::vector<std::string>(17, "192.0.2.3")}), {"17 addresses", "16"});
  for (const char* name : {"", "a/b", "..", ".a", "-a", "a b", "\xc3\xa4"})
    expect_text(not_added({.name = name}), {"not a host name"});
  expect_text(not_added({.name = std::string(kMaxHostName + 1, 'a')}), {"longer than 52"});
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(Hosts, OfTwoWhoAddOneOfANameOneDoes) {
  auto first = prepare_host(store_, {.host = {.name = "cucm3"}}, calendar_now()).value();
  auto second = prepare_host(store_, {.host = {.name = "Cucm3"}}, calendar_now()).value();
  ASSERT_TRUE(put_beside(store_, first, agreed()));
  expect_text(refused([&] { return put_beside(store_, second, agreed()); }), {"there is a host 'cucm3'"});
  EXPECT_EQ(load().tvs.back().certificate, first.made.identity.certificate);
}

TEST_F(Hosts, AddingToOneHostNeedsNoWordAndAddingToSeveralDoes) {
  expect_text(not_added({.name = "cucm3"}, {}), {"adding the host cucm3", "2 hosts", "--hosts-agree"});
  store_ = one_host();
  boot();
  added("cucm2", {}, {});
  expect_text(not_added({.name = "cucm3"}, {}), {"1 phones of this host alone", "2 hosts"});
}

TEST_F(Hosts, ALateHostStopsThemAll) {
  has_run("cucm2");
  regenerated(Service::capf);
  for (const std::string& error :
       {not_added({.name = "cucm3"}), refused([&] { return remove_host(store_, kFirst, agreed()); }),
        refused([&] { return rename_host(store_, kFirst, "node1", agreed()); })})
    expect_text(error, {"the host cucm", "the service on cucm2 has not taken over"});
}

TEST_F(Hosts, ListsThatPhonesWouldNotLoadAreRefused) {
  InitRequest request = example_request();
  request.hosts.clear();
  for (int i = 0; i < 50; ++i) request.hosts.push_back({.name = "cucm" + std::to_string(i) + ".example.com"});
  dir_ = folder_.path / "large";
  store_ = init_store(dir_, request).value();
  std::string error;
  for (int i = 50; error.empty() && i < 90; ++i) {
    auto done = add_host(store_, {.host = {.name = "cucm" + std::to_string(i) + ".example.com"}}, agreed());
    if (!done) error = done.error().text;
  }
  expect_text(error, {"no room", "ITLFile.tlv", "--key", "remove another host"});
  const std::size_t most = names().size();
  EXPECT_EQ(not_added({.name = "one-more.example.com"}, forced()).substr(0, 20), "the list has no room");
  // Nor behind an empty one, which is not served for ever.
  ASSERT_TRUE(prepare_rollback(store_, agreed()));
  expect_text(not_added({.name = "one-more.example.com"}), {"no room"});
  ASSERT_TRUE(cancel_rollback(store_, agreed()));
  removed("cucm3.example.com");
  added("one-more.example.com");
  EXPECT_EQ(names().size(), most);
}

TEST_F(Hosts, OneThatIsRemovedIsListedNoMoreAndItsKeyIsGone) {
  has_run("cucm2");
  const trust::Cluster before = load();
  const auto count = store_.change_counter().value();
  const auto at = calendar_now();
  const ChangedHost done = removed("CUCM2", {.now = at, .hosts_agree = true});
  EXPECT_EQ(done.host.name, "cucm2");
  EXPECT_EQ(done.tvs, before.tvs[1].certificate);
  EXPECT_EQ(store_.change_counter().value(), count + 1);
  store_ = open();
  EXPECT_EQ(names(), std::vector<std::string>{kFirst});
  EXPECT_EQ(load().tvs.front().certificate, before.tvs.front().certificate);
  for (const std::string& file : keys()) EXPECT_FALSE(file.starts_with("tvs-cucm2")) << file;
  auto known = find_certificate(store_, hash_of(done.tvs));
  ASSERT_TRUE(known) << known.error().text;
  EXPECT_FALSE(known->own);
  EXPECT_EQ(known->retired_from, Service::tvs);
  EXPECT_EQ(known->retired_at, at);
  EXPECT_TRUE(reporting().empty());
  EXPECT_TRUE(in_session().empty());
  expect_text(last().what, {"removed the host cucm2", hash_of(done.tvs).substr(0, 8)});
  // A day later it is forgotten, since no phone holds a list with it.
  boot();
  EXPECT_EQ(drop_unneeded(store_, at + 2 * kSecondsPerDay)->size(), 1U);
}

TEST_F(Hosts, TheFirstMayGoAndTheLastMayNot) {
  const crypto::Certificate second = load().tvs[1].certificate;
  removed(kFirst);
  EXPECT_EQ(names(), std::vector<std::string>{"cucm2"});
  EXPECT_EQ(load().tvs.front().certificate, second);
  expect_text(refused([&] { return remove_host(store_, "cucm2", forced()); }),
              {"'cucm2' is the cluster's only host", "add the one"});
  // One of that name may come again, behind it, and takes nothing from it.
  added(kFirst, {"192.0.2.1"});
  EXPECT_EQ(names(), (std::vector<std::string>{"cucm2", kFirst}));
  EXPECT_EQ(load().tvs.front().certificate, second);
  regenerated(Service::tftp);
  regenerated(Service::tvs, kFirst);
  store_ = open();
  EXPECT_EQ(names(), (std::vector<std::string>{"cucm2", kFirst}));
}

TEST_F(Hosts, WhatIsNotThereIsNamed) {
  for (const std::string& error : {refused([&] { return remove_host(store_, "cucm9", agreed()); }),
                                   refused([&] { return rename_host(store_, "cucm9", "a", agreed()); })})
    expect_text(error, {"no host 'cucm9'", "host list"});
  EXPECT_FALSE(find_host(store_, "cucm9"));
  EXPECT_EQ(find_host(store_, "CUCM2")->name, "cucm2");
}

TEST_F(Hosts, RemovingTheLastThatAPhoneTrustsIsRefused) {
  boot();
  regenerated(Service::tftp);
  removed("cucm2");
  added("cucm3");
  const std::string error = refused([&] { return remove_host(store_, kFirst, agreed()); });
  expect_text(error, {"removing the host cucm1.example.com would lock 1 phone", kPhone,
                      "no present verification service", "reset them"});
  EXPECT_TRUE(error.ends_with("; --force does it all the same")) << error;
  boot();
  removed(kFirst);
  EXPECT_EQ(names(), std::vector<std::string>{"cucm3"});
}

TEST_F(Hosts, ForceLocksAndSaysSo) {
  boot();
  regenerated(Service::tftp);
  removed("cucm2");
  added("cucm3");
  const ChangedHost done = removed(kFirst, forced());
  ASSERT_TRUE(done.locked);
  EXPECT_EQ(done.locked->first, std::vector<std::string>{kPhone});
  EXPECT_TRUE(last().forced);
  expect_text(last().what, {"removed the host", "locking 1 phone", kPhone});
}

// A phone that takes the new host for its only one and holds a list from before is locked by nobody's change:
// the next change that it could not follow is refused all the same.
TEST_F(Hosts, AfterAnAdditionWhoHoldsTheListFromBeforeIsRemembered) {
  store_ = one_host();
  boot();
  added("cucm2", {}, {});
  regenerated(Service::tftp);
  const std::string error = refused([&] { return remove_host(store_, kFirst, agreed()); });
  expect_text(error, {"would lock 1 phone", kPhone});
  boot();
  removed(kFirst);
}

TEST_F(Hosts, AnotherNameKeepsTheCertificateUntilItIsRegenerated) {
  has_run("cucm2");
  const crypto::Certificate before = load().tvs[1].certificate;
  const auto key_files = keys();
  const ChangedHost done = renamed("CUCM2", "node2");
  EXPECT_EQ(done.host.name, "node2");
  EXPECT_EQ(done.tvs, before);
  EXPECT_EQ(names(), (std::vector<std::string>{kFirst, "node2"}));
  EXPECT_EQ(keys(), key_files);
  EXPECT_EQ(reporting(), std::vector<std::string>{"node2"});
  EXPECT_EQ(in_session(), std::vector<std::string>{"node2"});
  expect_text(last().what, {"renamed the host cucm2 to node2"});
  store_ = open();
  EXPECT_EQ(load().tvs[1].certificate, before);
  EXPECT_EQ(load().tvs[1].certificate.subject().value_of("CN"), "TVS-cucm2");
  auto next = regenerate(store_, Service::tvs, "node2", {.force = true});
  ASSERT_TRUE(next) << next.error().text;
  EXPECT_EQ(next->after.subject().to_vendor(), "CN=TVS-node2;OU=Voice;O=Example Corp;C=US");
  EXPECT_TRUE(has_name(next->after,
                       "\x82\x05"
                       "node2"));
  EXPECT_FALSE(has_name(next->after, "cucm2"));
}

TEST_F(Hosts, RenamingNamesWhatIsWrong) {
  expect_text(refused([&] { return rename_host(store_, "cucm2", "CUCM1.example.com", agreed()); }),
              {"there is a host 'cucm1.example.com' already"});
  expect_text(refused([&] { return rename_host(store_, "cucm2", "cucm2", agreed()); }),
              {"named 'cucm2' already", "another name"});
  for (const char* name : {"", "a/b", "-a"})
    expect_text(refused([&] { return rename_host(store_, "cucm2", name, agreed()); }), {"not a host name"});
  expect_text(refused([&] { return rename_host(store_, "cucm2", "node2", {}); }),
              {"renaming the host cucm2", "2 hosts", "--hosts-agree"});
  renamed("cucm2", "CUCM2");
  EXPECT_EQ(names().back(), "CUCM2");
}

TEST_F(Hosts, InMixedModeTheCtlNamesTheFirst) {
  ASSERT_TRUE(set_mode(store_, Mode::mixed, agreed()));
  boot();
  removed(kFirst);
  const trust::Cluster cluster = load();
  auto ctl = current_ctl(store_, cluster, calendar_now());
  ASSERT_TRUE(ctl) << ctl.error().text;
  EXPECT_TRUE(trust::verify_trust_list(ctl->content, cluster.tftp.certificate));
  EXPECT_NE(as_text(ctl->content).find("cucm2"), std::string_view::npos);
  boot();
  renamed("cucm2", "node2");
}

TEST_F(Hosts, TheyAreReadWithoutOpeningTheStore) {
  added("cucm3", {"192.0.2.3"});
  removed(kFirst);
  auto hosts = read_hosts(dir_);
  ASSERT_TRUE(hosts) << hosts.error().text;
  ASSERT_EQ(hosts->size(), 2U);
  EXPECT_EQ((*hosts)[0].name, "cucm2");
  EXPECT_EQ((*hosts)[1].addresses, std::vector<std::string>{"192.0.2.3"});
}

}  // namespace
}  // namespace anchord::store
