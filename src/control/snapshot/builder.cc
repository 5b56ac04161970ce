#include "snapshot/builder.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <new>
#include <set>

#include "anchord/base/hex.h"
#include "anchord/base/log.h"
#include "anchord/crypto/name.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/issued_lists.h"
#include "anchord/store/lists.h"
#include "anchord/store/recover.h"
#include "anchord/store/sharing.h"
#include "anchord/trust/served.h"
#include "anchord/trust/trust_list.h"
#include "provisioning/merge_sorted.h"
#include "snapshot/host_choice.h"
#include "snapshot/tls_settings.h"

namespace anchord::control {
namespace {

// By then lists of single phones are judged anew: each state is staged again with new ticket keys.
constexpr UnixSeconds kJudgedAgain = 86'400;

}  // namespace

Builder::Builder(store::Store store, const Options& options, unsigned shards)
    : store_(std::move(store)),
      options_(options),
      shards_(shards),
      ticket_keys_(crypto::TicketKeys::generate()),
      expiry_(options.refuse_expired) {}

Status Builder::choose_host() {
  ANCHORD_TRY_ASSIGN(auto loaded, store_.load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto chosen, control::choose_host(options_, loaded.cluster.hosts));
  host_ = std::move(chosen);
  // Which host one is was said when it became a member.
  const auto member = store::membership_of(store_);
  if (!member || !*member || !trust::find_host(loaded.cluster, (*member)->host)) return {};
  if (!options_.host.empty() && options_.host != (*member)->host)
    return fail(fmt::format("this is {} of the cluster, and no other host: leave out --host, or give that",
                            (*member)->host));
  host_ = (*member)->host;
  return {};
}

Result<bool> Builder::store_changed() {
  ANCHORD_TRY_ASSIGN(auto counter, store_.change_counter());
  return counter != asked_for_;
}

void Builder::rotate_ticket_keys() {
  ticket_keys_.rotate();
  ticket_keys_changed_ = true;
}

Status Builder::stage() {
  try {
    Status staged = stage_next();
    if (staged) from_nothing_ = false;
    return staged;
  } catch (const std::bad_alloc&) {
    // What is known of the store may be half of the last state and half of this one.
    own_.clear();
    others_.clear();
    mark_ = {};
    from_nothing_ = true;
    throw;
  }
}

Status Builder::stage_next() {
  // A failed attempt is repeated when the store changes, not four times a second.
  if (Result<std::int64_t> counter = store_.change_counter(); counter) asked_for_ = *counter;
  ANCHORD_TRY_ASSIGN(auto loaded, store_.load_changes(store::KeyUse::with_keys, others_, mark_));
  const trust::Cluster& cluster = loaded.cluster;
  auto me = std::ranges::find(cluster.hosts, host_, &trust::Host::name);
  if (me == cluster.hosts.end())
    return fail(fmt::format(
        "host '{}' is no longer in the cluster: restart the service as one that is, or stop it", host_));
  const trust::Identity& identity = cluster.tvs[static_cast<std::size_t>(me - cluster.hosts.begin())];

  Staged next{.served_state = {cluster.mode, cluster.rolling_back, to_hex(trust::state_digest(cluster))},
              .change_counter = loaded.change_counter};
  bool vouching = !trust::answered_by(cluster).empty();
  Difference changed = difference(loaded);
  if (vouching) {
    ANCHORD_TRY_ASSIGN(auto certificates, updated_index(changed));
    next.certificates = std::move(certificates);
  }
  Result<Presented> tvs = present(staged_ ? staged_->tvs : tvs_, identity);
  if (!tvs) return std::unexpected(std::move(tvs.error()).within("TLS for host " + host_));
  next.tvs = std::move(*tvs);
  Result<Presented> https = present(staged_ ? staged_->https : https_, cluster.tftp_ec);
  if (!https) return std::unexpected(std::move(https.error()).within("TLS for HTTPS"));
  next.https = std::move(*https);
  // The lists come last: new ones are saved, and what fails must change nothing.
  ANCHORD_TRY_ASSIGN(auto lists, lists_of(cluster));
  next.lists = std::move(lists);
  ANCHORD_TRY_ASSIGN(auto made, made_lists());
  next.made_lists = std::move(made);
  for (const trust::Identity& one : cluster.tvs) next.verifiers.push_back(one.certificate);
  auto context = context_of(cluster);

  if (own_.empty()) {
    expiry_.watch(cluster);
  } else {
    expiry_.change(changed.gone, changed.put);
  }
  if (vouching) {
    take(std::move(changed));
    mark_ = loaded.mark;
  } else {
    own_.clear();
    others_.clear();
    mark_ = {};
  }
  asked_for_ = loaded.change_counter;
  ticket_keys_changed_ = false;
  staged_ = std::move(next);
  context_ = std::move(context);
  return {};
}

void Builder::apply(ProvisioningUpdate& update) {
  own_lists_.take_from(update.changes);
  files_ = files_.with(update.changes);
  made_from_ = update.generation;
}

std::unique_ptr<const service::View> Builder::view() {
  assert(ready());
  if (staged_) {
    index::FileTable files = files_.with(staged_->lists);  // the one thing that can fail
    certificates_ = std::move(staged_->certificates);
    files_ = std::move(files);
    served_state_ = std::move(staged_->served_state);
    tvs_ = std::move(staged_->tvs);
    https_ = std::move(staged_->https);
    built_from_ = staged_->change_counter;
    verifiers_ = std::move(staged_->verifiers);
    own_lists_.set_made(std::move(staged_->made_lists));
    own_lists_.begin_state();
    staged_.reset();
  }
  try {
    files_ = files_.with(own_lists_.judge(store_, [this] { return found_by_phones(); }));
  } catch (const std::bad_alloc&) {
    own_lists_.judge_again();
    throw;
  }
  own_lists_.are_served();
  auto view = std::make_unique<service::View>();
  view->version = ++version_;
  view->certificates = certificates_;
  view->files = files_;
  view->tls = tvs_.contexts;
  if (tvs_.certificate)
    std::copy_n(tvs_.certificate->sha256().begin(), view->tvs_certificate.size(),
                view->tvs_certificate.begin());
  view->https_tls = https_.contexts;
  view->own_lists = own_lists_.serves_some();
  return view;
}

// But for lists of single phones, and with a configuration that is signed for the occasion.
Result<OwnLists::Found> Builder::found_by_phones() const {
  OwnLists::Found found{.served = {}, .signer = context_->signer.certificate};
  trust::Served& served = found.served;
  for (const char* name : {phone::kItlFileName, phone::kCtlFileName})
    if (const index::FileEntry* list = files_.find(name))
      served.files[name] = to_buffer(list->body.content.bytes());
  const trust::Identity* signer = context_->rolling_back ? nullptr : &context_->signer;
  ANCHORD_TRY(trust::add_configuration(served, signer, context_->signing, calendar_now()));
  served.tvs = verifiers_;
  Status read;
  const UnixSeconds judged_again = calendar_now() + kJudgedAgain;
  certificates_.for_each([&](const index::CertificateRecord& record) {
    if (record.ends() && crypto::has_ended(record.der(), judged_again)) return;
    auto certificate = crypto::Certificate::from_der(record.der());
    if (!certificate) {
      read = std::unexpected(certificate.error());
      return;
    }
    std::vector<wire::Role> roles;
    for (std::uint8_t role : record.roles()) roles.push_back(static_cast<wire::Role>(role));
    served.answered.push_back(
        {.certificate = std::move(*certificate), .roles = std::move(roles), .ttl = record.ttl(), .own = {}});
  });
  ANCHORD_TRY(read);
  return found;
}

// The cluster's ITL and CTL, as changes to what is served. Both come out with one view: who
// holds a CTL checks the ITL against it.
Result<std::vector<index::FileChange>> Builder::lists_of(const trust::Cluster& cluster) {
  std::vector<index::FileChange> changes;
  auto take = [&](const char* name, Result<store::SavedList> list) -> Status {
    if (!list) return std::unexpected(std::move(list.error()).within(fmt::format("building '{}'", name)));
    if (auto verified = trust::verify_trust_list(list->content, cluster.tftp.certificate); !verified)
      return std::unexpected(std::move(verified.error()).within(fmt::format("'{}' does not verify", name)));
    changes.push_back({name, index::FileBody{.content = index::Blob(std::move(list->content))}});
    return {};
  };
  UnixSeconds now = calendar_now();
  ANCHORD_TRY(take(phone::kItlFileName, store::current_itl(store_, cluster, now)));
  if (cluster.has_ctl) {
    ANCHORD_TRY(take(phone::kCtlFileName, store::current_ctl(store_, cluster, now)));
  } else {
    changes.push_back({phone::kCtlFileName, std::nullopt});
  }
  return changes;
}

// The lists of single phones, from the store. Thousands of phones may share a few lists.
Result<std::map<std::string, index::Blob>> Builder::made_lists() {
  ANCHORD_TRY_ASSIGN(auto lists, store::recovery_lists(store_));
  std::vector<index::Blob> distinct;
  std::map<std::string, index::Blob> made;
  for (store::OwnList& list : lists) {
    auto same = std::ranges::find_if(
        distinct, [&](const index::Blob& blob) { return same_bytes(blob.bytes(), list.content); });
    if (same == distinct.end()) same = distinct.insert(same, index::Blob(std::move(list.content)));
    made.emplace(std::move(list.name), *same);
  }
  return made;
}

// The same context as before when nothing of it has changed: then no file is made anew.
std::shared_ptr<const ProvisioningContext> Builder::context_of(const trust::Cluster& cluster) const {
  auto next = std::make_shared<ProvisioningContext>(ProvisioningContext{
      .generation = context_ != nullptr ? context_->generation + 1 : 1,
      .signer = cluster.tftp,
      .signing = cluster.signing,
      .mode = cluster.mode,
      .rolling_back = cluster.rolling_back,
  });
  for (const trust::Phone& phone : cluster.phones)
    if (phone.certificate) next->devices.emplace(phone.name, phone.certificate);
  if (context_ != nullptr && next->signer.certificate == context_->signer.certificate &&
      next->signing == context_->signing && next->mode == context_->mode &&
      next->rolling_back == context_->rolling_back && next->devices == context_->devices)
    return context_;
  return next;
}

Builder::Difference Builder::difference(const store::LoadedChanges& loaded) const {
  Difference out{.own = {}, .gone = loaded.gone, .put = {}};
  for (const trust::KnownCertificate& known : loaded.cluster.known) {
    if (known.own) {
      out.own.push_back(store::known_state(known));
      if (std::ranges::find(own_, out.own.back()) != own_.end()) continue;
    }
    out.put.push_back(known);
  }
  std::ranges::sort(out.own, {}, &store::KnownState::sha256);
  for (const store::KnownState& before : own_)
    if (find_state(out.own, before.sha256) == nullptr) out.gone.push_back(before.sha256);
  return out;
}

Result<index::CertificateIndex> Builder::updated_index(const Difference& difference) const {
  using Change = index::CertificateChange;
  std::vector<Change> changes;
  // First: what was the cluster's own may be among the others now.
  for (const store::HashText& sha256 : difference.gone) {
    const store::KnownState* gone = find_state(others_, sha256);
    if (gone == nullptr) gone = find_state(own_, sha256);
    changes.push_back({.kind = Change::Kind::remove, .der = gone->der});
  }
  std::vector<Buffer> roles;
  roles.reserve(difference.put.size());
  for (const trust::KnownCertificate& known : difference.put) {
    const crypto::Certificate& certificate = known.certificate;
    if (known.roles.size() > index::kMaxRoles)
      return fail(fmt::format("certificate {} has more than {} roles", certificate.subject().to_vendor(),
                              index::kMaxRoles));
    Buffer& numbers = roles.emplace_back();
    for (wire::Role role : known.roles) numbers.push_back(static_cast<std::uint8_t>(role));
    // A name that has no normal form cannot be asked for; the store took only those that have one.
    crypto::NormalName issuer;
    bool named = issuer.from_der(certificate.issuer_der());
    changes.push_back({.kind = Change::Kind::put,
                       .der = certificate.der(),
                       .roles = numbers,
                       .ttl = known.ttl,
                       .name_key = named ? index::name_key(issuer.text(), certificate.serial()) : 0,
                       .serial_key = index::serial_key(certificate.serial()),
                       .ends = options_.refuse_expired && trust::is_added(known)});
  }
  if (from_nothing_) return index::CertificateIndex().with(changes);
  return (staged_ ? staged_->certificates : certificates_).with(changes);
}

void Builder::take(Difference difference) {
  std::set<store::HashText> changed(difference.gone.begin(), difference.gone.end());
  for (const trust::KnownCertificate& known : difference.put) changed.emplace(known.certificate);
  std::erase_if(others_, [&](const store::KnownState& state) { return changed.contains(state.sha256); });
  store::KnownStates more;
  for (const trust::KnownCertificate& known : difference.put)
    if (!known.own) more.push_back(store::known_state(known));
  merge_sorted(others_, std::move(more), &store::KnownState::sha256);
  own_ = std::move(difference.own);
}

// What was presented before, unless the certificate or the ticket keys are new.
Result<Builder::Presented> Builder::present(const Presented& before, const trust::Identity& identity) const {
  if (!before.contexts.empty() && !ticket_keys_changed_ && before.certificate == identity.certificate)
    return before;
  ANCHORD_TRY_ASSIGN(auto settings, tls_settings(options_, identity, ticket_keys_));
  Presented out{.certificate = identity.certificate};
  for (unsigned i = 0; i < shards_; ++i) {
    ANCHORD_TRY_ASSIGN(auto context, crypto::TlsContext::server(settings));
    out.contexts.push_back(std::move(context));
  }
  return out;
}

}  // namespace anchord::control
