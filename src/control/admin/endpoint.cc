#include "admin/endpoint.h"

#include "admin/metrics_page.h"
#include "admin/page_files.h"
#include "admin/process_figures.h"
#include "machine/background.h"

namespace anchord::control {
namespace {

using admin::Page;
using admin::Request;

Page health() {
  return {.body = "ok\n"};
}

Page readiness(const AdminBoard& board) {
  switch (board.phase()) {
    case AdminBoard::Phase::starting:
      return {.status = 503, .body = "starting: no snapshot is in service yet\n"};
    case AdminBoard::Phase::draining:
      return {.status = 503, .body = "draining: nothing new is accepted\n"};
    case AdminBoard::Phase::serving:
      break;
  }
  return {.body = "ready\n"};
}

Page not_yet() {
  return {.status = 503, .body = "starting: there is nothing to tell yet\n"};
}

}  // namespace

Page AdminEndpoint::metrics(const Request& request) {
  const auto facts = board_->facts();
  if (facts == nullptr) return not_yet();
  const double age = static_cast<double>(monotonic_now() - facts->made) / 1000;
  return metrics_page(request.accept, facts->counters, facts->latencies,
                      {.status = facts->status,
                       .own_certificates = facts->own_certificates,
                       .age = age,
                       .admin = server_->counts(),
                       .process = process_figures()});
}

std::vector<admin::Route> AdminEndpoint::routes() {
  std::vector<admin::Route> out{
      {.path = "/healthz", .answer = [](const Request&) { return health(); }},
      {.path = "/readyz", .answer = [this](const Request&) { return readiness(*board_); }},
      {.path = "/metrics", .answer = [this](const Request& request) { return metrics(request); }}};
  for (admin::Route& route : api_.routes()) out.push_back(std::move(route));
  for (const PageFile& file : page_files())
    out.push_back({.path = file.path, .open = true, .answer = [&file](const Request&) {
                     return Page{.type = std::string(file.type), .body = std::string(file.content)};
                   }});
  return out;
}

Result<std::unique_ptr<AdminEndpoint>> AdminEndpoint::start(FileDescriptor listener, admin::Access access,
                                                            const std::filesystem::path& state) {
  ANCHORD_TRY_ASSIGN(auto board, AdminBoard::create());
  std::unique_ptr<AdminEndpoint> out(new AdminEndpoint(std::move(board), state));
  ANCHORD_TRY_ASSIGN(out->server_, admin::Server::start(std::move(listener), std::move(access), out->routes(),
                                                        give_way_to_shards));
  return out;
}

AdminEndpoint::~AdminEndpoint() {
  board_->close();
}

}  // namespace anchord::control
