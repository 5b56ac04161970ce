#include "ledger/pending_ledger.h"

#include <algorithm>
#include <utility>

#include "anchord/phone/device_name.h"
#include "anchord/phone/file_kind.h"

namespace anchord::control {
namespace {

using trust::ListKind;
using trust::Observation;

// What somebody repeats in a device's name rules nothing out any more, but all that it may have been
// given by it counts.
void shorten(std::vector<Observation>& seen) {
  std::vector<Observation> kept;
  for (Observation& one : seen) {
    bool is_given = one.what == Observation::What::list_given;
    if (is_given) one.what = Observation::What::list_maybe_given;
    if (one.what != Observation::What::list_maybe_given && one.what != Observation::What::list_asked)
      continue;
    auto same = std::ranges::find_if(kept, [&](const Observation& other) {
      return other.what == one.what && other.kind == one.kind && other.version == one.version;
    });
    if (same == kept.end()) {
      kept.push_back(std::move(one));
    } else {
      same->at = std::max(same->at, one.at);
    }
  }
  seen = std::move(kept);
}

void add(std::vector<Observation>& seen, Observation one) {
  if (seen.size() >= PendingLedger::kMaxObservations) shorten(seen);
  seen.push_back(std::move(one));
}

// `newer` came after `older`.
void merge(store::LedgerChange& older, store::LedgerChange&& newer) {
  for (std::size_t kind = 0; kind < store::kDeliveredKinds; ++kind)
    if (newer.given[kind].version != 0) older.given[kind] = std::move(newer.given[kind]);
  if (!newer.model.empty()) older.model = std::move(newer.model);
  older.questions += newer.questions;
  older.last_asked = std::max(older.last_asked, newer.last_asked);
  older.heard = std::max(older.heard, newer.heard);
  for (Observation& one : newer.seen) add(older.seen, std::move(one));
}

// What a download says of the lists that the device may hold.
void observe(std::vector<Observation>& seen, const service::Download& download, store::DeliveredKind kind,
             const std::string& from) {
  if (kind == store::DeliveredKind::configuration) {
    add(seen, {.what = Observation::What::configuration_asked, .at = download.began, .from = from});
    return;
  }
  ListKind list = kind == store::DeliveredKind::itl ? ListKind::itl : ListKind::ctl;
  add(seen, {.what = Observation::What::list_asked, .kind = list, .at = download.began, .from = from});
  if (download.end == service::DownloadEnd::not_there) return;
  bool is_given = download.end == service::DownloadEnd::given;
  add(seen, {.what = is_given ? Observation::What::list_given : Observation::What::list_maybe_given,
             .kind = list,
             .version = download.version,
             .at = download.ended,
             .from = from});
}

}  // namespace

bool broke_off(const service::Download& download) {
  return download.end == service::DownloadEnd::maybe_given;
}

std::optional<store::DeliveredKind> delivered_kind(std::string_view served) {
  if (auto list = phone::list_name(served))
    return list->kind == ListKind::itl ? store::DeliveredKind::itl : store::DeliveredKind::ctl;
  const std::string_view plain = phone::plain_name(served);
  if (phone::configured_device(plain) || phone::is_default_configuration(plain))
    return store::DeliveredKind::configuration;
  return std::nullopt;
}

store::LedgerChange* PendingLedger::change_of(const std::string& device) {
  auto known = changes_.find(device);
  if (known != changes_.end()) return &known->second;
  if (changes_.size() == kMaxDevices) {
    ++dropped_;
    return nullptr;
  }
  return &changes_.emplace(device, store::LedgerChange{.device = device}).first->second;
}

void PendingLedger::note(const service::Download& download, UnixSeconds now) {
  if (broke_off(download)) return;
  auto kind = delivered_kind(download.file.text());
  auto device = phone::device_called(download.device.text());
  if (!kind || !device) return;
  store::LedgerChange* change = change_of(*device);
  if (change == nullptr) return;
  std::string from = download.from.text();
  observe(change->seen, download, *kind, from);
  change->heard = std::max(change->heard, now);
  if (download.end == service::DownloadEnd::not_there) return;
  change->of(*kind) = {.file = std::string(download.file.text()),
                       .version = download.version,
                       .at = now,
                       .whole = download.end == service::DownloadEnd::given,
                       .protocol = service::protocol_name(download.protocol),
                       .address = std::move(from)};
}

void PendingLedger::note_one_of(std::span<const std::string> devices, const service::Download& download) {
  auto kind = delivered_kind(download.file.text());
  if (!kind || *kind == store::DeliveredKind::configuration) return;
  const std::string from = download.from.text();
  for (const std::string& name : devices) {
    auto device = phone::device_called(name);
    store::LedgerChange* change = device ? change_of(*device) : nullptr;
    if (change == nullptr) continue;
    add(change->seen, {.what = Observation::What::list_maybe_given,
                       .kind = *kind == store::DeliveredKind::itl ? ListKind::itl : ListKind::ctl,
                       .version = download.version,
                       .at = download.ended,
                       .from = from});
  }
}

void PendingLedger::note(const service::Question& question, UnixSeconds now, bool counted) {
  auto device = phone::device_called(question.device.text());
  if (!device) return;
  store::LedgerChange* change = change_of(*device);
  if (change == nullptr) return;
  if (std::string_view model = phone::model_called(question.device.text()); !model.empty())
    change->model = model;
  if (counted) ++change->questions;
  change->last_asked = change->heard = std::max(change->heard, now);
  if (question.kind != service::QuestionKind::query || !question.sast || !question.delivered) return;
  add(change->seen, {.what = Observation::What::vouched,
                     .signer = question.certificate,
                     .at = question.at,
                     .from = question.from.text()});
}

std::vector<store::LedgerChange> PendingLedger::take() {
  std::vector<store::LedgerChange> out;
  out.reserve(changes_.size());
  for (auto& [device, change] : changes_) out.push_back(std::move(change));
  changes_.clear();
  return out;
}

void PendingLedger::put_back(std::vector<store::LedgerChange> batch) {
  for (store::LedgerChange& older : batch) {
    auto known = changes_.find(older.device);
    if (known != changes_.end()) {
      merge(older, std::move(known->second));
      known->second = std::move(older);
    } else if (store::LedgerChange* change = change_of(older.device)) {
      *change = std::move(older);
    }
  }
}

}  // namespace anchord::control
