#include "commands/known_phones.h"

#include "anchord/store/device_files.h"
#include "client/failure.h"

namespace anchord::ctl {

Result<KnownPhones> provisioned_phones(const std::filesystem::path& state,
                                       std::span<const trust::Phone> by_command) {
  KnownPhones out;
  for (const trust::Phone& phone : by_command)
    out[phone.name] = {.phone = phone, .provisioned = true, .file = {}, .problem = {}};
  auto files = store::read_device_files(state);
  if (!files) return failure_of(files);
  for (store::DeviceFile& one : *files) {
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
  auto loaded = store.load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);
  auto view = LedgerView::read(store, loaded->cluster);
  if (!view) return failure_of(view);
  auto phones = provisioned_phones(session.state_dir(), loaded->cluster.phones);
  if (!phones) return failure_of(phones);
  PhonesAndLedger out{std::move(*view), std::move(*phones)};
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
