// What each protocol has found out, as JSON for the report.
#include <nlohmann/json.hpp>

#include "anchord/base/printable.h"
#include "boot_client.h"
#include "http_client.h"
#include "tftp_client.h"
#include "tvs_client.h"

namespace anchord::load {

Json Protocol::facts() const {
  return Json::object();
}

std::string Protocol::facts_text() const {
  std::string out;
  const Json all = facts();
  for (const auto& [name, value] : all.items()) out += "  " + name + ": " + json_text(value) + "\n";
  return out;
}

Json HttpProtocol::facts() const {
  return {{"connections_opened", connections_.load()}};
}

Json TftpProtocol::facts() const {
  return {{"negotiated_blksize", block_size_.load()},
          {"negotiated_windowsize", window_.load()},
          {"retransmitted_requests", retransmits_.load()}};
}

Json TvsProtocol::facts() const {
  const std::lock_guard lock(mutex_);
  return {
      {"known", known_.load()},     {"unknown", unknown_.load()},        {"handshakes", connections_.load()},
      {"resumed", resumed_.load()}, {"answer_records", records_.load()}, {"tls_version", version_},
      {"cipher", cipher_}};
}

void BootStatistics::put_into(Json& out) const {
  for (const trust::BootEnd end : {trust::BootEnd::fine, trust::BootEnd::degraded, trust::BootEnd::locked})
    out[std::string(trust::boot_end_name(end))] = count(end);
  out["off"] = off_.load(std::memory_order_relaxed);
  out["reasons"] = Json::array();
  for (const auto& [kind, reason] : sorted()) {
    out["reasons"].push_back({{"end", trust::boot_end_name(kind.first)},
                              {"reason", kind.second},
                              {"count", reason.count},
                              {"phones", reason.phones}});
  }
}

Json FaultCounters::json(const FaultPlan& plan) const {
  return {{"seed", plan.seed},
          {"unreachable", {{"tvs", tvs.load()}, {"http", http.load()}, {"tftp", tftp.load()}}},
          {"cut", {{"http", cut_http.load()}, {"tftp", cut_tftp.load()}}}};
}

Json BootProtocol::facts() const {
  Json out = {{"all", phones_.row().count}};
  boot_statistics_.put_into(out);
  out["files"] = counters_.files.load();
  out["not_found"] = counters_.not_found.load();
  out["other_protocol"] = counters_.other_way.load();
  out["questions"] = counters_.questions.load();
  out["untrusted_services"] = counters_.untrusted.load();
  out["connections_opened"] = counters_.connections.load();
  out["faults"] = fault_counters_.json(settings_.faults);
  return out;
}

}  // namespace anchord::load
