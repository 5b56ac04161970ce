#include "phone_selection.h"

#include <fmt/format.h>

#include <charconv>
#include <set>

#include "anchord/base/ascii.h"
#include "anchord/store/recover.h"
#include "failure.h"
#include "phone_models.h"

namespace anchord::ctl {
namespace {

constexpr unsigned kMaxDaysUnseen = 36'500;

// "30d" or "30".
unsigned days_from_text(const std::string& option, const std::string& text) {
  std::string_view digits = text;
  if (digits.ends_with('d')) digits.remove_suffix(1);
  unsigned days = 0;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), days);
  if (problem != std::errc() || end != digits.data() + digits.size() || days < 1 || days > kMaxDaysUnseen)
    wrong_usage(fmt::format("{}: '{}' is not a number of days: give it as 30d, from 1d to {}d", option, text,
                            kMaxDaysUnseen));
  return days;
}

bool same_model(const std::string& a, const std::string& b) {
  const PhoneModel* known = find_phone_model(a);
  return known != nullptr ? known == find_phone_model(b) : same_ignoring_case(a, b);
}

}  // namespace

void add_selection_options(CLI::App& command, PhoneSelection& selection) {
  const std::string unseen = "--unseen-for";
  command.add_flag("--behind", selection.behind,
                   "Only those that are not known to have accepted the present list");
  command
      .add_option_function<std::string>(
          unseen,
          [&selection, unseen](const std::string& text) {
            selection.unseen_for = days_from_text(unseen, text);
          },
          "Only those that were last heard of longer ago, as 30d; not those that never were")
      ->type_name("DAYS");
  command.add_option("--model", selection.model, "Only those of a model, as 8861")->type_name("M");
}

Status select(store::Store& store, const PhoneSelection& selection, UnixSeconds now, KnownPhones& phones) {
  if (!selection.chooses()) return {};
  std::set<std::string> behind;
  if (selection.behind) {
    auto found = store::phones_behind(store);
    if (!found) return failure_of(found);
    behind = std::move(*found);
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
