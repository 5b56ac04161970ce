#include "commands/known_phones.h"

#include "anchord/store/device_files.h"

namespace anchord::ctl {

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

Result<PhonesAndLedger> read_all_phones(const Session& session, store::Store& store) {
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto view, LedgerView::read(store, loaded.cluster));
  ANCHORD_TRY_ASSIGN(auto phones, provisioned_phones(session.state_dir(), loaded.cluster.phones));
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

}  // namespace anchord::ctl
