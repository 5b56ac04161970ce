#include "anchord/store/recover.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <utility>

#include "anchord/base/hex.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/lists.h"
#include "anchord/trust/lifecycle.h"
#include "anchord/trust/own_list.h"
#include "anchord/trust/served.h"
#include "anchord/trust/trust_list.h"
#include "anchord/trust/virtual_phone.h"
#include "changes/guard.h"
#include "database/session.h"
#include "ledger/ledger_rows.h"
#include "replica/shared_write.h"
#include "tables/audit.h"
#include "tables/cluster.h"
#include "tables/former_keys.h"
#include "tables/identities.h"
#include "tables/issued_lists.h"

namespace anchord::store {
namespace {

using trust::ListKind;
using trust::ListVersion;
using Versions = std::vector<ListVersion>;
using MayHold = std::pair<Versions, Versions>;  // CTLs, ITLs

MayHold may_hold(const LedgerEntry& entry) {
  return {entry.may_hold(ListKind::ctl), entry.may_hold(ListKind::itl)};
}

// The present lists by another signer.
struct Candidate {
  trust::Identity signer;
  Buffer ctl;  // empty: the cluster has none
  Buffer itl;
};

// A list names two signers at most, of whom its own must be one.
void sign_by(trust::TrustListFields& fields, const trust::Identity& signer) {
  bool is_listed = std::ranges::any_of(fields.records, [&](const trust::ListedCertificate& record) {
    return record.role == wire::Role::sast && record.certificate == signer.certificate;
  });
  if (!is_listed) fields.records[1].certificate = signer.certificate;  // in recovery's place
  fields.signer = signer;
}

// Calls `each(fields, content)` for what the lists by that signer say, and the candidate's place for them.
template <typename AnyCandidate, typename Each>
Status for_each_list(const trust::Cluster& cluster, AnyCandidate& candidate, Each&& each) {
  trust::TrustListFields itl = trust::itl_fields(cluster);
  sign_by(itl, candidate.signer);
  ANCHORD_TRY(each(itl, candidate.itl));
  if (!cluster.has_ctl) return {};
  trust::TrustListFields ctl = trust::ctl_fields(cluster);
  sign_by(ctl, candidate.signer);
  return each(ctl, candidate.ctl);
}

Result<Candidate> make_candidate(const trust::Cluster& cluster, const trust::Identity& signer,
                                 UnixSeconds now) {
  Candidate out{signer, {}, {}};
  ANCHORD_TRY(
      for_each_list(cluster, out, [&](const trust::TrustListFields& fields, Buffer& content) -> Status {
        ANCHORD_TRY_ASSIGN(content, trust::build_trust_list(fields, now));
        return {};
      }));
  return out;
}

// Among the saved lists, that of a signer whose key is gone. The database has the same name for its hash.
std::string saved_name(const trust::TrustListFields& fields) {
  return fmt::format("{} {}", fields.file_name, to_hex(fields.signer.certificate.sha256()));
}

// So that phones of later looks are asked with the same lists.
Status save_candidate(Database& database, const trust::Cluster& cluster, const Candidate& candidate,
                      UnixSeconds now) {
  ANCHORD_TRY(execute(database, R"(DELETE FROM lists WHERE name GLOB '[CI]TLFile.tlv ?*'
                                     AND substr(name, 13) NOT IN (SELECT sha256 FROM certificates))"));
  return for_each_list(cluster, candidate, [&](const trust::TrustListFields& fields, const Buffer& content) {
    return execute(database, "INSERT INTO lists (name, input_digest, built_at, content) VALUES (?, ?, ?, ?)",
                   saved_name(fields), trust::fields_digest(fields), now, content);
  });
}

// Those by the signer; none when there are none of the cluster's present state.
Result<std::optional<Candidate>> saved_candidate(Store& store, const trust::Cluster& cluster,
                                                 const crypto::Certificate& signer) {
  Candidate out{{.certificate = signer, .key = {}}, {}, {}};
  bool is_present = true;
  ANCHORD_TRY(
      for_each_list(cluster, out, [&](const trust::TrustListFields& fields, Buffer& content) -> Status {
        ANCHORD_TRY_ASSIGN(auto saved, saved_list(store, saved_name(fields)));
        is_present = is_present && saved && saved->input_digest == trust::fields_digest(fields) &&
                     trust::verify_trust_list(saved->content, signer);
        if (is_present) content = std::move(saved->content);
        return {};
      }));
  if (!is_present) return std::nullopt;
  return out;
}

// What phones find, by what they may hold.
class Recovery {
 public:
  Recovery(trust::Cluster cluster, trust::Served served, trust::ListShelf shelf)
      : cluster_(std::move(cluster)), served_(std::move(served)), shelf_(std::move(shelf)) {}

  const trust::Cluster& cluster() const { return cluster_; }

  Status add(const trust::Identity& signer, UnixSeconds now) {
    auto made = make_candidate(cluster_, signer, now);
    if (!made)
      return std::unexpected(
          std::move(made.error()).within("a list by " + signer.certificate.subject().to_vendor()));
    add(std::move(*made));
    return {};
  }
  void add(Candidate candidate) { candidates_.push_back(std::move(candidate)); }
  void without_verification_services() { served_.tvs.clear(); }
  // Only by signers that no list which the phone may hold names. Those that are not kept here are taken to
  // ask the verification service, as the kept ones are seen to: should one not ask, its boot shows nothing.
  void by_question() { by_question_ = true; }

  // The first whose lists every one that the phone may hold accepts.
  const Candidate* find(const MayHold& held) {
    auto [known, is_new] = found_.try_emplace(held, nullptr);
    if (!is_new) return known->second;
    for (const Candidate& candidate : candidates_)
      if (all_accept(held, candidate)) {
        known->second = &candidate;
        break;
      }
    return known->second;
  }

  // Whether one that the phone may hold is locked by what is served.
  bool locks(const MayHold& held) {
    auto [known, is_new] = locked_.try_emplace(held, false);
    if (!is_new) return known->second;
    for (ListVersion ctl : held.first)
      for (ListVersion itl : held.second)
        if (boot(ctl, itl, nullptr).second.end == trust::BootEnd::locked) known->second = true;
    return known->second;
  }

 private:
  bool names(const Versions& lists, const trust::Identity& signer) const {
    return std::ranges::any_of(lists, [&](ListVersion version) {
      const auto signers = trust::list_signers(shelf_.content(version));
      return std::ranges::find(signers, signer.certificate) != signers.end();
    });
  }

  bool all_accept(const MayHold& held, const Candidate& candidate) const {
    if (by_question_ && (names(held.first, candidate.signer) || names(held.second, candidate.signer)))
      return false;
    auto is_kept = [&](ListVersion version) { return version == trust::kNoList || shelf_.has(version); };
    for (ListVersion ctl : held.first)
      for (ListVersion itl : held.second) {
        if (!is_kept(ctl) || !is_kept(itl)) {
          if (by_question_) continue;
          return false;
        }
        auto [memory, done] = boot(ctl, itl, &candidate);
        bool took_ctl = candidate.ctl.empty() || same_bytes(memory.ctl, candidate.ctl);
        if (!took_ctl || !same_bytes(memory.itl, candidate.itl)) return false;
      }
    return true;
  }

  std::pair<trust::PhoneMemory, trust::VirtualPhone::Done> boot(ListVersion ctl, ListVersion itl,
                                                                const Candidate* own) const {
    trust::VirtualPhone phone(
        {.tvs_servers = std::max<std::size_t>(served_.tvs.size(), 1)},
        {.ctl = to_buffer(shelf_.content(ctl)), .itl = to_buffer(shelf_.content(itl)), .configuration = {}});
    trust::Served found = served_;
    if (own != nullptr) {
      const std::string& name = phone.settings().name;
      found.files[phone::own_list_file({name, ListKind::itl})] = own->itl;
      if (!own->ctl.empty()) found.files[phone::own_list_file({name, ListKind::ctl})] = own->ctl;
    }
    auto done = trust::boot_in_memory(phone, found, 0);
    return {phone.memory(), done};
  }

  trust::Cluster cluster_;
  trust::Served served_;
  trust::ListShelf shelf_;
  std::vector<Candidate> candidates_;
  bool by_question_ = false;
  std::map<MayHold, const Candidate*> found_;
  std::map<MayHold, bool> locked_;
};

Result<Recovery> begin(Database& database, trust::Cluster cluster, UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(auto served, trust::served_by(cluster, now));
  trust::ListShelf shelf;
  ANCHORD_TRY(fill_shelf(database, shelf));
  return Recovery(std::move(cluster), std::move(served), std::move(shelf));
}

Result<Recovery> begin(const std::filesystem::path& directory, Database& database, UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(auto loaded, read_cluster(directory, database, KeyUse::with_keys));
  return begin(database, std::move(loaded.cluster), now);
}

// Signers at once that are there to be asked about: an open end would be anybody's to fill who plays
// the boots of a known phone.
constexpr int kMaxAskedAbout = 64;

Result<bool> may_add_signer(Database& database) {
  Statement row(database, "SELECT count(*) FROM certificates WHERE retired_from = 'recovery'");
  if (!row.next()) return row.failure();
  return row.integer(0) < kMaxAskedAbout;
}

// Lists by signers that none names. Who has taken one has asked about it and was told *found*, whatever
// it held: that is what its boot shows. A signer's key is thrown away once they are signed, and they are
// saved: the phones of later looks are asked with the same ones, unless they may know the signer. Its
// certificate is known as a former recovery certificate is, until no list that a phone may hold carries it.
class Asking {
 public:
  Asking(Store& store, const trust::Cluster& cluster, UnixSeconds now)
      : store_(store), database_(store.session().database), cluster_(cluster), now_(now) {}

  // None where a phone could be told *no*: other hosts do not know the signer.
  Result<const Candidate*> find(const MayHold& held) {
    if (cluster_.hosts.size() != 1 || cluster_.rolling_back) return nullptr;
    if (!saved_) ANCHORD_TRY(begin_saved());
    if (const Candidate* candidate = saved_->find(held)) return candidate;
    if (!std::exchange(was_begun_, true)) ANCHORD_TRY(begin_new());
    const Candidate* candidate = new_ ? new_->find(held) : nullptr;
    if (candidate != nullptr && !std::exchange(is_used_, true)) {
      ANCHORD_TRY(add_retired(database_, cluster_.known.back()));
      ANCHORD_TRY(save_candidate(database_, cluster_, *candidate, now_));
    }
    return candidate;
  }

 private:
  Status begin_saved() {
    ANCHORD_TRY_ASSIGN(saved_, begin(database_, cluster_, now_));
    saved_->by_question();
    // The latest first: no answer about it is kept from long ago.
    for (const trust::KnownCertificate& known : cluster_.known | std::views::reverse) {
      if (known.retired_from != trust::Service::recovery) continue;
      ANCHORD_TRY_ASSIGN(auto candidate, saved_candidate(store_, cluster_, known.certificate));
      if (candidate) saved_->add(std::move(*candidate));
    }
    return {};
  }

  Status begin_new() {
    ANCHORD_TRY_ASSIGN(auto may, may_add_signer(database_));
    if (!may) return {};
    bool is_ec = cluster_.recovery.certificate.key_type() == crypto::KeyType::ec;
    ANCHORD_TRY_ASSIGN(auto made,
                       make_identity({.service = trust::Service::recovery,
                                      .subject = cluster_.recovery.certificate.subject(),
                                      .key = is_ec ? crypto::KeyKind::p256 : crypto::KeyKind::rsa2048,
                                      .now = now_}));
    cluster_.known.push_back({.certificate = made.identity.certificate,
                              .roles = {wire::Role::sast},
                              .own = std::nullopt,
                              .retired_from = trust::Service::recovery,
                              .retired_at = now_});
    ANCHORD_TRY_ASSIGN(new_, begin(database_, cluster_, now_));
    new_->by_question();
    return new_->add(made.identity, now_);
  }

  Store& store_;
  Database& database_;
  trust::Cluster cluster_;
  UnixSeconds now_;
  std::optional<Recovery> saved_;
  std::optional<Recovery> new_;
  bool was_begun_ = false;
  bool is_used_ = false;
};

Status put_list(Database& database, const std::string& name, const Buffer& content, UnixSeconds now) {
  if (content.empty()) return {};
  ANCHORD_TRY_ASSIGN(auto done, keep_once(database, name, content, now));
  return execute(database, "INSERT OR REPLACE INTO recovery_lists (name, version, made_at) VALUES (?, ?, ?)",
                 name, done, now);
}

// By device, the ITL that it is served.
Result<std::map<std::string, ListVersion>> recovering(Database& database) {
  std::map<std::string, ListVersion> out;
  Statement row(database, "SELECT name, version FROM recovery_lists");
  while (row.next())
    if (auto name = phone::list_name(row.text(0)); name && name->kind == ListKind::itl)
      out[name->device] = static_cast<ListVersion>(row.integer(1));
  if (!row.ok()) return row.failure();
  return out;
}

constexpr char kNoWay[] =
    "no key that there is signs what it accepts: give a former one with --key, or delete its list by hand";

}  // namespace

namespace {

Result<std::vector<RecoveredPhone>> recover_in(Store& store, SharedWrite& writing,
                                               const RecoverRequest& request) {
  Database& database = store.session().database;
  const std::filesystem::path& directory = store.session().directory;
  ANCHORD_TRY_ASSIGN(auto recovery, begin(directory, database, request.now));
  ANCHORD_TRY(recovery.add(recovery.cluster().recovery, request.now));
  if (request.by_itself) {
    recovery.without_verification_services();
  } else {
    ANCHORD_TRY_ASSIGN(auto kept, former_keys(directory, database));
    kept.insert(kept.end(), request.keys.begin(), request.keys.end());
    for (const trust::Identity& identity : kept) ANCHORD_TRY(recovery.add(identity, request.now));
  }
  ANCHORD_TRY_ASSIGN(auto already, recovering(database));
  ANCHORD_TRY_ASSIGN(auto entries, read_entries(database));
  std::vector<RecoveredPhone> out;
  std::size_t made = 0;
  Asking asking(store, recovery.cluster(), request.now);
  for (const std::string& device : request.devices) {
    auto entry = std::ranges::lower_bound(entries, device, {}, &LedgerEntry::device);
    if (entry == entries.end() || entry->device != device) {
      out.push_back({device, "", "it was never heard of here, so nobody knows what it holds"});
      continue;
    }
    if (auto its = already.find(device); request.by_itself && its != already.end()) {
      // It went on after that one too, and again nobody saw whether it took it, or the CTL.
      const trust::Belief::Kind& itl = entry->belief.of(ListKind::itl);
      const bool went_on = itl.given == its->second && itl.acted_at != 0;
      if (!went_on && itl.may != Versions{its->second}) continue;
    }
    const Candidate* candidate = recovery.find(may_hold(*entry));
    if (candidate == nullptr && request.by_itself) {
      ANCHORD_TRY_ASSIGN(candidate, asking.find(may_hold(*entry)));
    }
    if (candidate == nullptr) {
      out.push_back({device, "", kNoWay});
      continue;
    }
    auto done =
        put_list(database, phone::own_list_file({device, ListKind::itl}), candidate->itl, request.now);
    if (done)
      done = put_list(database, phone::own_list_file({device, ListKind::ctl}), candidate->ctl, request.now);
    if (!done) return std::unexpected(done.error());
    ++made;
    out.push_back({device, candidate->signer.certificate.subject().to_vendor(), ""});
  }
  if (made == 0) return out;
  ANCHORD_TRY(note_change(database,
                          fmt::format("made lists of their own for {} phones, so that they find back", made),
                          false, request.now));
  ANCHORD_TRY(writing.commit());
  return out;
}

}  // namespace

Result<std::vector<RecoveredPhone>> recover_phones(Store& store, const RecoverRequest& request) {
  return shared_write(store.session(), Guarded::no,
                      [&](SharedWrite& writing) { return recover_in(store, writing, request); });
}

Result<std::set<std::string>> locked_phones(Store& store, UnixSeconds now) {
  Database& database = store.session().database;
  ANCHORD_TRY(Transaction::read(database));
  ANCHORD_TRY_ASSIGN(auto recovery, begin(store.session().directory, database, now));
  ANCHORD_TRY_ASSIGN(auto entries, read_entries(database));
  std::set<std::string> out;
  for (const LedgerEntry& entry : entries)
    if (!entry.removed && recovery.locks(may_hold(entry))) out.insert(entry.device);
  return out;
}

Result<std::set<std::string>> phones_behind(Store& store) {
  ANCHORD_TRY_ASSIGN(auto itl, saved_list(store, phone::kItlFileName));
  ANCHORD_TRY_ASSIGN(auto entries, ledger(store));
  ANCHORD_TRY_ASSIGN(auto own, own_list_versions(store));
  std::set<std::string> out;
  for (const LedgerEntry& entry : entries) {
    if (entry.removed) continue;
    Versions may = entry.may_hold(ListKind::itl);
    auto its_own = own.find(phone::own_list_file({entry.device, ListKind::itl}));
    ListVersion present = its_own != own.end() ? its_own->second
                          : itl                ? version_of_list(itl->content)
                                               : trust::kNoList;
    bool holds_none = may.size() == 1 && may.front() == trust::kNoList;
    if (!holds_none && may != Versions{present}) out.insert(entry.device);
  }
  return out;
}

Result<std::set<std::string>> unsettled_phones(Store& store) {
  ANCHORD_TRY_ASSIGN(auto entries, ledger(store));
  ANCHORD_TRY_ASSIGN(auto evidence, read_evidence(store.session().database));
  std::set<std::string> out;
  for (const LedgerEntry& entry : entries) {
    // No list would settle what no boot may.
    if (!counts(entry.belief, evidence)) continue;
    const trust::Belief::Kind& itl = entry.belief.of(ListKind::itl);
    if (entry.removed) continue;
    bool went_on = itl.given != trust::kNoList && itl.acted_at != 0;
    // It has taken its ITL, and nobody saw whether the CTL too: with the same CTL again it has nothing to
    // ask.
    bool may_hold_two = itl.given == trust::kNoList && itl.accepted_at != 0 && itl.may.size() == 1 &&
                        entry.may_hold(ListKind::ctl).size() > 1;
    if (went_on || may_hold_two) out.insert(entry.device);
  }
  return out;
}

Result<std::vector<OwnList>> recovery_lists(Store& store) {
  std::vector<OwnList> out;
  Statement row(store.session().database, R"(
    SELECT r.name, (SELECT content FROM issued_lists WHERE version = r.version LIMIT 1)
    FROM recovery_lists AS r ORDER BY r.name)");
  while (row.next()) out.push_back({std::string(row.text(0)), to_buffer(row.blob(1))});
  if (!row.ok()) return row.failure();
  std::erase_if(out, [](const OwnList& list) { return list.content.empty(); });
  return out;
}

namespace {

Result<std::vector<std::string>> end_in(Database& database, SharedWrite& writing) {
  std::vector<std::string> ended;
  std::map<std::string, std::vector<std::pair<std::string, ListVersion>>> lists;
  {
    Statement row(database, "SELECT name, version FROM recovery_lists");
    while (row.next())
      if (auto name = phone::list_name(row.text(0)))
        lists[name->device].emplace_back(row.text(0), static_cast<ListVersion>(row.integer(1)));
    if (!row.ok()) return row.failure();
  }
  LedgerRows rows(database);
  for (const auto& [device, its] : lists) {
    ANCHORD_TRY_ASSIGN(auto entry, rows.read(device));
    bool is_well = entry && std::ranges::all_of(its, [&](const auto& list) {
                     auto name = phone::list_name(list.first);
                     return entry->belief.of(name->kind).may == Versions{list.second};
                   });
    if (!is_well) continue;
    for (const auto& [name, version] : its)
      ANCHORD_TRY(execute(database, "DELETE FROM recovery_lists WHERE name = ?", name));
    ended.push_back(device);
  }
  if (ended.empty()) return ended;
  ANCHORD_TRY(note_change(
      database, fmt::format("{} phones have found back: their own lists are dropped", ended.size())));
  ANCHORD_TRY(writing.commit());
  return ended;
}

}  // namespace

Result<std::vector<std::string>> end_recoveries(Store& store) {
  Database& database = store.session().database;
  ANCHORD_TRY_ASSIGN(auto some, recovering(database));
  if (some.empty()) return std::vector<std::string>();
  return shared_write(store.session(), Guarded::no,
                      [&](SharedWrite& writing) { return end_in(database, writing); });
}

}  // namespace anchord::store
