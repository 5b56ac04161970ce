#include "anchord/store/ledger_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string_view>

#include "anchord/base/hex.h"
#include "anchord/base/printable.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/init.h"
#include "anchord/store/service_status.h"
#include "ledger/ledger_rows.h"
#include "tables/check_text.h"
#include "tables/issued_lists.h"

namespace anchord::store {
namespace {

using Json = nlohmann::json;
using trust::Belief;

constexpr char kFormat[] = "anchord ledger 1";
constexpr std::array<const char*, trust::kListKinds> kKindNames{"itl", "ctl"};

Json kind_json(const LedgerEntry& entry, std::size_t kind) {
  return {{"may_hold", versions_text(entry.may_hold(static_cast<trust::ListKind>(kind)))},
          {"accepted_at", entry.belief.kinds[kind].accepted_at}};
}

Json given_json(const DeliveredFile& given) {
  return {{"file", given.file},
          {"version", fmt::format("{:016x}", given.version)},
          {"at", given.at},
          {"whole", given.whole},
          {"protocol", given.protocol},
          {"address", given.address}};
}

Json entry_json(const LedgerEntry& entry) {
  Json out{{"device", entry.device},         {"model", entry.model},     {"questions", entry.questions},
           {"last_asked", entry.last_asked}, {"created", entry.created}, {"seen", entry.seen},
           {"proven", entry.belief.proven},  {"removed", entry.removed}, {"home", entry.belief.home}};
  for (std::size_t kind = 0; kind < trust::kListKinds; ++kind) out[kKindNames[kind]] = kind_json(entry, kind);
  out["given"] = Json::array();
  for (const DeliveredFile& given : entry.given) out["given"].push_back(given_json(given));
  return out;
}

// A time that a host could have noted. nlohmann's own conversion takes any number for one.
UnixSeconds time_in(const Json& json, const char* name) {
  const Json& value = json.at(name);
  constexpr UnixSeconds kMost = UnixSeconds{1} << 40;
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > kMost)
    throw std::invalid_argument(fmt::format("'{}' is no time", name));
  return value.get<UnixSeconds>();
}

std::uint64_t count_in(const Json& json, const char* name) {
  const Json& value = json.at(name);
  if (!value.is_number_unsigned()) throw std::invalid_argument(fmt::format("'{}' is no count", name));
  return value.get<std::uint64_t>();
}

// Throws what nlohmann throws: import_ledger() turns it into one line.
DeliveredFile given_of(const Json& json) {
  std::uint64_t version = versions_from_text(json.at("version").get_ref<const std::string&>()).front();
  return {.file = json.at("file").get<std::string>().substr(0, 255),
          .version = version == trust::kUnkeptList ? 0 : version,
          .at = time_in(json, "at"),
          .whole = json.at("whole").get<bool>(),
          .protocol = json.at("protocol").get<std::string>().substr(0, 8),
          .address = json.at("address").get<std::string>().substr(0, 64)};
}

LedgerEntry entry_of(const Json& json) {
  LedgerEntry entry{.device = json.at("device").get<std::string>(),
                    .given = {},
                    .model = json.at("model").get<std::string>(),
                    .questions = count_in(json, "questions"),
                    .last_asked = time_in(json, "last_asked"),
                    .created = time_in(json, "created"),
                    .seen = time_in(json, "seen"),
                    .removed = json.at("removed").get<bool>(),
                    .belief = {},
                    .unrecorded = {}};
  if (!check_text("model", entry.model)) entry.model.clear();
  entry.belief.proven = json.at("proven").get<bool>();
  entry.belief.home = json.value("home", "").substr(0, 64);  // a version before did not know it
  for (std::size_t kind = 0; kind < trust::kListKinds; ++kind) {
    Belief::Kind& held = entry.belief.kinds[kind];
    const Json& part = json.at(kKindNames[kind]);
    held.may = versions_from_text(part.at("may_hold").get_ref<const std::string&>());
    if (held.may.size() > Belief::kMaxMay) held.may = {trust::kUnkeptList};
    held.accepted_at = time_in(part, "accepted_at");
  }
  const Json& given = json.at("given");
  for (std::size_t kind = 0; kind < kDeliveredKinds && kind < given.size(); ++kind)
    entry.given[kind] = given_of(given[kind]);
  return entry;
}

IssuedList list_of(const Json& json) {
  auto content = from_hex(json.at("content").get_ref<const std::string&>());
  if (!content) throw std::invalid_argument("a list is not hexadecimal");
  IssuedList list{.name = json.at("name").get<std::string>(),
                  .version = version_of_list(*content),
                  .built_at = time_in(json, "built_at"),
                  .content = std::move(*content)};
  if (!phone::list_name(list.name))
    throw std::invalid_argument("'" + list.name.substr(0, 64) + "' is no list's name");
  return list;
}

LedgerGap gap_of(const Json& json) {
  return {.began = time_in(json, "began"),
          .ended = time_in(json, "ended"),
          .why = json.at("why").get<std::string>().substr(0, 255),
          .unkept = json.at("unkept").get<bool>()};
}

StatusReport report_of(const Json& json) {
  return {.host = json.at("host").get<std::string>().substr(0, kMaxHostName),
          .time = time_in(json, "time"),
          .snapshot_version = count_in(json, "snapshot_version"),
          .ok = json.at("ok").get<bool>(),
          .message = json.at("message").get<std::string>().substr(0, 1000),
          .serves = json.at("serves").get<std::string>().substr(0, 64)};
}

struct Read {
  std::string cluster;
  UnixSeconds written_at = 0;
  std::vector<LedgerEntry> entries;
  std::vector<IssuedList> lists;
  std::vector<LedgerGap> gaps;
  std::vector<StatusReport> reports;
};

// A host whose clock was ahead has noted times of after the file was written: nothing was later than that,
// and when a list was accepted is not known then. Two entries of one device would replace one another.
void settle(Read& read) {
  const UnixSeconds latest = read.written_at + kClocksApart;
  std::set<std::string_view> devices;
  for (LedgerEntry& entry : read.entries) {
    if (!devices.insert(entry.device).second)
      throw std::invalid_argument(fmt::format("'{}' is in it twice", entry.device.substr(0, 64)));
    entry.seen = std::min(entry.seen, latest);
    entry.created = std::min(entry.created, latest);
    for (Belief::Kind& kind : entry.belief.kinds)
      if (kind.accepted_at > latest) kind.accepted_at = 0;
  }
  for (LedgerGap& gap : read.gaps) {
    gap.ended = std::min(gap.ended, latest);
    gap.began = std::min(gap.began, gap.ended);
  }
}

Result<Read> read(std::string_view text) {
  try {
    Json json = Json::parse(text);
    if (!json.is_object() || json.value("format", "") != kFormat)
      return fail("it is not what 'anchorctl ledger export' writes");
    Read out{.cluster = json.at("cluster").get<std::string>(), .written_at = time_in(json, "written_at")};
    for (const Json& one : json.at("devices")) out.entries.push_back(entry_of(one));
    for (const Json& one : json.at("lists")) out.lists.push_back(list_of(one));
    for (const Json& one : json.at("gaps")) out.gaps.push_back(gap_of(one));
    settle(out);
    for (const Json& one : json.at("reports")) out.reports.push_back(report_of(one));
    return out;
  } catch (const std::exception& problem) {
    return fail(
        fmt::format("it is damaged ({}): export it again", std::string_view(problem.what()).substr(0, 200)));
  }
}

}  // namespace

Result<std::string> export_ledger(Store& store, UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto entries, ledger(store));
  ANCHORD_TRY_ASSIGN(auto lists, issued_lists(store));
  ANCHORD_TRY_ASSIGN(auto gaps, ledger_gaps(store));
  ANCHORD_TRY_ASSIGN(auto reports, last_status(store));
  Json out{{"format", kFormat}, {"cluster", loaded.cluster.id}, {"written_at", now}};
  for (const char* part : {"devices", "lists", "gaps", "reports"}) out[part] = Json::array();
  for (const LedgerEntry& entry : entries) out["devices"].push_back(entry_json(entry));
  for (const IssuedList& list : lists)
    out["lists"].push_back(
        {{"name", list.name}, {"built_at", list.built_at}, {"content", to_hex(list.content)}});
  for (const LedgerGap& gap : gaps)
    out["gaps"].push_back(
        {{"began", gap.began}, {"ended", gap.ended}, {"unkept", gap.unkept}, {"why", gap.why}});
  for (const StatusReport& report : reports)
    out["reports"].push_back({{"host", report.host},
                              {"time", report.time},
                              {"snapshot_version", report.snapshot_version},
                              {"ok", report.ok},
                              {"message", report.message},
                              {"serves", report.serves}});
  return json_text(out, 1) + "\n";
}

Result<ImportedLedger> import_ledger(Store& store, std::string_view text, UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(auto file, read(text));
  if (file.written_at > now + kClocksApart)
    return fail(fmt::format(
        "it was written {} seconds in this machine's future: set the clock of that host, or of this one",
        file.written_at - now));
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(KeyUse::without_keys));
  if (loaded.cluster.id != file.cluster)
    return fail(fmt::format("it is of another cluster (id {}), this one's is {}", file.cluster.substr(0, 64),
                            loaded.cluster.id));
  ANCHORD_TRY(merge_ledger(store, file.entries, file.lists, file.gaps, kClocksApart));
  ANCHORD_TRY_ASSIGN(auto mine, last_status(store));
  for (const StatusReport& report : file.reports) {
    auto known = std::ranges::find(mine, report.host, &StatusReport::host);
    if (known != mine.end() && known->time >= report.time) continue;
    ANCHORD_TRY(report_status(store, report));
  }
  return ImportedLedger{file.entries.size(), file.lists.size(), file.written_at};
}

}  // namespace anchord::store
