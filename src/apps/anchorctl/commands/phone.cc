#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "anchord/phone/device_name.h"
#include "anchord/report/certificates.h"
#include "anchord/report/known_phones.h"
#include "anchord/store/device_files.h"
#include "anchord/store/phones.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/files.h"
#include "commands/phone.h"
#include "commands/phone_models.h"
#include "commands/phone_selection.h"
#include "render/output.h"

namespace anchord::ctl {

using trust::Phone;

std::unexpected<Error> no_phone(const std::string& name) {
  return fail(fmt::format("there is no phone '{}': 'anchorctl phone list' shows all", name));
}

std::string name_from_text(const std::string& text) {
  auto name = phone::device_name(text);
  if (!name) {
    wrong_usage(
        fmt::format("'{}' is not a phone's name: give SEP and the 12 hexadecimal digits of its MAC "
                    "address, as SEP001122334455",
                    text));
  }
  return *name;
}

Option phone_option(Option::Target target, bool required) {
  return {.name = "NAME",
          .help = "SEP and the 12 digits of the phone's MAC address",
          .target = std::move(target),
          .required = required};
}

namespace {

// Each once: naming a phone twice is no reason to fail.
std::vector<std::string> names_from_texts(const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  for (const std::string& text : texts) names.push_back(name_from_text(text));
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

// --- add

struct PhoneAddOptions {
  std::vector<std::string> names;
  std::string certificate;
  std::string model;
  bool force = false;
};

std::string one_line(const Phone& phone) {
  std::string out = "added " + phone.name;
  if (!phone.model.empty()) out += ", model " + phone.model;
  if (!phone.certificate) return out + ", no certificate";
  return out + fmt::format(", certificate {} ({})", short_hash(*phone.certificate),
                           name_text(phone.certificate->subject()));
}

// It would encrypt a configuration to a phone that never gets it.
Status check_named(const Phone& phone, const PhoneAddOptions& options) {
  auto named = trust::named_phone(phone.certificate->subject());
  if (!named || *named == phone.name || options.force) return {};
  return fail(fmt::format(
      "'{}' names {}, not {}: give each phone its own; --force takes it where names differ on purpose",
      options.certificate, *named, phone.name));
}

// The phone is added already: what keeps this from looking is no failure.
void warn_of_sharing(const Session& session, store::Store& store, const Phone& phone) {
  auto loaded = store.load(store::KeyUse::without_keys);
  if (!loaded) return warn(loaded.error().text);
  auto phones = provisioned_phones(session.state_dir(), loaded->cluster.phones);
  if (!phones) return warn(phones.error().text);
  if (std::string other = sharing(*phones, phone.name, *phone.certificate); !other.empty())
    warn(fmt::format("the certificate of {} {}", phone.name, store::shared_certificate_warning(other)));
}

Outcome phones_added(store::Store& store, const std::vector<Phone>& added) {
  UnixSeconds now = calendar_now();
  Json list = Json::array();
  Text text;
  for (const Phone& given : added) {
    // As it is kept now: what was not given may have been there before.
    ANCHORD_TRY_ASSIGN(auto kept, find_phone(store, given.name));
    list.push_back(phone_json(kept, now));
    text.line(one_line(kept));
    if (kept.certificate && !can_encrypt(kept)) {
      warn(
          fmt::format("{}: its configuration cannot be encrypted to this key ({}): add a certificate "
                      "with an RSA key",
                      kept.name, key_text(*kept.certificate)));
    }
  }
  return Shown{{{"phones", list}}, std::move(text)};
}

Outcome add_phones(const Session& session, const PhoneAddOptions& options) {
  auto names = names_from_texts(options.names);
  if (!options.certificate.empty() && names.size() != 1) {
    wrong_usage("--certificate: every phone has its own: name exactly one phone with it");
  }
  session.state_dir();
  std::vector<Phone> phones;
  for (std::string& name : names) phones.push_back({std::move(name), options.model, {}});
  if (!options.certificate.empty()) {
    ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(options.certificate));
    phones.front().certificate = std::move(certificate);
    ANCHORD_TRY(check_named(phones.front(), options));
  }
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY(put_phones(store, phones));
  session.tell_changed();
  if (!options.model.empty())
    if (std::string unknown = unknown_model_warning(options.model); !unknown.empty()) warn(unknown);
  if (phones.front().certificate) warn_of_sharing(session, store, phones.front());
  return phones_added(store, phones);
}

// --- remove

// Who always boots from another host is behind here, and unseen.
Status warn_of_one_ledger(store::Store& store, const PhoneSelection& selection) {
  if (!selection.behind && selection.unseen_for == 0) return {};
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  if (std::string note = one_ledger_note(loaded.cluster); !note.empty()) warn("phones are chosen " + note);
  return {};
}

struct PhoneRemoveOptions {
  std::vector<std::string> names;
  PhoneSelection selection;
  bool dry_run = false;
  bool yes = false;
};

Result<std::vector<std::string>> names_to_remove(const Session& session, store::Store& store,
                                                 const PhoneRemoveOptions& options) {
  ANCHORD_TRY_ASSIGN(auto known, read_all_phones(session.state_dir(), store));
  std::vector<std::string> names = names_from_texts(options.names);
  for (const std::string& name : names)
    if (!known.phones.contains(name)) return no_phone(name);
  if (!options.selection.chooses()) return names;
  ANCHORD_TRY(warn_of_one_ledger(store, options.selection));
  ANCHORD_TRY(select(store, options.selection, calendar_now(), known.phones));
  for (const auto& [name, phone] : known.phones) names.push_back(name);
  return names;
}

Shown shown_removed(const std::vector<std::string>& names, bool dry_run) {
  Text text;
  for (const std::string& name : names) text.line((dry_run ? "would remove " : "removed ") + name);
  if (names.empty()) text.line("no phone is as was asked for: nothing is to be removed");
  return {{{dry_run ? "would_remove" : "removed", names}}, std::move(text)};
}

std::string phones_text(const std::vector<std::string>& names, bool chosen) {
  if (names.size() == 1) return names.front();
  if (!chosen) return fmt::format("{} phones", names.size());
  NameSample sample;
  for (const std::string& name : names) sample.add(name);
  return fmt::format("{} phones ({}{})", sample.count, joined(sample.first, ", "),
                     sample.count > sample.first.size() ? " and more" : "");
}

Outcome remove_phones(const Session& session, const PhoneRemoveOptions& options) {
  const bool chooses = options.selection.chooses();
  if (options.names.empty() && !chooses)
    wrong_usage("name phones, or choose them with --behind, --unseen-for or --model");
  if (!options.names.empty() && chooses) wrong_usage("name phones or choose them, not both");
  (void)names_from_texts(options.names);  // what is wrong on the command line comes first
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto names, names_to_remove(session, store, options));
  if (names.empty() || options.dry_run) return shown_removed(names, options.dry_run);
  std::string what = phones_text(names, chooses);
  if (!may_remove(options.yes, what,
                  fmt::format("The configuration of {} will no longer be encrypted, and what lists it holds "
                              "is forgotten: changes that would lock it are no longer refused.",
                              what))) {
    return fail("nothing was removed");
  }
  ANCHORD_TRY(remove_phones(store, names));
  session.tell_changed();
  return shown_removed(names, false);
}

}  // namespace

Action phone_add_command(Session& session) {
  auto options = std::make_shared<PhoneAddOptions>();
  return {
      {phone_option(&options->names, true),
       {.name = "--certificate",
        .type = "FILE",
        .help = "The phone's certificate (LSC or MIC), PEM or DER: its configuration is encrypted to that",
        .target = &options->certificate,
        .alias = "--cert"},
       {.name = "--model", .type = "M", .help = "Its model, as 8861", .target = &options->model},
       {.name = "--force", .help = "Take a certificate that names another phone", .target = &options->force},
       json_option(session)},
      [&session, options] { return add_phones(session, *options); }};
}

Action phone_remove_command(Session& session) {
  auto options = std::make_shared<PhoneRemoveOptions>();
  Options more{{.name = "--dry-run",
                .help = "Say which phones it would be, and remove none",
                .target = &options->dry_run},
               {.name = "--yes", .help = "Do not ask", .target = &options->yes},
               json_option(session)};
  return {Options{phone_option(&options->names, false)} + selection_options(options->selection) + more,
          [&session, options] { return remove_phones(session, *options); }};
}

}  // namespace anchord::ctl
