// phone list and phone show: what is provisioned, joined with what the ledger knows.
#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "anchord/report/certificates.h"
#include "anchord/report/known_phones.h"
#include "anchord/report/ledger_view.h"
#include "anchord/store/device_files.h"
#include "commands/commands.h"
#include "commands/phone.h"
#include "commands/phone_selection.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

using store::DeliveredKind;
using store::LedgerEntry;
using trust::ListKind;
using trust::Phone;

// The address that the newest file went to.
std::string last_address(const LedgerEntry& entry) {
  return std::ranges::max_element(entry.given, {}, &store::DeliveredFile::at)->address;
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string short_state(const LedgerView& view, const LedgerEntry* entry, ListKind kind) {
  if (entry == nullptr) return "-";
  HeldState held = view.held_state(*entry, kind);
  return held == HeldState::none ? "-" : std::string(held_state_name(held));
}

std::vector<std::string> table_row(const LedgerView& view, const KnownPhone& known, UnixSeconds now) {
  const Phone& phone = known.phone;
  const LedgerEntry* entry = known.entry;
  std::vector<std::string> row{phone.name, or_dash(phone.model), can_encrypt(phone) ? "yes" : "no"};
  if (phone.certificate) {
    const crypto::Certificate& certificate = *phone.certificate;
    row.insert(row.end(), {short_hash(certificate), key_text(certificate),
                           days_left_text(certificate.not_after(), now)});
  } else {
    row.insert(row.end(), {"-", "-", "-"});
  }
  row.insert(row.end(), {known.provisioned ? "yes" : "no", short_state(view, entry, ListKind::itl),
                         short_state(view, entry, ListKind::ctl)});
  bool seen = entry != nullptr && entry->seen != 0;
  row.insert(row.end(), {seen ? time_text(entry->seen) : "-", seen ? or_dash(last_address(*entry)) : "-"});
  return row;
}

Outcome list_phones(const Session& session, const PhoneSelection& selection) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto read, read_all_phones(session.state_dir(), store));
  auto& [view, phones] = read;
  UnixSeconds now = calendar_now();
  ANCHORD_TRY(select(store, selection, now, phones));
  Json list = Json::array();
  Text::Table rows{{"NAME", "MODEL", "ENCRYPTED", "CERTIFICATE", "KEY", "DAYS LEFT", "PROVISIONED", "ITL",
                    "CTL", "LAST SEEN", "ADDRESS"}};
  for (const auto& [name, known] : phones) {
    list.push_back(known_json(view, known, now));
    rows.push_back(table_row(view, known, now));
  }
  return Shown{{{"phones", std::move(list)}}, Text().table(std::move(rows))};
}

std::string encrypted_text(const KnownPhone& known) {
  if (can_encrypt(known.phone)) return "yes";
  if (known.phone.certificate) return "no: its certificate's key is not RSA";
  if (known.problem.empty()) return "no: it has no certificate";
  return fmt::format("no, and not served: '{}' {}", known.file, known.problem);
}

void describe_certificate(Text::Facts& facts, const KnownPhones& phones, const KnownPhone& known,
                          UnixSeconds now) {
  facts.emplace_back("encrypted", encrypted_text(known));
  if (!known.phone.certificate) return;
  const crypto::Certificate& certificate = *known.phone.certificate;
  facts.emplace_back("certificate", known.file.empty() ? "given by command" : known.file);
  facts.emplace_back("sha256", hash_text(certificate));
  facts.emplace_back("subject", name_text(certificate.subject()));
  facts.emplace_back("issuer", name_text(certificate.issuer()));
  facts.emplace_back("key", key_text(certificate));
  facts.emplace_back("valid",
                     time_text(certificate.not_before()) + " to " + time_text(certificate.not_after()));
  facts.emplace_back("left", days_left_text(certificate.not_after(), now));
  if (std::string other = sharing(phones, known.phone.name, certificate); !other.empty())
    facts.emplace_back("shared", store::shared_certificate_warning(other));
}

std::string given_text(const store::DeliveredFile& given) {
  if (given.version == 0) return "never given";
  return fmt::format("{} {} on {} by {} to {}{}", given.file, version_text(given.version),
                     time_text(given.at), given.protocol, given.address,
                     given.whole ? "" : "; its end was not acknowledged");
}

std::string may_hold_text(const LedgerEntry& entry, ListKind kind) {
  std::string out;
  for (trust::ListVersion version : entry.may_hold(kind)) {
    if (!out.empty()) out += " or ";
    out += version == trust::kNoList       ? "none"
           : version == trust::kUnkeptList ? "one that is not kept"
                                           : version_text(version);
  }
  return out;
}

void describe_list(Text::Facts& facts, const LedgerView& view, const LedgerEntry& entry, ListKind kind) {
  HeldState held = view.held_state(entry, kind);
  facts.emplace_back(kind == ListKind::itl ? "itl" : "ctl", given_text(entry.of(delivered_kind_of(kind))));
  facts.emplace_back("  holds", fmt::format("{}: {}", may_hold_text(entry, kind), held_state_text(held)));
  if (!what_settles(held).empty()) facts.emplace_back("  to settle it", what_settles(held));
}

void describe_ledger(Text::Facts& facts, const LedgerView& view, const LedgerEntry* entry) {
  if (entry == nullptr) {
    facts.emplace_back("ledger", "never heard of");
    return;
  }
  if (!view.is_known(*entry))
    facts.emplace_back("ledger", entry->removed ? "removed, and not heard of since"
                                                : "a name that has only asked: it counts once it has booted");
  facts.emplace_back("address", entry->belief.home.empty() ? "none: it is not known to have accepted a list"
                                : entry->belief.home == entry->belief.address
                                    ? entry->belief.home
                                    : fmt::format("{}; lists were given at {} since", entry->belief.home,
                                                  entry->belief.address));
  describe_list(facts, view, *entry, ListKind::itl);
  describe_list(facts, view, *entry, ListKind::ctl);
  facts.emplace_back("configuration", given_text(entry->of(DeliveredKind::configuration)));
  facts.emplace_back("questions", entry->questions == 0 ? "0"
                                                        : fmt::format("{}, the last on {}", entry->questions,
                                                                      time_text(entry->last_asked)));
}

Outcome show_phone(const Session& session, const std::string& text) {
  std::string name = name_from_text(text);
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto read, read_all_phones(session.state_dir(), store));
  const auto& [view, phones] = read;
  auto found = phones.find(name);
  if (found == phones.end()) return no_phone(name);
  const KnownPhone& known = found->second;
  UnixSeconds now = calendar_now();
  Text::Facts facts{{"name", name}, {"model", or_dash(known.phone.model)}};
  facts.emplace_back("provisioned", known.provisioned ? "yes" : "no: known from the ledger only");
  describe_certificate(facts, phones, known, now);
  describe_ledger(facts, view, known.entry);
  return Shown{known_json(view, known, now), Text().facts(std::move(facts))};
}

}  // namespace

Action phone_list_command(Session& session) {
  auto selection = std::make_shared<PhoneSelection>();
  return {selection_options(*selection) + json_option(session),
          [&session, selection] { return list_phones(session, *selection); }};
}

Action phone_show_command(Session& session) {
  auto name = std::make_shared<std::string>();
  return {{phone_option(name.get(), true), json_option(session)},
          [&session, name] { return show_phone(session, *name); }};
}

}  // namespace anchord::ctl
