#include "anchord/store/evidence.h"
#include "commands/set.h"
#include "render/evidence_text.h"

namespace anchord::ctl {

using trust::Evidence;

Setting evidence_setting() {
  Setting setting{
      .name = "evidence",
      .values = {},
      .help = "What a boot must show before guards take it that a phone has moved on",
      .value =
          [](const trust::Cluster& cluster) { return std::string(trust::evidence_name(cluster.evidence)); },
      .consequence =
          [](const std::string& value) { return meaning_of(trust::evidence_from_name(value).value()) + "."; },
      .change =
          [](store::Store& store, const std::string& value, const store::ChangeRequest&) {
            return store::set_evidence(store, trust::evidence_from_name(value).value());
          },
      // Boots of before stay as they were judged.
      .steps = [](const trust::Cluster&) { return std::vector<Step>(); }};
  for (Evidence evidence : trust::kEvidence) setting.values.emplace_back(trust::evidence_name(evidence));
  return setting;
}

}  // namespace anchord::ctl
