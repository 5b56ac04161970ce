// phone recover: a way back for phones that the present lists do not reach.
#include <fmt/format.h>

#include <memory>

#include "adopt.h"
#include "anchord/store/recover.h"
#include "failure.h"
#include "flush_ledger.h"
#include "output.h"
#include "phone.h"
#include "session.h"

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
  Status done;
  if (options.locked) done = add(store::locked_phones(store, calendar_now()));
  if (done && options.behind) done = add(store::phones_behind(store));
  if (!done) return failure_of(done);
  return devices;
}

void print_recovered(const Session& session, const trust::Cluster& cluster,
                     const std::vector<store::RecoveredPhone>& phones) {
  if (session.json) {
    Json list = Json::array();
    for (const auto& phone : phones) {
      list.push_back({{"name", phone.device},
                      {"recovered", !phone.signer.empty()},
                      {"signer", phone.signer.empty() ? Json() : Json(phone.signer)},
                      {"reason", phone.reason.empty() ? Json() : Json(phone.reason)}});
    }
    print_json({{"phones", list}, {"hosts", cluster.hosts.size()}});
    return;
  }
  if (phones.empty()) print_line("no phone that is known here needs a way back");
  if (std::string note = one_ledger_note(cluster); !note.empty()) print_line(note);
  std::size_t made = 0;
  for (const auto& phone : phones) {
    made += phone.signer.empty() ? 0 : 1;
    print_line(phone.signer.empty()
                   ? fmt::format("{}: no way back: {}", phone.device, phone.reason)
                   : fmt::format("{}: a list of its own, signed by {}", phone.device, phone.signer));
  }
  if (made == 0) return;
  print_line("reset them; their own lists are dropped once they have taken them");
  if (cluster.hosts.size() > 1)
    print_line(
        "this host alone serves these lists: the phones must boot from it, or the state goes to the others");
}

Outcome recover(const Session& session, const RecoverOptions& options) {
  if (options.names.empty() && !options.locked && !options.behind) {
    wrong_usage("name phones, or give --locked or --behind");
  }
  store::RecoverRequest request{.devices = {}};
  for (const std::string& file : options.keys) {
    auto identity = read_identity(file);
    if (!identity) return failure_of(identity);
    request.keys.push_back(std::move(*identity));
  }
  auto store = session.open_store();
  if (!store) return failure_of(store);
  if (auto flushed = flush_ledger(session, true); !flushed) return failure_of(flushed);
  auto devices = devices_of(*store, options);
  if (!devices) return failure_of(devices);
  request.devices = std::move(*devices);
  auto recovered = store::recover_phones(*store, request);
  if (!recovered) return failure_of(recovered);
  session.tell_changed();
  auto loaded = store->load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);
  print_recovered(session, loaded->cluster, *recovered);
  bool all = std::ranges::none_of(*recovered, [](const auto& phone) { return phone.signer.empty(); });
  return all ? Answer::yes : Answer::no;
}

}  // namespace

void add_phone_recover(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand(
      "recover",
      "Make phones lists of their own that they accept, whatever they may hold, until they are well");
  auto options = std::make_shared<RecoverOptions>();
  command.add_option("NAME", options->names, "SEP and the 12 digits of the phone's MAC address")
      ->type_name("");
  command.add_flag("--locked", options->locked, "All that would be locked, were they reset now");
  command.add_flag("--behind", options->behind, "All that are not known to have accepted the present list");
  command
      .add_option("--key", options->keys,
                  "A former list signer: its certificate and key (PEM); may be repeated")
      ->type_name("FILE[,KEYFILE]")
      ->allow_extra_args(false);
  session.add_json_flag(command);
  session.on(command, [&session, options] { return recover(session, *options); });
}

}  // namespace anchord::ctl
