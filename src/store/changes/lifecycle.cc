#include "anchord/store/lifecycle.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "anchord/store/certificates.h"
#include "changes/adopt.h"
#include "changes/guard.h"
#include "database/open_database.h"
#include "database/session.h"
#include "ledger/ledger_rows.h"
#include "replica/shared_write.h"
#include "tables/audit.h"
#include "tables/certificates.h"
#include "tables/cluster.h"
#include "tables/former_keys.h"

namespace anchord::store {
namespace {

using trust::Cluster;

// For so long phones may keep what the verification service has said of a certificate.
constexpr UnixSeconds kKeptAnswers = trust::kDefaultTtl;
// A line names this many phones.
constexpr std::size_t kNamedPhones = 3;

// The change that is to be made to a cluster; none when it is so already.
using Plan = std::function<Result<std::optional<Change>>(Cluster&& cluster)>;

Result<bool> make_change(Store& store, const ChangeRequest& request, const Plan& plan) {
  Database& database = store.session().database;
  return shared_write(store.session(), Guarded::yes, [&](SharedWrite& writing) -> Result<bool> {
    ANCHORD_TRY_ASSIGN(auto loaded, read_cluster(store.session().directory, database, KeyUse::with_keys));
    ANCHORD_TRY_ASSIGN(auto change, plan(std::move(loaded.cluster)));
    if (!change) return false;
    ANCHORD_TRY_ASSIGN(auto held, read_holders(database, store.session().directory));
    ANCHORD_TRY_ASSIGN(auto locked, check_change(database, *change, held, request));
    ANCHORD_TRY(write_change(database, *change, locked, request));
    ANCHORD_TRY(writing.commit());
    return true;
  });
}

Change make_plan(Cluster&& before, Cluster after, std::string doing, std::string what) {
  return {std::move(before), std::move(after), std::move(doing), std::move(what)};
}

const trust::KnownCertificate* find_known(const Cluster& cluster, std::string_view sha256) {
  for (const auto& known : cluster.known)
    if (to_hex(known.certificate.sha256()) == sha256) return &known;
  return nullptr;
}

Status delete_retired(Database& database, const trust::KnownCertificate& known) {
  auto done =
      execute(database, "DELETE FROM certificates WHERE sha256 = ?", to_hex(known.certificate.sha256()));
  if (done)
    done = note_change(database,
                       fmt::format("dropped {}, {} until it was replaced: no phone holds a list with it",
                                   describe(known.certificate), trust::service_name(*known.retired_from)));
  return done;
}

// List signers of the lists that were made for single phones, which may come for them after days.
Result<std::vector<crypto::Certificate>> awaited_signers(Database& database) {
  std::vector<crypto::Certificate> out;
  Statement row(database,
                "SELECT content FROM issued_lists WHERE version IN (SELECT version FROM recovery_lists)");
  while (row.next()) std::ranges::move(trust::list_signers(row.blob(0)), std::back_inserter(out));
  if (!row.ok()) return row.failure();
  return out;
}

// List signers of all lists that a phone may hold: what a former key is kept for.
std::vector<crypto::Certificate> needed_certificates(const AllHolders& holders) {
  std::vector<crypto::Certificate> out;
  for (const trust::Holders& group : holders.groups)
    for (const Buffer* list : {&group.ctl, &group.itl}) {
      auto signers = trust::list_signers(*list);
      out.insert(out.end(), signers.begin(), signers.end());
    }
  return out;
}

Result<bool> has_retired(Database& database, UnixSeconds before) {
  Statement row(database, "SELECT 1 FROM certificates WHERE retired_at <= ? LIMIT 1", before);
  bool some = row.next();
  if (!row.ok()) return row.failure();
  return some;
}

// The present model of each phone that counts; empty: nobody has said.
Result<std::map<std::string, std::string>> models_of_phones(Database& database,
                                                            const std::filesystem::path& state,
                                                            const Cluster& cluster) {
  ANCHORD_TRY_ASSIGN(auto expected, read_expected(database, state));
  ANCHORD_TRY_ASSIGN(auto entries, read_entries(database));
  std::map<std::string, std::string> models;
  for (const std::string& device : expected) models[device];
  for (const LedgerEntry& entry : entries)
    if (expected.contains(entry.device) || (entry.belief.proven && !entry.removed))
      models[entry.device] = entry.model;
  // What an administrator has said of a phone is not what it called itself once.
  for (const trust::Phone& phone : cluster.phones)
    if (std::string& model = models[phone.name]; !phone.model.empty()) model = phone.model;
  return models;
}

// Whether phones were ever given a list that is signed otherwise: who goes on with it does not know
// SHA-1 only.
Result<bool> signed_with_sha1_only(Database& database) {
  Statement row(database, "SELECT content FROM issued_lists");
  bool only = true;
  while (only && row.next())
    if (auto list = wire::parse_trust_list(row.blob(0))) only = list->header.digest == wire::Digest::sha1;
  if (!row.ok()) return row.failure();
  return only;
}

// Whether the cluster was adopted, so that phones may hold its list of which nothing was heard yet.
Result<bool> was_adopted(Database& database) {
  Statement row(database, "SELECT 1 FROM ledger_gaps WHERE why = ? LIMIT 1", kAdoptedGap);
  const bool adopted = row.next();
  if (!row.ok()) return row.failure();
  return adopted;
}

struct PhoneSample {
  std::size_t count = 0;
  std::vector<std::string> first;
  std::set<std::string> models;  // "" for none

  void add(const std::string& name, const std::string& model) {
    ++count;
    if (first.size() < kNamedPhones) first.push_back(name);
    models.insert(model.empty() ? "not said" : model);
  }
  std::string phones() const { return trust::phones_text(count, first); }
};

struct Sha512Doubts {
  PhoneSample refusing;  // of models that know SHA-1 only
  PhoneSample unknown;
  bool nobody_known = false;  // adopted, with a list of SHA-1, and no phone was heard of yet

  std::string why() const;  // empty: there are none
  std::string noted() const;
};

std::string Sha512Doubts::why() const {
  if (refusing.count > 0)
    return fmt::format(
        "setting the digest to sha512 would keep {} from taking lists and files: "
        "phones of model {} know SHA-1 only (see 'anchorctl report features')",
        refusing.phones(), joined(refusing.models, ", "));
  if (unknown.count > 0)
    return fmt::format(
        "setting the digest to sha512 might keep {} from taking lists and files: whether phones "
        "of their models ({}) know more than SHA-1 is not known (see 'anchorctl report features'); "
        "say which they are with 'anchorctl phone add SEP... --model MODEL'",
        unknown.phones(), joined(unknown.models, ", "));
  if (nobody_known)
    return "setting the digest to sha512 might keep phones from taking lists and files: they hold an adopted "
           "list that is signed with SHA-1, and none has booted since; let them boot, and say of which "
           "models "
           "they are with 'anchorctl phone add SEP... --model MODEL'";
  return {};
}

// Behind what the audit says of a change that was made by force.
std::string Sha512Doubts::noted() const {
  std::string out;
  if (refusing.count > 0) out += "; of a model that knows SHA-1 only: " + refusing.phones();
  if (unknown.count > 0) out += "; perhaps knows SHA-1 only: " + unknown.phones();
  if (nobody_known) out += "; no phone was known";
  return out;
}

Result<Sha512Doubts> doubts_of_sha512(Database& database, const std::filesystem::path& state,
                                      const Cluster& cluster, const ModelTest& takes) {
  ANCHORD_TRY_ASSIGN(auto models, models_of_phones(database, state, cluster));
  ANCHORD_TRY_ASSIGN(auto sha1_only, signed_with_sha1_only(database));
  ANCHORD_TRY_ASSIGN(auto adopted, was_adopted(database));
  Sha512Doubts out{.refusing = {}, .unknown = {}, .nobody_known = models.empty() && adopted && sha1_only};
  for (const auto& [name, model] : models) {
    if (model.empty() && !sha1_only) continue;
    const TakesSha512 takes_it = model.empty() ? TakesSha512::unknown : takes(model);
    if (takes_it == TakesSha512::no) out.refusing.add(name, model);
    if (takes_it == TakesSha512::unknown) out.unknown.add(name, model);
  }
  return out;
}

}  // namespace

Result<bool> set_digest(Store& store, wire::Digest digest, const ModelTest& takes_sha512,
                        const ChangeRequest& request) {
  return make_change(store, request, [&](Cluster&& cluster) -> Result<std::optional<Change>> {
    if (cluster.signing.digest == digest) return std::nullopt;
    if (cluster.rolling_back)
      return fail(
          "a rollback is prepared, during which files are not signed: run 'anchorctl rollback cancel' first");
    std::string what = fmt::format("set the digest to {}", wire::digest_name(digest));
    if (digest != wire::Digest::sha1) {
      ANCHORD_TRY_ASSIGN(auto doubts, doubts_of_sha512(store.session().database, store.session().directory,
                                                       cluster, takes_sha512));
      if (std::string why = doubts.why(); !why.empty() && !request.force) return refuse(why);
      what += doubts.noted();
    }
    Cluster after = trust::with_digest(cluster, digest);
    return make_plan(std::move(cluster), std::move(after),
                     fmt::format("setting the digest to {}", wire::digest_name(digest)), std::move(what));
  });
}

Result<bool> set_mode(Store& store, trust::Mode mode, const ChangeRequest& request) {
  return make_change(store, request, [&](Cluster&& cluster) -> Result<std::optional<Change>> {
    if (cluster.mode == mode) return std::nullopt;
    if (cluster.rolling_back)
      return fail(
          "the cluster is prepared for a release without Security by Default, which knows no mixed "
          "mode: run 'anchorctl rollback cancel' first");
    Cluster after = trust::with_mode(cluster, mode);
    return make_plan(std::move(cluster), std::move(after),
                     fmt::format("changing to {} mode", trust::mode_name(mode)),
                     fmt::format("set the mode to {}", trust::mode_name(mode)));
  });
}

Result<bool> prepare_rollback(Store& store, const ChangeRequest& request) {
  return make_change(store, request, [](Cluster&& cluster) -> Result<std::optional<Change>> {
    if (cluster.rolling_back) return std::nullopt;
    if (cluster.mode == trust::Mode::mixed)
      return fail(
          "the cluster is in mixed mode: phones would go on by their CTL, which no list takes from "
          "them; run 'anchorctl mode set nonsecure' first, and reset the phones");
    Cluster after = trust::with_rollback(cluster, true);
    return make_plan(std::move(cluster), std::move(after), "preparing the rollback",
                     "prepared the rollback: empty ITL, nothing signed, nothing vouched for");
  });
}

Result<bool> cancel_rollback(Store& store, const ChangeRequest& request) {
  return make_change(store, request, [](Cluster&& cluster) -> Result<std::optional<Change>> {
    if (!cluster.rolling_back) return std::nullopt;
    Cluster after = trust::with_rollback(cluster, false);
    return make_plan(std::move(cluster), std::move(after), "cancelling the rollback",
                     "cancelled the rollback");
  });
}

Status remove_known(Store& store, std::string_view sha256, const ChangeRequest& request) {
  ANCHORD_TRY(make_change(store, request, [&](Cluster&& cluster) -> Result<std::optional<Change>> {
    Database& database = store.session().database;
    ANCHORD_TRY_ASSIGN(auto hash, hash_to_remove(database, sha256));
    const trust::KnownCertificate* known = find_known(cluster, hash);
    if (known == nullptr) return no_certificate(hash);
    std::string described = describe(known->certificate);
    Cluster after = trust::without_certificate(cluster, known->certificate);
    return make_plan(std::move(cluster), std::move(after), "removing " + described, "removed " + described);
  }));
  return {};
}

Result<std::vector<Added>> add_known(Store& store, std::span<const trust::KnownCertificate> certificates,
                                     const ChangeRequest& request) {
  Database& database = store.session().database;
  const std::filesystem::path& directory = store.session().directory;
  auto plan = [&](KeyUse keys) -> Result<Change> {
    ANCHORD_TRY_ASSIGN(auto loaded, read_cluster(directory, database, keys));
    Cluster after = loaded.cluster;
    for (const trust::KnownCertificate& known : certificates)
      if (auto there =
              std::ranges::find(after.known, known.certificate, &trust::KnownCertificate::certificate);
          there != after.known.end() && !there->own)
        there->roles = known.roles;
    return make_plan(std::move(loaded.cluster), std::move(after), "taking roles from certificates", "");
  };
  return shared_write(store.session(), Guarded::no, [&](SharedWrite& writing) -> Result<std::vector<Added>> {
    ANCHORD_TRY_ASSIGN(auto change, plan(KeyUse::without_keys));
    if (takes_roles(change)) {
      ANCHORD_TRY(writing.guard());
      ANCHORD_TRY_ASSIGN(change, plan(KeyUse::with_keys));
      ANCHORD_TRY_ASSIGN(auto held, read_holders(database, directory));
      ANCHORD_TRY(check_change(database, change, held, request));
    }
    ANCHORD_TRY_ASSIGN(auto added, put_certificates(database, certificates));
    ANCHORD_TRY(writing.commit());
    return added;
  });
}

namespace {

using Dropped = std::vector<trust::KnownCertificate>;

Result<Dropped> drop_in(Store& store, SharedWrite& writing, UnixSeconds now) {
  Database& database = store.session().database;
  Dropped dropped;
  ANCHORD_TRY_ASSIGN(auto loaded, read_cluster(store.session().directory, database, KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto held, read_holders(database, store.session().directory));
  // A list that cannot be looked into may carry any of them.
  if (held.devices == 0 || held.unknown.count > 0) return dropped;
  ANCHORD_TRY_ASSIGN(auto awaited, awaited_signers(database));
  for (const auto& known : loaded.cluster.known) {
    if (!known.retired_from || known.retired_at > now - kKeptAnswers) continue;
    if (trust::who_needs(known.certificate, held.groups)) continue;
    if (std::ranges::find(awaited, known.certificate) != awaited.end()) continue;
    ANCHORD_TRY(delete_retired(database, known));
    dropped.push_back(known);
  }
  ANCHORD_TRY(drop_former_keys(database, needed_certificates(held)));
  ANCHORD_TRY(writing.commit());
  return dropped;
}

}  // namespace

Result<std::vector<trust::KnownCertificate>> drop_unneeded(Store& store, UnixSeconds now) {
  Session& session = store.session();
  // Asked often: without something to do nobody has to wait.
  ANCHORD_TRY_ASSIGN(auto some, has_retired(session.database, now - kKeptAnswers));
  if (!some) return Dropped();
  // What phones hold by the ledgers of the others is not known here.
  ANCHORD_TRY_ASSIGN(auto hosts, read_number(session.database, "SELECT count(*) FROM hosts"));
  if (hosts > 1 || is_judged_by_others(session)) return Dropped();
  return shared_write(session, Guarded::yes,
                      [&](SharedWrite& writing) { return drop_in(store, writing, now); });
}

Result<BackupState> backup_state(Store& store) {
  Database& database = store.session().database;
  Statement row(database, R"(SELECT backup_at,
                               backup_tftp IN (SELECT sha256 FROM identities WHERE service = 'tftp')
                             FROM cluster WHERE backup_at IS NOT NULL)");
  if (row.next()) return BackupState{row.integer(0), row.integer(1) != 0};
  if (!row.ok()) return row.failure();
  return BackupState{};
}

Status note_backup(Store& store, UnixSeconds when, std::string_view tftp_sha256) {
  Database& database = store.session().database;
  return shared_write(store.session(), Guarded::no, [&](SharedWrite& writing) -> Status {
    ANCHORD_TRY(execute(database, "UPDATE cluster SET backup_at = ?, backup_tftp = ?", when, tftp_sha256));
    ANCHORD_TRY(note_audit(database, "made a backup", false, when));
    return writing.commit();
  });
}

}  // namespace anchord::store
