#include "pending_ledger.h"

#include <algorithm>
#include <array>
#include <utility>

#include "anchord/trust/trust_list.h"
#include "device_log.h"
#include "file_maker.h"

namespace anchord::control {
namespace {

constexpr std::array<std::string_view, 3> kSignedEndings{".enc.sgn", ".sha512", ".sgn"};

// Of the model in front of the name that a phone gives the verification service, as it is
// given by command: "8861" in "CP-8861-SEP001122334455".
std::string_view model_in(std::string_view name) {
  name.remove_suffix(kPhoneName);
  if (name.ends_with('-')) name.remove_suffix(1);
  if (name.starts_with("CP-")) name.remove_prefix(3);
  return name;
}

// `newer` came after `older`.
void merge(store::GivenFile& older, store::GivenFile&& newer) {
  if (newer.version == 0 && newer.unsure == 0) return;
  if (newer.version != 0 || older.version == 0) {
    older = std::move(newer);
  } else if (newer.unsure != older.version) {
    older.unsure = newer.unsure;
  }
}

void merge(store::LedgerChange& older, store::LedgerChange&& newer) {
  for (std::size_t kind = 0; kind < store::kGivenKinds; ++kind)
    merge(older.given[kind], std::move(newer.given[kind]));
  if (!newer.model.empty()) older.model = std::move(newer.model);
  older.questions += newer.questions;
  older.last_asked = std::max(older.last_asked, newer.last_asked);
}

}  // namespace

std::optional<store::Given> given_kind(std::string_view served) {
  if (served == trust::kItlFileName || served == trust::kCtlFileName || is_own_list(served))
    return served.front() == 'I' || served.front() == 'i' ? store::Given::itl : store::Given::ctl;
  for (std::string_view ending : kSignedEndings) {
    if (!served.ends_with(ending)) continue;
    served.remove_suffix(ending.size());
    break;
  }
  if (configured_device(served) || is_default_configuration(served)) return store::Given::configuration;
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
  auto kind = given_kind(download.file.text());
  auto device = phone_in(download.device.text());
  if (!kind || !device || download.end == service::DownloadEnd::not_there) return;
  store::LedgerChange* change = change_of(*device);
  if (change == nullptr) return;
  store::GivenFile heard{.file = std::string(download.file.text()),
                         .at = now,
                         .protocol = service::protocol_name(download.protocol),
                         .address = download.from.text()};
  (download.end == service::DownloadEnd::given ? heard.version : heard.unsure) = download.version;
  merge(change->of(*kind), std::move(heard));
}

void PendingLedger::note(const service::Question& question, UnixSeconds now) {
  auto device = phone_in(question.device.text());
  if (!device) return;
  store::LedgerChange* change = change_of(*device);
  if (change == nullptr) return;
  merge(*change, {.model = std::string(model_in(question.device.text())), .questions = 1, .last_asked = now});
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
