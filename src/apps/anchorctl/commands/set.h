// Settings of the cluster that are chosen by a word and can be changed later: `set NAME VALUE`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "anchord/store/lifecycle.h"
#include "commands/command.h"
#include "commands/steps.h"

namespace anchord::ctl {

// One setting. What the commands have in common, from the question on a terminal to the steps that
// are printed, set.cc does; a further setting is one more function that makes one of these, and a
// line in all_settings() there.
struct Setting {
  std::string name;                 // "digest"
  std::vector<std::string> values;  // "sha1", "sha512": the words that it takes, none other
  std::string help;                 // "Digest of the signatures of lists and files"

  std::function<std::string(const trust::Cluster&)> value;  // the present one
  // What a person is told before it is changed.
  std::function<std::string(const std::string& value)> consequence;
  // False: it was so already. Guarded and audited by the store.
  std::function<Result<bool>(store::Store&, const std::string& value, const store::ChangeRequest&)> change;
  // What is done and left to do after it was changed.
  std::function<std::vector<Step>(const trust::Cluster& after)> steps;
};

Setting digest_setting();
Setting evidence_setting();
const std::vector<Setting>& all_settings();

Action show_settings_command(Session& session);
Action setting_command(Session& session, const Setting& setting);  // it outlives the command

}  // namespace anchord::ctl
