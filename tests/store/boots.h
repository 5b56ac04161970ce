// What the ledger is told when phones boot.
#pragma once

#include <string>

#include "anchord/index/file_table.h"
#include "anchord/store/ledger.h"
#include "anchord/store/lists.h"

namespace anchord::store {

constexpr std::uint64_t kTestSession = 7;
constexpr char kPhone[] = "SEP001122334455";
constexpr char kPhoneAddress[] = "192.0.2.9";

inline trust::ListVersion list_version(Bytes content) {
  return index::version_of({.header = {}, .content = index::Blob(to_buffer(content))});
}

// A device, and what was seen of it in order: each call is a moment later than the one before.
class Seen {
 public:
  explicit Seen(std::string device, UnixSeconds heard = calendar_now()) {
    change_.device = std::move(device);
    change_.heard = heard;
  }

  Seen& asked(trust::ListKind kind) {
    return add({.what = trust::Observation::What::list_asked, .kind = kind});
  }
  Seen& given(trust::ListKind kind, trust::ListVersion version, bool whole = true) {
    asked(kind);
    change_.of(kind == trust::ListKind::itl ? DeliveredKind::itl : DeliveredKind::ctl) = {
        kind == trust::ListKind::itl ? "ITLFile.tlv" : "CTLFile.tlv",
        version,
        change_.heard,
        whole,
        "tftp",
        kPhoneAddress};
    return add(
        {.what = whole ? trust::Observation::What::list_given : trust::Observation::What::list_maybe_given,
         .kind = kind,
         .version = version});
  }
  Seen& vouched(const crypto::Certificate& signer) {
    return add({.what = trust::Observation::What::vouched, .signer = signer.sha256()});
  }
  Seen& acted() { return add({.what = trust::Observation::What::configuration_asked}); }

  Seen& of_model(std::string model) {
    change_.model = std::move(model);
    return *this;
  }

  LedgerChange& change() { return change_; }

 private:
  Seen& add(trust::Observation one) {
    static Millis now = 1;
    one.at = ++now;
    one.from = kPhoneAddress;
    change_.seen.push_back(std::move(one));
    return *this;
  }
  LedgerChange change_;
};

inline Status note(Store& store, Seen& seen) {
  return note_in_ledger(store, {&seen.change(), 1}, kTestSession);
}

// The phone boots with everything in reach, and takes what is served; its questions are answered.
inline Status boot_whole(Store& store, const std::string& device, UnixSeconds at = calendar_now()) {
  auto loaded = store.load(KeyUse::with_keys);
  if (!loaded) return std::unexpected(loaded.error());
  const trust::Cluster& cluster = loaded->cluster;
  Seen seen(device, at);
  if (cluster.has_ctl) {
    auto ctl = current_ctl(store, cluster, calendar_now());
    if (!ctl) return std::unexpected(ctl.error());
    seen.given(trust::ListKind::ctl, list_version(ctl->content)).vouched(cluster.tftp.certificate);
  } else {
    seen.asked(trust::ListKind::ctl);
  }
  auto itl = current_itl(store, cluster, calendar_now());
  if (!itl) return std::unexpected(itl.error());
  seen.given(trust::ListKind::itl, list_version(itl->content)).vouched(cluster.tftp.certificate).acted();
  return note(store, seen);
}

}  // namespace anchord::store
