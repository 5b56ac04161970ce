// phone recover: a way back for phones that the present lists do not reach.
#include <fmt/core.h>

#include <memory>

#include "anchord/report/ledger_view.h"
#include "anchord/store/recover.h"
#include "commands/adopt.h"
#include "commands/commands.h"
#include "commands/flush_ledger.h"
#include "commands/phone.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

struct RecoverOptions {
  std::vector<std::string> names;
  bool locked = false;
  bool behind = false;
  std::vector<std::string> keys;
};

Result<std::set<std::string>> devices_of(store::Store& store, const RecoverOptions& options) {
  std::set<std::string> devices;
  for (const std::string& name : options.names) devices.insert(name_from_text(name));
  auto add = [&](Result<std::set<std::string>> more) -> Status {
    if (!more) return std::unexpected(more.error());
    devices.merge(*more);
    return {};
  };

  if (options.locked) ANCHORD_TRY(add(store::locked_phones(store, calendar_now())));
  if (options.behind) ANCHORD_TRY(add(store::phones_behind(store)));

  return devices;
}

Json recovered_json(const trust::Cluster& cluster, const std::vector<store::RecoveredPhone>& phones) {
  Json list = Json::array();
  for (const auto& phone : phones) {
    list.push_back({{"name", phone.device},
                    {"recovered", !phone.signer.empty()},
                    {"signer", phone.signer.empty() ? Json() : Json(phone.signer)},
                    {"reason", phone.reason.empty() ? Json() : Json(phone.reason)}});
  }
  return {{"phones", list}, {"hosts", cluster.hosts.size()}};
}

Text recovered_text(const trust::Cluster& cluster, const std::vector<store::RecoveredPhone>& phones) {
  Text text;
  if (phones.empty()) text.line("no phone that is known here needs a way back");
  if (std::string note = one_ledger_note(cluster); !note.empty()) text.line(note);
  std::size_t made = 0;
  for (const auto& phone : phones) {
    made += phone.signer.empty() ? 0 : 1;
    text.line(phone.signer.empty()
                  ? fmt::format("{}: no way back: {}", phone.device, phone.reason)
                  : fmt::format("{}: a list of its own, signed by {}", phone.device, phone.signer));
  }
  if (made == 0) return text;
  text.line("reset them; their own lists are dropped once they have taken them");
  if (cluster.hosts.size() > 1)
    text.line(
        "this host alone serves these lists: the phones must boot from it, or the state goes to the others");
  return text;
}

Outcome recover(const Session& session, const RecoverOptions& options) {
  if (options.names.empty() && !options.locked && !options.behind) {
    wrong_usage("name phones, or give --locked or --behind");
  }
  store::RecoverRequest request{.devices = {}};
  for (const std::string& file : options.keys) {
    ANCHORD_TRY_ASSIGN(auto identity, read_identity(file));
    request.keys.push_back(std::move(identity));
  }
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY(flush_ledger(session, true));
  ANCHORD_TRY_ASSIGN(auto devices, devices_of(store, options));
  request.devices = std::move(devices);
  ANCHORD_TRY_ASSIGN(auto recovered, store::recover_phones(store, request));
  session.tell_changed();
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  bool all = std::ranges::none_of(recovered, [](const auto& phone) { return phone.signer.empty(); });
  return Shown{recovered_json(loaded.cluster, recovered), recovered_text(loaded.cluster, recovered),
               all ? Answer::yes : Answer::no};
}

}  // namespace

Action phone_recover_command(Session& session) {
  auto options = std::make_shared<RecoverOptions>();
  return {{phone_option(&options->names, false),
           {.name = "--locked",
            .help = "All that would be locked, were they reset now",
            .target = &options->locked},
           {.name = "--behind",
            .help = "All that are not known to have accepted the present list",
            .target = &options->behind},
           {.name = "--key",
            .type = "FILE[,KEYFILE]",
            .help = "A former list signer: its certificate and key (PEM); may be repeated",
            .target = &options->keys,
            .one_value_each = true},
           json_option(session)},
          [&session, options] { return recover(session, *options); }};
}

}  // namespace anchord::ctl
