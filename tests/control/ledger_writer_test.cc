// What the ledger is told of phones, and that it gets there.
#include "ledger/ledger_writer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "../stores.h"
#include "../time_bound.h"
#include "anchord/store/issued_lists.h"
#include "anchord/store/lists.h"
#include "anchord/trust/trust_list.h"
#include "ledger/address_book.h"
#include "state.h"

namespace anchord::control {
namespace {

using service::Download;
using service::DownloadEnd;
using store::DeliveredKind;

Download download(std::string_view device, std::string_view file, std::uint64_t version,
                  DownloadEnd end = DownloadEnd::given) {
  Download out{.version = version, .from = io::parse_host("192.0.2.7").value(), .end = end};
  out.device.set(device);
  out.file.set(file);
  return out;
}

service::Question question(std::string_view device) {
  service::Question out;
  out.device.set(device);
  return out;
}

TEST(PendingLedger, KnowsListsAndConfigurationsByTheirNames) {
  using Kind = std::optional<DeliveredKind>;
  for (auto [name, kind] : std::initializer_list<std::pair<const char*, Kind>>{
           {"ITLFile.tlv", DeliveredKind::itl},
           {"ITLSEP001122334455.tlv", DeliveredKind::itl},
           {"itlsep001122334455.TLV", DeliveredKind::itl},
           {"CTLFile.tlv", DeliveredKind::ctl},
           {"CTLSEP001122334455.tlv", DeliveredKind::ctl},
           {"SEP001122334455.cnf.xml", DeliveredKind::configuration},
           {"SEP001122334455.cnf.xml.sgn", DeliveredKind::configuration},
           {"SEP001122334455.cnf.xml.sha512", DeliveredKind::configuration},
           {"sep001122334455.cnf.xml.enc.sgn", DeliveredKind::configuration},
           {"XMLDefault.cnf.xml.sgn", DeliveredKind::configuration},
           {"XMLDefault.cnf.xml", DeliveredKind::configuration},
           {"SEP001122334455.tlv", std::nullopt},
           {"SEP001122334455.cnf.xml.zip", std::nullopt},
           {"ITLSEP00112233445.tlv", std::nullopt},
           {"dialplan.xml.sgn", std::nullopt},
           {".sgn", std::nullopt},
           {"", std::nullopt}}) {
    EXPECT_EQ(delivered_kind(name), kind) << name;
  }
}

TEST(PendingLedger, MergesWhatIsHeardOfOnePhone) {
  PendingLedger pending;
  pending.note(download("sep001122334455", "ITLFile.tlv", 1), 100);
  pending.note(question("CP-8861-SEP001122334455"), 101);
  pending.note(question("SEP001122334455"), 102);
  pending.note(download("SEP001122334455", "SEP001122334455.cnf.xml.sgn", 5), 103);
  pending.note(download("SEP001122334455", "firmware.loads", 6), 104);
  pending.note(download("SEP001122334455", "ITLFile.tlv", 2), 105);
  pending.note(question("nobody"), 106);
  ASSERT_EQ(pending.size(), 1u);
  store::LedgerChange change = pending.take().at(0);
  EXPECT_EQ(pending.size(), 0u);
  EXPECT_EQ(change.device, "SEP001122334455");
  EXPECT_EQ(change.model, "8861");
  EXPECT_EQ(change.questions, 2u);
  EXPECT_EQ(change.last_asked, 102);
  EXPECT_EQ(change.of(DeliveredKind::itl).version, 2u);
  EXPECT_EQ(change.of(DeliveredKind::itl).at, 105);
  EXPECT_EQ(change.of(DeliveredKind::itl).file, "ITLFile.tlv");
  EXPECT_EQ(change.of(DeliveredKind::itl).protocol, "tftp");
  EXPECT_EQ(change.of(DeliveredKind::itl).address, "192.0.2.7");
  EXPECT_EQ(change.of(DeliveredKind::configuration).version, 5u);
  EXPECT_EQ(change.of(DeliveredKind::ctl).version, 0u);
}

using What = trust::Observation::What;

std::vector<What> whats(const store::LedgerChange& change) {
  std::vector<What> out;
  for (const auto& one : change.seen) out.push_back(one.what);
  return out;
}

TEST(PendingLedger, TellsWhatABootShows) {
  PendingLedger pending;
  Download ctl = download("SEP001122334455", "CTLSEP001122334455.tlv", 0, DownloadEnd::not_there);
  ctl.began = ctl.ended = 10;
  Download itl = download("SEP001122334455", "ITLFile.tlv", 7);
  itl.began = 11;
  itl.ended = 12;
  service::Question asked = question("CP-8861-SEP001122334455");
  asked.kind = service::QuestionKind::query;
  asked.answered_yes = asked.delivered = asked.sast = true;
  asked.certificate[0] = 9;
  asked.at = 13;
  asked.from = itl.from;
  Download configuration =
      download("SEP001122334455", "SEP001122334455.cnf.xml.sgn", 0, DownloadEnd::not_there);
  configuration.began = 14;
  pending.note(ctl, 100);
  pending.note(itl, 100);
  pending.note(asked, 100);
  pending.note(configuration, 101);
  store::LedgerChange change = pending.take().at(0);
  EXPECT_EQ(whats(change), (std::vector{What::list_asked, What::list_asked, What::list_given, What::vouched,
                                        What::configuration_asked}));
  EXPECT_EQ(change.seen[0].kind, trust::ListKind::ctl);
  EXPECT_EQ(change.seen[2].version, 7u);
  EXPECT_EQ(change.seen[2].at, 12u);
  EXPECT_EQ(change.seen[2].from, "192.0.2.7");
  EXPECT_EQ(change.seen[3].signer[0], 9);
  EXPECT_EQ(change.seen[4].at, 14u);
  EXPECT_EQ(change.heard, 101);
  EXPECT_TRUE(change.of(DeliveredKind::itl).whole);
  EXPECT_EQ(change.of(DeliveredKind::configuration).version, 0u);
}

// Its phone was told to hold it perhaps when it was begun, and may be known to have taken another list since.
TEST(PendingLedger, ADownloadThatBrokeOffIsToldOnlyOnce) {
  PendingLedger pending;
  pending.note(download("SEP001122334455", "ITLFile.tlv", 1, DownloadEnd::begun), 100);
  pending.note(download("SEP001122334455", "ITLFile.tlv", 2), 101);
  pending.note(download("SEP001122334455", "ITLFile.tlv", 1, DownloadEnd::maybe_given), 160);
  store::LedgerChange change = pending.take().at(0);
  EXPECT_EQ(change.seen.back().version, 2u);
  EXPECT_EQ(change.of(DeliveredKind::itl).version, 2u);
  EXPECT_EQ(change.heard, 101);
}

TEST(PendingLedger, AnAnswerThatWasNotDeliveredOrDoesNotVouchSaysNothing) {
  for (int lacking = 0; lacking < 4; ++lacking) {
    PendingLedger pending;
    service::Question asked = question("SEP001122334455");
    asked.kind = lacking == 0 ? service::QuestionKind::verify : service::QuestionKind::query;
    asked.delivered = lacking != 1;
    asked.sast = lacking != 2;
    pending.note(asked, 1);
    EXPECT_EQ(pending.take().at(0).seen.size(), lacking == 3 ? 1u : 0u) << lacking;
  }
}

TEST(PendingLedger, WhatIsRepeatedWithoutEndKeepsOnlyWhatMayBeHeld) {
  PendingLedger pending;
  for (std::uint64_t i = 0; i < 10'000; ++i)
    pending.note(download("SEP001122334455", "ITLFile.tlv", 1 + i % 3), 1);
  store::LedgerChange change = pending.take().at(0);
  EXPECT_LE(change.seen.size(), PendingLedger::kMaxObservations);
  for (std::uint64_t version : {1u, 2u, 3u})
    EXPECT_TRUE(std::ranges::any_of(change.seen, [&](const auto& one) { return one.version == version; }));
}

TEST(PendingLedger, ABatchThatCameBackIsOlderThanWhatFollowed) {
  PendingLedger pending;
  pending.note(download("SEP001122334455", "ITLFile.tlv", 1), 1);
  pending.note(download("SEP001122334455", "CTLFile.tlv", 3), 1);
  pending.note(question("CP-8861-SEP001122334455"), 1);
  pending.note(download("SEP00112233AAAA", "ITLFile.tlv", 1), 1);
  auto batch = pending.take();
  pending.note(download("SEP001122334455", "ITLFile.tlv", 2), 2);
  pending.note(question("SEP001122334455"), 2);
  pending.put_back(std::move(batch));
  EXPECT_EQ(pending.size(), 2u);
  auto all = pending.take();
  store::LedgerChange& change = all[all[0].device == "SEP001122334455" ? 0 : 1];
  EXPECT_EQ(change.of(DeliveredKind::itl).version, 2u);
  EXPECT_EQ(change.of(DeliveredKind::ctl).version, 3u);
  EXPECT_EQ(change.questions, 2u);
  EXPECT_EQ(change.last_asked, 2);
  EXPECT_EQ(change.model, "8861");
}

std::string phone(std::size_t number) {
  char name[16];
  std::snprintf(name, sizeof(name), "SEP%012zX", number);
  return name;
}

TEST(PendingLedger, AListThatDoesNotSayWhoAskedMayBeHeldByEachPhoneOfTheAddress) {
  PendingLedger pending;
  pending.note(download("SEP001122334455", "ITLFile.tlv", 1), 100);
  std::vector<std::string> there{"SEP001122334455", "SEP00112233AAAA", "no phone"};
  pending.note_one_of(there, download("", "CTLFile.tlv", 7));
  pending.note_one_of(there, download("", "XMLDefault.cnf.xml", 8));  // says nothing of anybody
  auto all = pending.take();
  ASSERT_EQ(all.size(), 2u);
  for (const store::LedgerChange& change : all) {
    const bool heard = change.device == "SEP001122334455";
    EXPECT_EQ(change.heard, heard ? 100 : 0);
    ASSERT_EQ(change.seen.size(), heard ? 3u : 1u);
    EXPECT_EQ(change.seen.back().what, trust::Observation::What::list_maybe_given);
    EXPECT_EQ(change.seen.back().kind, trust::ListKind::ctl);
    EXPECT_EQ(change.seen.back().version, 7u);
    EXPECT_EQ(change.given[static_cast<std::size_t>(DeliveredKind::ctl)].version, 0u)
        << "nobody knows whose it is";
  }
}

TEST(PendingLedger, InventedNamesFindAnEnd) {
  PendingLedger pending;
  for (std::size_t i = 0; i < PendingLedger::kMaxDevices + 5; ++i)
    pending.note(download(phone(i), "ITLFile.tlv", 1), 1);
  EXPECT_EQ(pending.size(), PendingLedger::kMaxDevices);
  EXPECT_EQ(pending.dropped(), 5u);
  pending.note(download(phone(0), "ITLFile.tlv", 2), 1);  // those that are there go on
  EXPECT_EQ(pending.dropped(), 5u);
  auto batch = pending.take();
  pending.note(download(phone(1'000'000), "ITLFile.tlv", 1), 2);
  pending.put_back(std::move(batch));
  EXPECT_EQ(pending.size(), PendingLedger::kMaxDevices);
  EXPECT_EQ(pending.dropped(), 6u);
}

TEST(AddressBook, KnowsWhoSpeaksFromAnAddressWhereOnlyOneDoes) {
  AddressBook book;
  io::Host home = io::parse_host("192.0.2.1").value();
  io::Host office = io::parse_host("192.0.2.2").value();
  EXPECT_EQ(book.only_device(home, 100), "");
  book.heard(home, "SEP001122334455", 100);
  book.heard(office, "SEP00112233AAAA", 100);
  EXPECT_EQ(book.only_device(home, 100 + AddressBook::kMemory), "SEP001122334455");
  EXPECT_EQ(book.only_device(home, 101 + AddressBook::kMemory), "");
  EXPECT_EQ(book.devices(home, 101 + AddressBook::kMemory), std::vector<std::string>());
  // Two behind one address: nobody can say who asks, until one was silent for long.
  book.heard(office, "SEP00112233BBBB", 200);
  EXPECT_EQ(book.only_device(office, 201), "");
  auto both = book.devices(office, 201);
  std::ranges::sort(both);
  EXPECT_EQ(both, (std::vector<std::string>{"SEP00112233AAAA", "SEP00112233BBBB"}));
  book.heard(office, "SEP00112233AAAA", 300);
  book.heard(office, "SEP00112233AAAA", 3000);
  EXPECT_EQ(book.only_device(office, 200 + AddressBook::kMemory), "");
  EXPECT_EQ(book.only_device(office, 201 + AddressBook::kMemory), "SEP00112233AAAA");
}

TEST(AddressBook, SaysWhetherItHadToForgetSomebody) {
  AddressBook book;
  io::Host office = io::parse_host("192.0.2.2").value();
  for (std::size_t i = 0; i < AddressBook::kMaxEntries; ++i) book.heard(office, phone(i), 100);
  EXPECT_FALSE(book.lacks_some(100));
  book.heard(office, phone(AddressBook::kMaxEntries), 200);
  EXPECT_EQ(book.size(), AddressBook::kMaxEntries);
  EXPECT_TRUE(book.lacks_some(100 + AddressBook::kMemory));
  EXPECT_FALSE(book.lacks_some(101 + AddressBook::kMemory)) << "it would not be known by now either";
  // Who was silent for long makes room, and is not missed.
  book.heard(office, phone(0), 101 + AddressBook::kMemory);
  EXPECT_EQ(book.size(), 2u);
}

TEST(AddressBook, SaysWhereMoreAreThanEachIsNotedFor) {
  AddressBook book;
  io::Host office = io::parse_host("192.0.2.2").value();
  EXPECT_FALSE(book.is_crowded(office));
  for (std::size_t i = 0; i < AddressBook::kMaxNeighbours; ++i) book.heard(office, phone(i), 100);
  EXPECT_FALSE(book.is_crowded(office));
  book.heard(office, phone(AddressBook::kMaxNeighbours), 100);
  EXPECT_TRUE(book.is_crowded(office));
  EXPECT_FALSE(book.is_crowded(io::parse_host("192.0.2.3").value()));
  // An hour later they say nothing any more.
  book.heard(office, phone(0), 101 + AddressBook::kMemory);
  EXPECT_FALSE(book.is_crowded(office));
}

TEST(AddressBook, ForgetsTheAddressHeardOfLongestAgo) {
  AddressBook book;
  auto host = [](std::size_t i) {
    io::Host out = io::parse_host("2001:db8::").value();
    for (std::size_t at = 8; at < 16; ++at) out.bytes[at] = static_cast<std::uint8_t>(i >> (15 - at) * 8);
    return out;
  };
  for (std::size_t i = 0; i < AddressBook::kMaxEntries; ++i) book.heard(host(i), phone(i), 1);
  book.heard(host(0), phone(0), 2);
  book.heard(host(AddressBook::kMaxEntries), "SEP001122334455", 2);
  EXPECT_EQ(book.size(), AddressBook::kMaxEntries);
  EXPECT_EQ(book.only_device(host(1), 2), "");
  EXPECT_EQ(book.only_device(host(0), 2), phone(0));
}

class Ledger : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    store_.emplace(make_store());
  }
  store::Store another_store() { return store::Store::open(options_.state).value(); }
  std::optional<store::LedgerEntry> entry(std::string_view device) {
    return store::ledger_entry(*store_, device).value();
  }
  // Ends a test that hangs; nothing here is timed.
  template <class Condition>
  void until(Condition&& condition) {
    Millis end = monotonic_now() + time_bound();
    while (!condition()) {
      ASSERT_LT(monotonic_now(), end) << "waited in vain";
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  std::optional<store::Store> store_;
};

TEST_F(Ledger, TellsHowMuchOfWhatWasNotedIsWritten) {
  LedgerWriter writer(another_store());
  EXPECT_EQ(writer.report().noted, 0u);
  writer.note(download("SEP001122334455", "ITLFile.tlv", 11), 100);
  std::uint64_t noted = writer.report().noted;
  EXPECT_EQ(noted, 1u);
  until([&] { return writer.report().written >= noted; });
  EXPECT_TRUE(entry("SEP001122334455"));

  // Nobody's: there is nothing to write, and nothing to wait for.
  writer.note(question("no phone"), 101);
  EXPECT_EQ(writer.report().noted, 2u);
  until([&] { return writer.report().written == 2; });
}

TEST_F(Ledger, WhatWasNotedIsWrittenByItselfAndAtTheEnd) {
  std::int64_t counter = store_->change_counter().value();
  LedgerWriter writer(another_store());
  EXPECT_EQ(writer.report().last_written, 0);
  writer.note(download("SEP001122334455", "ITLFile.tlv", 11), 100);
  until([&] { return writer.report().last_written != 0; });
  EXPECT_EQ(writer.report().pending, 0u);
  ASSERT_TRUE(entry("SEP001122334455"));
  EXPECT_EQ(entry("SEP001122334455")->of(DeliveredKind::itl).version, 11u);

  writer.note(download("SEP001122334455", "ITLFile.tlv", 12, DownloadEnd::begun), 101);
  writer.note(download("SEP00112233AAAA", "SEP00112233AAAA.cnf.xml.sgn", 13), 102);
  writer.note(question("CP-8861-SEP001122334455"), 103);
  writer.stop();
  EXPECT_EQ(writer.report().pending, 0u);
  EXPECT_EQ(writer.report().problem, "");
  auto first = entry("SEP001122334455").value();
  EXPECT_EQ(first.of(DeliveredKind::itl).version, 12u);
  EXPECT_FALSE(first.of(DeliveredKind::itl).whole);
  EXPECT_EQ(first.may_hold(trust::ListKind::itl), (std::vector<trust::ListVersion>{0, 11, 12}));
  EXPECT_EQ(first.questions, 1u);
  EXPECT_EQ(first.model, "8861");
  EXPECT_EQ(entry("SEP00112233AAAA")->of(DeliveredKind::configuration).version, 13u);
  EXPECT_EQ(entry("SEP00112233BBBB"), std::nullopt);
  // Nothing is built anew for it.
  EXPECT_EQ(store_->change_counter().value(), counter);
}

TEST_F(Ledger, WhatCannotBeWrittenWaits) {
  LedgerWriter writer(another_store());
  // The builder of a list holds the store for writing.
  auto list = list_for(*store_, "x", as_bytes("digest"), 1, [&](UnixSeconds) -> Result<Buffer> {
    writer.note(download("SEP001122334455", "ITLFile.tlv", 11), 100);
    until([&] { return !writer.report().problem.empty(); });
    EXPECT_EQ(writer.report().pending, 1u);
    writer.note(download("SEP001122334455", "CTLFile.tlv", 12), 101);
    return fail("it was only to wait");
  });
  EXPECT_FALSE(list);
  until([&] { return writer.report().problem.empty(); });
  writer.stop();
  EXPECT_EQ(entry("SEP001122334455")->of(DeliveredKind::itl).version, 11u);
  EXPECT_EQ(entry("SEP001122334455")->of(DeliveredKind::ctl).version, 12u);
}

TEST_F(Ledger, OnePhonesOwnListIsKeptAsItWasServed) {
  auto cluster = store_->load(store::KeyUse::with_keys).value().cluster;
  Buffer content = trust::build_trust_list(trust::itl_fields(cluster), 1'700'000'000).value();
  index::FileChange change{"ITLSEP001122334455.tlv", index::FileBody{.content = index::Blob(content)}};
  auto files = index::FileTable().with({&change, 1});
  const index::FileEntry* list = files.find("ITLSEP001122334455.tlv");
  for (int i = 0; i < 2; ++i) {
    LedgerWriter writer(another_store());
    writer.serve_own({*list});
    writer.note(download("SEP001122334455", list->name, list->version), 100);
  }
  auto kept = store::issued_lists(*store_).value();
  ASSERT_EQ(std::ranges::count(kept, list->version, &store::IssuedList::version), 1);
  auto found = std::ranges::find(kept, list->version, &store::IssuedList::version);
  EXPECT_TRUE(same_bytes(found->content, content));
  auto holders = store::holders(*store_).value();
  EXPECT_EQ(holders.unproven, 1u);
  EXPECT_EQ(holders.unknown.count, 0u);
}

}  // namespace
}  // namespace anchord::control
