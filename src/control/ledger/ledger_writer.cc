#include "ledger/ledger_writer.h"

#include <fmt/core.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "anchord/base/log.h"
#include "anchord/store/issued_lists.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/recover.h"
#include "machine/background.h"

namespace anchord::control {
namespace {

constexpr std::chrono::seconds kBatch{1};
// From one look for what time alone may bring about to the next.
constexpr Millis kLook = 600'000;
// Where the ledger has changed, for former certificates that nobody needs: it goes through all lists
// that phones may hold.
constexpr Millis kForgetAfterChange = 60'000;
// Likewise, for phones whose boots do not tell what they hold: somebody may be waiting for them with
// the next change. Each look that finds some makes the service publish their lists.
constexpr Millis kHelpAfterChange = 10'000;
// How often the store hears that the ledger has everything where nothing happens: what a machine
// that stops leaves in doubt is not more than that.
constexpr Millis kSession = 60'000;

void warn_once(std::string& said, const std::string& problem) {
  if (problem != said && !problem.empty()) log::warn(problem);
  said = problem;
}

}  // namespace

LedgerWriter::LedgerWriter(store::Store store)
    : store_(std::move(store)), thread_(&LedgerWriter::run, this) {}

LedgerWriter::~LedgerWriter() {
  (void)stop();
}

Status LedgerWriter::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  std::lock_guard lock(mutex_);
  if (unwritten_) return fail("there was no memory for it");
  if (report_.problem.empty()) return {};
  return fail(report_.problem);
}

void LedgerWriter::begin(const store::LedgerSession& session) {
  std::lock_guard lock(mutex_);
  session_ = session;
  dropped_since_ = session.started;
}

void LedgerWriter::note_gap(const store::LedgerGap& gap) {
  std::lock_guard lock(mutex_);
  add_gap(gaps_, gap);
  ++noted_;
}

void LedgerWriter::note_gap_after(const store::LedgerGap& gap) {
  std::lock_guard lock(mutex_);
  add_gap(gaps_after_, gap);
  ++noted_;
}

void LedgerWriter::noted_until(UnixSeconds time) {
  std::lock_guard lock(mutex_);
  session_.written = time;
}

void LedgerWriter::note(const service::Download& download, UnixSeconds now) {
  std::lock_guard lock(mutex_);
  ++noted_;
  pending_.note(download, now);
}

void LedgerWriter::note(const service::Question& question, UnixSeconds now, bool counted) {
  std::lock_guard lock(mutex_);
  ++noted_;
  pending_.note(question, now, counted);
}

void LedgerWriter::note_one_of(std::span<const std::string> devices, const service::Download& download) {
  std::lock_guard lock(mutex_);
  ++noted_;
  pending_.note_one_of(devices, download);
}

void LedgerWriter::note_nothing() {
  std::lock_guard lock(mutex_);
  ++noted_;
}

void LedgerWriter::serve_own(std::vector<index::FileEntry> lists) {
  std::lock_guard lock(mutex_);
  ++noted_;
  own_ = std::move(lists);
}

LedgerWriter::Report LedgerWriter::report() const {
  std::lock_guard lock(mutex_);
  Report out = report_;
  out.pending = pending_.size() + writing_;
  out.dropped = pending_.dropped();
  out.noted = noted_;
  return out;
}

// --- the thread

void LedgerWriter::run() {
  ::pthread_setname_np(::pthread_self(), "ledger");
  give_way_to_shards();
  forget_due_ = help_due_ = monotonic_now();
  guard_.attempt("to look at the ledger", [&] { count_devices(); });
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, kBatch, [this] { return stopping_; })) break;
    }
    guard_.attempt("to write the ledger", [&] { tick(); });
  }
  write_the_last();
}

void LedgerWriter::tick() {
  if (write()) {
    forget_due_ = std::min(forget_due_, forgot_at_ + kForgetAfterChange);
    help_due_ = std::min(help_due_, helped_at_ + kHelpAfterChange);
    count_devices();
  }
  if (monotonic_now() >= help_due_) help();
  if (monotonic_now() >= forget_due_) forget_unneeded();
}

bool LedgerWriter::has_problem() const {
  std::lock_guard lock(mutex_);
  return !report_.problem.empty();
}

void LedgerWriter::write_the_last() {
  const Millis end = monotonic_now() + kEndWait;
  bool said = false;
  for (;;) {
    const bool tried = guard_.attempt("to write the ledger", [&] { (void)write(true); });
    if ((tried && !has_problem()) || monotonic_now() >= end) {
      std::lock_guard lock(mutex_);
      unwritten_ = !tried;
      return;
    }
    if (!std::exchange(said, true))
      log::warn(fmt::format("the end waits for the ledger, {} seconds at most", kEndWait / 1000));
    std::this_thread::sleep_for(kBatch);
  }
}

// While the store cannot be written, gaps are merged: there are fewer, and they are longer.
void LedgerWriter::add_gap(std::vector<store::LedgerGap>& gaps, store::LedgerGap gap) {
  auto known = std::ranges::find(gaps, gap.why, &store::LedgerGap::why);
  if (known == gaps.end() && gaps.size() == kMaxGaps) known = gaps.begin();
  if (known == gaps.end()) return gaps.push_back(std::move(gap));
  known->began = std::min(known->began, gap.began);
  known->ended = std::max(known->ended, gap.ended);
}

void LedgerWriter::note_dropped(UnixSeconds now) {
  if (std::uint64_t dropped = pending_.dropped(); dropped != dropped_known_) {
    add_gap(gaps_, {.began = std::min(dropped_since_, now),
                    .ended = now,
                    .why = "more phones waited for the ledger than there is room for"});
    dropped_known_ = dropped;
  }
  if (!lost_) return;
  // The gap also concerns devices that were first heard of in what was partly lost.
  add_gap(gaps_after_, {.began = std::min(dropped_since_, now),
                        .ended = now,
                        .why = "there was no memory for what waited for the ledger"});
  lost_ = false;
}

// Into batch_, behind what there was no memory for before. What may fail comes first.
void LedgerWriter::take(bool last) {
  std::lock_guard lock(mutex_);
  const UnixSeconds now = calendar_now();
  note_dropped(now);
  if (batch_.empty()) {
    batch_.changes = pending_.take();
    batch_.gaps = std::exchange(gaps_, {});
    batch_.gaps_after = std::exchange(gaps_after_, {});
    batch_.own = std::exchange(own_, std::nullopt);
    batch_.noted = noted_;
  }
  bool due = !batch_.empty() || last || monotonic_now() >= session_due_;
  if (due && !session_.host.empty()) {
    batch_.session = session_;
    batch_.session->clean = last;
  }
  writing_ = batch_.changes.size();
  if (batch_.empty()) report_.written = batch_.noted;
}

void LedgerWriter::put_back(Batch batch) {
  if (!own_) own_ = std::move(batch.own);  // newer ones stay
  try {
    pending_.put_back(std::move(batch.changes));
    for (store::LedgerGap& gap : batch.gaps) add_gap(gaps_, std::move(gap));
    for (store::LedgerGap& gap : batch.gaps_after) add_gap(gaps_after_, std::move(gap));
  } catch (const std::bad_alloc&) {
    lost_ = true;
  }
  note_dropped(calendar_now());
}

// Whether the ledger has changed.
bool LedgerWriter::write(bool last) {
  take(last);
  if (batch_.empty()) return false;
  const bool changed = !batch_.changes.empty() || batch_.own;
  Status written = write_to_store(batch_);
  std::string problem = written ? "" : written.error().text;
  std::lock_guard lock(mutex_);
  writing_ = 0;
  Batch batch = std::exchange(batch_, {});
  if (written) {
    if (changed) report_.last_written = calendar_now();
    report_.written = batch.noted;
    dropped_since_ = batch.session ? batch.session->written : dropped_since_;
    session_due_ = monotonic_now() + kSession;
  } else {
    put_back(std::move(batch));
    if (problem != report_.problem)
      log::error("the ledger cannot be written, and is tried again every second: " + problem);
  }
  report_.problem = std::move(problem);
  return written.has_value() && changed;
}

Status LedgerWriter::write_gaps(std::vector<store::LedgerGap>& gaps) {
  while (!gaps.empty()) {
    ANCHORD_TRY(store::note_gap(store_, gaps.back()));
    gaps.pop_back();
  }
  return {};
}

// Gaps first, and the session last: what the store is told is never more than what it has. Lists
// come before who is said to hold one, and is judged by its bytes.
Status LedgerWriter::write_to_store(Batch& batch) {
  ANCHORD_TRY(write_gaps(batch.gaps));
  if (batch.own) {
    std::vector<store::OwnList> lists;
    for (const index::FileEntry& list : *batch.own)
      lists.push_back({list.name, to_buffer(list.body.content.bytes())});
    ANCHORD_TRY(store::put_own_lists(store_, lists, calendar_now()));
  }
  if (!batch.changes.empty()) {
    ANCHORD_TRY(store::note_in_ledger(store_, batch.changes, machine_));
    batch.changes.clear();  // should what follows fail: never twice
  }
  ANCHORD_TRY(write_gaps(batch.gaps_after));
  return batch.session ? store::note_session(store_, *batch.session) : Status();
}

void LedgerWriter::count_devices() {
  auto devices = store::ledger_size(store_);
  if (!devices) return;  // writing says the same
  std::lock_guard lock(mutex_);
  report_.devices = *devices;
}

// Phones whose boots alone do not tell what they hold get a list of which it shows that they took it,
// and those that did the cluster's again.
Status LedgerWriter::help_the_unsettled() {
  ANCHORD_TRY_ASSIGN(auto ended, store::end_recoveries(store_));
  if (!ended.empty())
    log::info(
        fmt::format("{} phones have taken the lists of their own that were made for them", ended.size()));
  ANCHORD_TRY_ASSIGN(auto unsettled, store::unsettled_phones(store_));
  if (unsettled.empty()) return {};
  ANCHORD_TRY_ASSIGN(auto made,
                     store::recover_phones(store_, {.devices = std::move(unsettled), .by_itself = true}));
  auto count = std::ranges::count_if(made, [](const auto& phone) { return !phone.signer.empty(); });
  if (count > 0)
    log::info(
        fmt::format("{} phones went on after their list, and nobody saw whether they took it: they get one "
                    "of their own, whose signer will tell",
                    count));
  return {};
}

void LedgerWriter::help() {
  helped_at_ = monotonic_now();
  help_due_ = helped_at_ + kLook;
  std::string problem;
  if (Status helped = help_the_unsettled(); !helped)
    problem = "cannot help phones that nobody knows the lists of: " + helped.error().text;
  warn_once(help_problem_, problem);
}

void LedgerWriter::forget_unneeded() {
  forgot_at_ = monotonic_now();
  forget_due_ = forgot_at_ + kLook;
  std::string problem;
  if (auto dropped = store::drop_unneeded(store_, calendar_now()); dropped) {
    for (const trust::KnownCertificate& known : *dropped)
      log::info(fmt::format(
          "the former {} certificate {} is no longer known: no list that a phone may hold "
          "names it",
          trust::service_name(known.retired_from.value()), known.certificate.subject().to_vendor()));
  } else {
    problem = "cannot look for former certificates that nobody needs: " + dropped.error().text;
  }
  warn_once(forget_problem_, problem);
}

}  // namespace anchord::control
