#include "admin/api.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "anchord/base/parse_number.h"
#include "anchord/base/printable.h"
#include "anchord/phone/device_name.h"
#include "anchord/protocol/status.h"
#include "anchord/report/audit.h"
#include "anchord/report/certificates.h"
#include "anchord/report/known_phones.h"
#include "anchord/report/lists.h"
#include "anchord/report/problems.h"

namespace anchord::control {
namespace {

using admin::Page;
using admin::Request;
using report::Json;

constexpr const char* kJsonType = "application/json";

Page json_page(const Json& document, unsigned status = 200) {
  return {.status = status, .type = kJsonType, .body = json_text(document) + "\n"};
}

Page failed(unsigned status, std::string why) {
  return json_page({{"error", std::move(why)}}, status);
}

Page not_told_yet() {
  return failed(503, "there is nothing to tell yet: ask again when the service is ready");
}

// A number that may be given; an error says what is wrong with it.
Result<std::size_t> number_of(const Request& request, std::string_view name, std::size_t usual,
                              std::size_t most) {
  const std::string given = request.parameter(name);
  if (given.empty()) return usual;
  auto number = parse_number(given, std::size_t{1}, most, "a number");
  if (number) return number;
  return fail(fmt::format("'{}' is no {}: give a number from 1 to {}", given, name, most));
}

Json list_of(const std::vector<std::string>& lines) {
  return {{"count", lines.size()}, {"lines", lines}};
}

}  // namespace

Page AdminApi::answer(Result<Json> document) {
  if (document) return json_page(*document);
  store_.reset();  // it may be another one the next time
  return failed(503, document.error().text);
}

Result<store::Store*> AdminApi::open() {
  // It may be brought to the present version just now.
  if (board_.phase() == AdminBoard::Phase::starting)
    return fail("the service is starting: ask again when it is ready");
  if (!store_) {
    ANCHORD_TRY_ASSIGN(store_, store::Store::open(state_));
  }
  return &*store_;
}

Page AdminApi::status() {
  const auto facts = board_.facts();
  if (facts == nullptr) return not_told_yet();
  return {.type = kJsonType, .body = protocol::status_document(facts->status) + "\n"};
}

Result<Json> AdminApi::problems() {
  ANCHORD_TRY_ASSIGN(store::Store * store, open());
  ANCHORD_TRY_ASSIGN(auto facts, report::gather_facts(*store, state_));
  const auto seen = board_.facts();
  if (seen == nullptr) return fail("the service does not answer: ask again in a second");
  facts.service = seen->status;
  return Json{{"problems", list_of(report::texts_of(report::problems(facts)))},
              {"odd", list_of(report::odd_files(facts))}};
}

// Behind the name `after`, so many, with the name to go on behind.
Page AdminApi::phones(const Request& request) {
  const auto limit = number_of(request, "limit", kUsualPhones, kMostPhones);
  if (!limit) return failed(400, limit.error().text);
  auto store = open();
  if (!store) return answer(std::unexpected(std::move(store.error())));
  auto read = report::read_all_phones(state_, **store);
  if (!read) return answer(std::unexpected(std::move(read.error())));
  const UnixSeconds now = calendar_now();
  Json list = Json::array();
  auto at = read->phones.upper_bound(request.parameter("after"));
  for (; at != read->phones.end() && list.size() < *limit; ++at)
    list.push_back(report::known_json(read->view, at->second, now));
  const bool more = at != read->phones.end();
  return json_page({{"total", read->phones.size()},
                    {"after", more ? Json(std::prev(at)->first) : Json()},
                    {"phones", std::move(list)}});
}

Page AdminApi::phone(const Request& request) {
  const auto name = phone::device_name(std::string(request.rest));
  if (!name)
    return failed(400, fmt::format("'{}' is no phone's name: give SEP and the 12 hexadecimal digits of its "
                                   "MAC address",
                                   request.rest));
  auto store = open();
  if (!store) return answer(std::unexpected(std::move(store.error())));
  auto read = report::read_all_phones(state_, **store);
  if (!read) return answer(std::unexpected(std::move(read.error())));
  const auto found = read->phones.find(*name);
  if (found == read->phones.end())
    return failed(404, fmt::format("there is no phone '{}': /api/v1/phones has all", *name));
  return json_page(report::known_json(read->view, found->second, calendar_now()));
}

Result<Json> AdminApi::lists() {
  ANCHORD_TRY_ASSIGN(store::Store * store, open());
  ANCHORD_TRY_ASSIGN(auto loaded, store->load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto view, report::LedgerView::read(*store, loaded.cluster));
  return report::lists_document(view, loaded.cluster);
}

Result<Json> AdminApi::certificates() {
  ANCHORD_TRY_ASSIGN(store::Store * store, open());
  ANCHORD_TRY_ASSIGN(auto loaded, store->load(store::KeyUse::without_keys));
  return report::certificates_document(loaded.cluster, calendar_now());
}

Page AdminApi::audit(const Request& request) {
  const auto limit = number_of(request, "limit", kUsualEntries, kMostEntries);
  if (!limit) return failed(400, limit.error().text);
  auto store = open();
  if (!store) return answer(std::unexpected(std::move(store.error())));
  auto read = report::read_audit(**store, *limit);
  if (!read) return answer(std::unexpected(std::move(read.error())));
  return json_page(report::audit_document(*read));
}

std::vector<admin::Route> AdminApi::routes() {
  return {
      {.path = "/api/v1/status", .answer = [this](const Request&) { return status(); }},
      {.path = "/api/v1/problems", .answer = [this](const Request&) { return answer(problems()); }},
      {.path = "/api/v1/phones", .answer = [this](const Request& request) { return phones(request); }},
      {.path = "/api/v1/phones/", .answer = [this](const Request& request) { return phone(request); }},
      {.path = "/api/v1/lists", .answer = [this](const Request&) { return answer(lists()); }},
      {.path = "/api/v1/certificates", .answer = [this](const Request&) { return answer(certificates()); }},
      {.path = "/api/v1/audit", .answer = [this](const Request& request) { return audit(request); }}};
}

}  // namespace anchord::control
