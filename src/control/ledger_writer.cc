#include "ledger_writer.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "anchord/base/log.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/recover.h"
#include "background.h"

namespace anchord::control {
namespace {

constexpr std::chrono::seconds kBatch{1};
// From one look for former certificates that nobody needs to the next: it goes through all
// lists that phones may hold. The shorter one where the ledger has changed.
constexpr Millis kForget = 600'000;
constexpr Millis kForgetAfterChange = 60'000;

}  // namespace

LedgerWriter::LedgerWriter(store::Store store)
    : store_(std::move(store)), thread_(&LedgerWriter::run, this) {}

LedgerWriter::~LedgerWriter() {
  stop();
}

void LedgerWriter::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void LedgerWriter::note(const service::Download& download, UnixSeconds now) {
  std::lock_guard lock(mutex_);
  ++noted_;
  pending_.note(download, now);
}

void LedgerWriter::note(const service::Question& question, UnixSeconds now) {
  std::lock_guard lock(mutex_);
  ++noted_;
  pending_.note(question, now);
}

void LedgerWriter::keep(const index::FileEntry& list) {
  std::lock_guard lock(mutex_);
  ++noted_;
  lists_.insert_or_assign(list.name, list);
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
  forget_due_ = monotonic_now();
  count_devices();
  for (bool stopping = false; !stopping;) {
    {
      std::unique_lock lock(mutex_);
      stopping = wake_.wait_for(lock, kBatch, [this] { return stopping_; });
    }
    if (write()) {
      count_devices();
      forget_due_ = std::min(forget_due_, forgot_at_ + kForgetAfterChange);
    }
    if (!stopping && monotonic_now() >= forget_due_) forget_unneeded();
  }
}

// Whether the ledger has changed.
bool LedgerWriter::write() {
  std::vector<store::LedgerChange> batch;
  std::map<std::string, index::FileEntry> lists;
  std::uint64_t noted = 0;
  {
    std::lock_guard lock(mutex_);
    batch = pending_.take();
    lists = std::exchange(lists_, {});
    writing_ = batch.size();
    noted = noted_;
    if (batch.empty() && lists.empty()) {
      report_.written = noted;
      return false;
    }
  }
  Status written = write_to_store(lists, batch);
  std::string problem = written ? "" : written.error().text;
  std::lock_guard lock(mutex_);
  writing_ = 0;
  if (written) {
    report_.last_written = calendar_now();
    report_.written = noted;
  } else {
    pending_.put_back(std::move(batch));
    lists_.merge(lists);  // newer ones stay
    if (problem != report_.problem)
      log::error("the ledger cannot be written, and is tried again every second: " + problem);
  }
  report_.problem = std::move(problem);
  return written.has_value();
}

// Lists first: who is said to hold one is judged by its bytes.
Status LedgerWriter::write_to_store(const std::map<std::string, index::FileEntry>& lists,
                                    const std::vector<store::LedgerChange>& batch) {
  for (const auto& [name, list] : lists) {
    Status kept = store::keep_list(store_, name, list.body.content.bytes(), calendar_now());
    if (!kept) return kept;
  }
  return batch.empty() ? Status() : store::note_in_ledger(store_, batch, session_);
}

void LedgerWriter::count_devices() {
  auto devices = store::ledger_size(store_);
  if (!devices) return;  // writing says the same
  std::lock_guard lock(mutex_);
  report_.devices = *devices;
}

// Phones whose boots alone do not tell what they hold get a list that all of them accept, and those
// that have taken it the cluster's again.
Status LedgerWriter::help_the_unsettled() {
  auto ended = store::end_recoveries(store_);
  if (!ended) return std::unexpected(ended.error());
  if (!ended->empty())
    log::info(
        fmt::format("{} phones have taken the lists of their own that were made for them", ended->size()));
  auto unsettled = store::unsettled_phones(store_);
  if (!unsettled) return std::unexpected(unsettled.error());
  if (unsettled->empty()) return {};
  auto made = store::recover_phones(store_, {.devices = std::move(*unsettled), .by_itself = true});
  if (!made) return std::unexpected(made.error());
  auto count = std::ranges::count_if(*made, [](const auto& phone) { return !phone.signer.empty(); });
  if (count > 0)
    log::info(
        fmt::format("{} phones went on after their list, and nobody saw whether they took it: they get one "
                    "that the recovery key has signed",
                    count));
  return {};
}

void LedgerWriter::forget_unneeded() {
  forgot_at_ = monotonic_now();
  forget_due_ = forgot_at_ + kForget;
  std::string problem;
  if (Status helped = help_the_unsettled(); !helped)
    problem = "cannot help phones that nobody knows the lists of: " + helped.error().text;
  if (auto dropped = store::drop_unneeded(store_, calendar_now()); dropped) {
    for (const trust::KnownCertificate& known : *dropped)
      log::info(fmt::format(
          "the former {} certificate {} is no longer known: no list that a phone may hold "
          "names it",
          trust::service_name(known.retired_from.value()), known.certificate.subject().to_vendor()));
  } else {
    problem = "cannot look for former certificates that nobody needs: " + dropped.error().text;
  }
  if (problem != forget_problem_ && !problem.empty()) log::warn(problem);
  forget_problem_ = std::move(problem);
}

}  // namespace anchord::control
