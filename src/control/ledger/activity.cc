#include "ledger/activity.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "anchord/base/log.h"
#include "anchord/phone/device_name.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/ledger_session.h"

namespace anchord::control {
namespace {

// The acknowledgement of a list or an answer is seen this much later at the most, unless something was lost
// on the way: shards look again for an acknowledgement each 250 ms. In that time a phone can go on to other
// shards, and what it does there must be told afterwards. The time also covers that processors read what
// follows a little early.
constexpr Millis kSeenLate = 300;

bool has_configuration(std::string_view device, const index::FileTable& files) {
  auto known = phone::device_called(device);
  return known && std::ranges::any_of(phone::kConfigurationForms, [&](phone::FileForm form) {
           return files.find(phone::file_name(phone::FileKind::configuration, *known, form)) != nullptr;
         });
}

void warn_of(const store::LedgerGap& gap) {
  log::warn(log::Peers::ledger_gaps,
            fmt::format("what phones were given may be missing from the ledger: {}", gap.why));
}

}  // namespace

Status Activity::begin(const std::filesystem::path& state, unsigned shards, const std::string& host,
                       store::Store& store) {
  const UnixSeconds now = calendar_now();
  ANCHORD_TRY_ASSIGN(auto sessions, store::ledger_sessions(store));
  ANCHORD_TRY_ASSIGN(auto journal, Journal::open(state, shards, host, sessions, now));
  journal_.emplace(std::move(journal));
  shards_ = shards;
  ledger_.begin(journal_->session());
  remember_addresses(store, now);
  std::size_t records = 0;
  journal_->take_over([&](const auto& record, UnixSeconds time) {
    ++records;
    take_in(record, std::min(time, now), nullptr);
  });
  note_downloads(nullptr);
  if (records > 0)
    log::info(
        fmt::format("{} records of what phones were given and asked were left in the journal by a "
                    "service that was ended: they are taken over",
                    records));
  for (const store::LedgerGap& gap : journal_->gaps()) {
    warn_of(gap);
    ledger_.note_gap(gap);
  }
  settle_journal(now);
  return {};
}

// What does not say who asks is of the phones of its address, as the service before this one knew them.
void Activity::remember_addresses(store::Store& store, UnixSeconds now) {
  auto heard = store::heard_from(store, now - AddressBook::kMemory);
  if (!heard) return log::warn("cannot see which phones spoke from where: " + heard.error().text);
  for (const store::HeardFrom& one : *heard)
    if (auto host = io::parse_host(one.address); host && one.at <= now)
      addresses_.heard(*host, one.device, one.at);
}

// Frees the places of what the ledger has.
void Activity::settle_journal(UnixSeconds now) {
  ledger_.noted_until(now);
  LedgerWriter::Report report = ledger_.report();
  for (const store::LedgerGap& gap : journal_->settle(report.noted, report.written, now)) {
    warn_of(gap);
    ledger_.note_gap(gap);
  }
}

// All records of this moment and before are in the shards' logs. What phones did on different shards is
// judged in its order, so that nothing later may be read: an act that is told before the request
// which it follows would show what never was.
Millis Activity::whole_until() {
  Millis until = monotonic_now() - kSeenLate;
  for (unsigned i = 0; i < shards_; ++i) {
    const Millis tick = journal_->of_shard(i).tick.load(std::memory_order_seq_cst);
    if (tick == io::Ring::kTickBegins) return 0;  // the next look will know when
    if (tick != kNever) until = std::min(until, tick - 1);
  }
  return until;
}

void Activity::take(const Served& served, bool all) {
  if (!journal_) return;
  UnixSeconds now = calendar_now();
  const Millis until = all ? kNever : whole_until();
  auto is_due = [until](const auto& record) { return service::time_of(record) <= until; };
  for (unsigned i = 0; i < shards_; ++i) {
    service::ActivityLog& log = journal_->of_shard(i);
    log.questions.read_due(is_due, [&](const service::Question& asked) { take_in(asked, now, &served); });
    log.downloads.read_due(is_due, [&](const service::Download& given) { take_in(given, now, &served); });
  }
  note_downloads(&served);
  for (unsigned i = 0; i < shards_; ++i) {
    service::ActivityLog& log = journal_->of_shard(i);
    log.guessing.drain([&](const service::Guessing& guessing) { note(guessing, now); });
    trace(log, served, now);
  }
  tracer_.tick(monotonic_now());
  log::tell_left_out();
  settle_journal(now);
}

// What a service before this one heard of (served then: null) is no matter of this one's devices.
void Activity::take_in(const service::Question& question, UnixSeconds now, const Served* served) {
  if (served != nullptr) {
    tracer_.note(question, has_configuration(question.device.text(), served->files));
    devices_.note(question, now);
  }
  ledger_.note(question, now, served != nullptr);
}

void Activity::take_in(const service::Download& download, UnixSeconds now, const Served*) {
  read_.push_back({download, now});
}

// Who asks without a name has asked by its own before, perhaps on another shard.
void Activity::note_downloads(const Served* served) {
  // In the order of their times; of one moment, who says a name comes first, and all as they were read.
  std::vector<Read*> in_order;
  in_order.reserve(read_.size());
  for (Read& read : read_) in_order.push_back(&read);
  std::ranges::sort(in_order, {}, [](const Read* read) {
    return std::tuple(read->time, service::time_of(read->download), read->download.device.text().empty(),
                      read);
  });
  const std::set<const Read*> repeated = repeated_nameless(in_order);
  for (Read* read : in_order) {
    if (read->noted) continue;  // and for one behind it there was no memory
    service::Download& download = read->download;
    std::string_view name = download.device.text();
    if (name.empty()) {
      download.device.set(addresses_.only_device(download.from, read->time));
    } else {
      addresses_.heard(download.from, phone::device_key(name), read->time);
    }
    if (download.device.text().empty()) {
      note_nameless(*read, repeated.contains(read));
      read->noted = true;
      continue;
    }
    if (served != nullptr && download.end != service::DownloadEnd::begun) {
      tracer_.note(download, download.device.text());
      devices_.note(download, read->time);
    }
    ledger_.note(download, read->time);
    read->noted = true;
  }
  read_.clear();
}

// The same list from the same address says nothing between the first time and the last; somebody who
// repeats it must not make work for each phone of a large site.
std::set<const Activity::Read*> Activity::repeated_nameless(const std::vector<Read*>& in_order) {
  std::set<const Read*> out;
  std::map<std::pair<std::string, std::uint64_t>, std::pair<const Read*, const Read*>> seen;
  for (const Read* read : in_order) {
    if (!read->download.device.text().empty() || broke_off(read->download)) continue;
    auto [known, is_new] =
        seen.try_emplace({read->download.from.text(), read->download.version}, read, nullptr);
    if (is_new) continue;
    if (known->second.second != nullptr) out.insert(known->second.second);
    known->second.second = read;
  }
  return out;
}

// Each phone of the address may be the one that asked, and hold the list; where they are too many, or not
// all known any more, any phone.
void Activity::note_nameless(const Read& read, bool repeated) {
  const service::Download& download = read.download;
  auto kind = delivered_kind(download.file.text());
  const bool is_list = kind && *kind != store::DeliveredKind::configuration;
  const bool says_nothing = download.end == service::DownloadEnd::not_there || broke_off(download);
  if (!is_list || repeated || says_nothing) return ledger_.note_nothing();
  // A transfer ends on the view that it began with, perhaps long ago.
  store::LedgerGap gap{.began = read.time - AddressBook::kMemory, .ended = read.time, .why = {}};
  if (addresses_.is_crowded(download.from)) {
    gap.why = "a list was asked for without a name, where more phones are than each is noted for";
    return ledger_.note_gap_after(gap);
  }
  if (addresses_.lacks_some(read.time)) {
    gap.why = "more phones and names were heard of in an hour than there is room for";
    ledger_.note_gap(gap);
  }
  ledger_.note_one_of(addresses_.devices(download.from, read.time), download);
}

void Activity::note(const service::Guessing& guessing, UnixSeconds now) {
  const std::string from = guessing.from.text();
  log::warn(
      log::Peers::guessing,
      fmt::format("{} asks for many devices that do not exist: it is told of more only slowly, of one a "
                  "second at most (--max-unknown-devices)",
                  from));
  guessing_[from] = now;
  // Addresses can be forged; some of them tell as much as all.
  if (guessing_.size() > kMaxGuessing) guessing_.erase(guessing_.begin());
}

void Activity::trace(service::ActivityLog& log, const Served& served, UnixSeconds now) {
  log.requests.drain([&](const service::Request& request) {
    std::string_view device = request.device.text();
    tracer_.note(request, device.empty() ? addresses_.only_device(request.from, now) : device);
  });
  log.trouble.drain([&](const service::Trouble& trouble) { tracer_.note(trouble, served.tvs); });
  log.requests_wanted.store(tracer_.wants_requests(monotonic_now()), std::memory_order_relaxed);
}

protocol::Answer Activity::trace(const protocol::TraceRequest& request, const Served& served) {
  take(served);
  protocol::Answer out = tracer_.answer(request, monotonic_now());
  take(served);  // from now on with every request, when those are wanted
  return out;
}

std::uint64_t Activity::unread() {
  std::uint64_t out = 0;
  for (unsigned i = 0; i < shards_; ++i)
    out += journal_->of_shard(i).questions.unread() + journal_->of_shard(i).downloads.unread();
  return out;
}

Status Activity::end(const Served& served) {
  take(served, true);
  Status written = ledger_.stop();
  settle_journal(calendar_now());
  log::tell_left_out(kNever);
  if (written) return {};
  return fail(
      fmt::format("ended without having written down all that phones were given ({}): it is in the journal, "
                  "and taken over when the service starts again",
                  written.error().text));
}

}  // namespace anchord::control
