#include <fmt/core.h>

#include <map>
#include <memory>

#include "commands/commands.h"
#include "commands/phone_models.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

// How many phones of the cluster are of each model; under "" those whose model is not
// in the data, by what they call themselves.
struct Counts {
  std::map<std::string, std::size_t> by_model;
  std::map<std::string, std::size_t> others;
};

Result<Counts> count_phones(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto entries, store::ledger(store));
  std::map<std::string, std::string> models;
  for (const store::LedgerEntry& entry : entries) models[entry.device] = entry.model;
  for (const trust::Phone& phone : loaded.cluster.phones) {
    std::string& model = models[phone.name];
    if (!phone.model.empty()) model = phone.model;
  }
  Counts counts;
  for (const auto& [name, model] : models) {
    const PhoneModel* known = find_phone_model(model);
    ++(known != nullptr ? counts.by_model[known->model] : counts.others[model]);
  }
  return counts;
}

Json source_json(const PhoneModel& model) {
  Json out = Json::array();
  for (const std::string& name : model.source) out.push_back(phone_model_sources()[name]);
  return out;
}

Json model_json(const PhoneModel& model, std::optional<std::size_t> phones) {
  return {{"model", model.model},
          {"security_by_default", model.security_by_default},
          {"encrypted_configuration", model.encrypted_configuration},
          {"https_provisioning", model.https_provisioning},
          {"sha512", model.sha512},
          {"phones", phones ? Json(*phones) : Json()},
          {"note", model.note.empty() ? Json() : Json(model.note)},
          {"source", source_json(model)}};
}

Json others_json(const Counts& counts) {
  Json out = Json::array();
  for (const auto& [model, count] : counts.others) {
    out.push_back({{"model", model.empty() ? Json() : Json(model)}, {"phones", count}});
  }
  return out;
}

Text models_text(const std::vector<const PhoneModel*>& models, const std::optional<Counts>& counts) {
  Text text;
  Text::Table rows{{"MODEL", "SECURITY BY DEFAULT", "ENCRYPTED", "HTTPS", "SHA-512", "PHONES", "NOTE"}};
  for (const PhoneModel* model : models) {
    auto count =
        counts ? counts->by_model.find(model->model) : std::map<std::string, std::size_t>::const_iterator();
    std::string phones = !counts ? "-" : std::to_string(count == counts->by_model.end() ? 0 : count->second);
    rows.push_back({model->model, model->security_by_default, model->encrypted_configuration,
                    model->https_provisioning, model->sha512, phones, model->note});
  }
  text.table(std::move(rows));
  if (counts) {
    for (const auto& [model, count] : counts->others) {
      text.line(fmt::format("{} of the cluster's phones: {}", count,
                            model.empty() ? "model not known" : "model " + model + " is not in the data"));
    }
  }
  text.line("sources:");
  for (const auto& [name, source] : phone_model_sources().items()) {
    text.line("  " + source.get<std::string>());
  }
  return text;
}

Outcome report_features(const Session& session, const std::string& wanted) {
  std::vector<const PhoneModel*> models;
  for (const PhoneModel& model : phone_models()) models.push_back(&model);
  if (!wanted.empty()) {
    const PhoneModel* found = find_phone_model(wanted);
    if (found == nullptr) {
      return fail(unknown_model_warning(wanted));
    }
    models = {found};
  }
  std::optional<Counts> counts;
  if (session.has_state()) {
    ANCHORD_TRY_ASSIGN(auto counted, count_phones(session));
    counts = std::move(counted);
  }
  Json list = Json::array();
  for (const PhoneModel* model : models) {
    std::optional<std::size_t> phones;
    if (counts) phones = counts->by_model[model->model];
    list.push_back(model_json(*model, phones));
  }
  return Shown{{{"models", list}, {"others", counts ? others_json(*counts) : Json()}},
               models_text(models, counts)};
}

}  // namespace

Action features_report_command(Session& session) {
  auto model = std::make_shared<std::string>();
  return {{{.name = "--model", .type = "M", .help = "Only this one, as 8861", .target = model.get()},
           json_option(session)},
          [&session, model] { return report_features(session, *model); }};
}

}  // namespace anchord::ctl
