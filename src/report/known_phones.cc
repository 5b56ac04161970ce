#include "anchord/report/known_phones.h"

#include "anchord/base/calendar.h"
#include "anchord/report/certificates.h"
#include "anchord/store/device_files.h"

namespace anchord::report {

using store::DeliveredKind;
using store::LedgerEntry;
using trust::ListKind;
using trust::Phone;

store::DeliveredKind delivered_kind_of(ListKind kind) {
  return kind == ListKind::itl ? DeliveredKind::itl : DeliveredKind::ctl;
}

namespace {

// What it was given last, and what it may hold.
Json list_json(const LedgerView& view, const LedgerEntry& entry, ListKind kind) {
  HeldState held = view.held_state(entry, kind);
  Json out = given_json(entry.of(delivered_kind_of(kind)));
  if (out.is_null() && held == HeldState::none) return out;
  if (out.is_null()) out = Json::object();
  out["state"] = held_state_name(held);
  out["may_hold"] = Json::array();
  for (trust::ListVersion version : entry.may_hold(kind))
    out["may_hold"].push_back(version == trust::kNoList ? "none" : version_text(version));
  out["settled_by"] = what_settles(held);
  return out;
}

}  // namespace

Result<KnownPhones> provisioned_phones(const std::filesystem::path& state,
                                       std::span<const trust::Phone> by_command) {
  KnownPhones out;
  for (const trust::Phone& phone : by_command)
    out[phone.name] = {.phone = phone, .provisioned = true, .file = {}, .problem = {}};
  ANCHORD_TRY_ASSIGN(auto files, store::read_device_files(state));
  for (store::DeviceFile& one : files) {
    KnownPhone& known = out[one.device];
    known.provisioned = true;
    known.phone.name = one.device;
    if (known.phone.certificate || !known.file.empty()) continue;
    known.phone.certificate = std::move(one.certificate);
    known.file = "devices/" + one.file;
    known.problem = std::move(one.problem);
  }
  return out;
}

Result<PhonesAndLedger> read_all_phones(const std::filesystem::path& state, store::Store& store) {
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto view, LedgerView::read(store, loaded.cluster));
  ANCHORD_TRY_ASSIGN(auto phones, provisioned_phones(state, loaded.cluster.phones));
  PhonesAndLedger out{std::move(view), std::move(phones)};
  for (const store::LedgerEntry& entry : out.view.entries()) {
    KnownPhone& known = out.phones[entry.device];
    known.phone.name = entry.device;
    if (known.phone.model.empty()) known.phone.model = entry.model;
    known.entry = &entry;
  }
  return out;
}

std::string sharing(const KnownPhones& phones, const std::string& name,
                    const crypto::Certificate& certificate) {
  for (const auto& [other, known] : phones)
    if (other != name && known.phone.certificate && *known.phone.certificate == certificate) return other;
  return "";
}

bool can_encrypt(const Phone& phone) {
  return phone.certificate && phone.certificate->key_type() == crypto::KeyType::rsa;
}

Json phone_json(const Phone& phone, UnixSeconds now) {
  return {{"name", phone.name},
          {"model", phone.model.empty() ? Json() : Json(phone.model)},
          {"encrypted", can_encrypt(phone)},
          {"certificate", phone.certificate ? certificate_json(*phone.certificate, now) : Json()}};
}

Json known_json(const LedgerView& view, const KnownPhone& known, UnixSeconds now) {
  Json out = phone_json(known.phone, now);
  out["certificate_file"] = known.file.empty() ? Json() : Json(known.file);
  out["certificate_problem"] = known.problem.empty() ? Json() : Json(known.problem);
  out["provisioned"] = known.provisioned;
  const LedgerEntry* entry = known.entry;
  out["itl"] = entry != nullptr ? list_json(view, *entry, ListKind::itl) : Json();
  out["ctl"] = entry != nullptr ? list_json(view, *entry, ListKind::ctl) : Json();
  out["configuration"] = entry != nullptr ? given_json(entry->of(DeliveredKind::configuration)) : Json();
  out["address"] = entry != nullptr && !entry->belief.home.empty() ? Json(entry->belief.home) : Json();
  out["questions"] = entry != nullptr ? entry->questions : 0;
  out["last_asked"] =
      entry != nullptr && entry->last_asked != 0 ? Json(time_text(entry->last_asked)) : Json();
  out["last_seen"] = entry != nullptr && entry->seen != 0 ? Json(time_text(entry->seen)) : Json();
  return out;
}

}  // namespace anchord::report
