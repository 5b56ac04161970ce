#include "commands/phone_selection.h"

#include <fmt/core.h>

#include <set>

#include "anchord/base/ascii.h"
#include "anchord/base/parse_number.h"
#include "anchord/store/init.h"
#include "anchord/store/recover.h"
#include "commands/phone_models.h"

namespace anchord::ctl {
namespace {

constexpr unsigned kMaxDaysUnseen = 36'500;

// "30d" or "30".
std::string read_days(const std::string& text, unsigned& days) {
  std::string digits = text.ends_with('d') ? text.substr(0, text.size() - 1) : text;
  if (auto read = parse_number(digits, 1u, kMaxDaysUnseen, "a number of days")) {
    days = *read;
    return {};
  }
  return fmt::format("'{}' is not a number of days: give it as 30d, from 1d to {}d", text, kMaxDaysUnseen);
}

bool same_model(const std::string& a, const std::string& b) {
  const PhoneModel* known = find_phone_model(a);
  return known != nullptr ? known == find_phone_model(b) : same_ignoring_case(a, b);
}

}  // namespace

Options selection_options(PhoneSelection& selection) {
  return {
      {.name = "--behind",
       .help = "Only those that are not known to have accepted the present list",
       .target = &selection.behind},
      {.name = "--unseen-for",
       .type = "DAYS",
       .help = "Only those that were last heard of longer ago, as 30d; not those that never were",
       .target = [&selection](const std::string& text) { return read_days(text, selection.unseen_for); }},
      {.name = "--model", .type = "M", .help = "Only those of a model, as 8861", .target = &selection.model}};
}

Status select(store::Store& store, const PhoneSelection& selection, UnixSeconds now, KnownPhones& phones) {
  if (!selection.chooses()) return {};
  std::set<std::string> behind;
  if (selection.behind) {
    ANCHORD_TRY_ASSIGN(auto found, store::phones_behind(store));
    behind = std::move(found);
  }
  const UnixSeconds silent_since = now - UnixSeconds{selection.unseen_for} * kSecondsPerDay;
  std::erase_if(phones, [&](const auto& one) {
    const auto& [name, known] = one;
    if (!known.provisioned && known.entry != nullptr && known.entry->removed) return true;
    if (selection.behind && !behind.contains(name)) return true;
    if (!selection.model.empty() && !same_model(selection.model, known.phone.model)) return true;
    if (selection.unseen_for == 0) return false;
    return known.entry == nullptr || known.entry->seen == 0 || known.entry->seen >= silent_since;
  });
  if (phones.empty() && !selection.model.empty())
    if (std::string unknown = unknown_model_warning(selection.model); !unknown.empty()) warn(unknown);
  return {};
}

}  // namespace anchord::ctl
