// /api/v1/…: what is known of the cluster, as JSON, in the same documents as commands have with --json. The
// schema is docs/reference/admin-api.json.
//
// On the endpoint's thread, with a connection to the store of its own. What it reads is let go with each
// answer.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "admin/board.h"
#include "anchord/admin/page.h"
#include "anchord/report/json.h"
#include "anchord/store/store.h"

namespace anchord::control {

class AdminApi {
 public:
  // Phones of one answer, at the most.
  static constexpr std::size_t kMostPhones = 500;
  static constexpr std::size_t kUsualPhones = 100;
  static constexpr std::size_t kMostEntries = 1'000;  // of the audit
  static constexpr std::size_t kUsualEntries = 50;

  // The board outlives it.
  AdminApi(std::filesystem::path state, AdminBoard& board) : state_(std::move(state)), board_(board) {}

  // They call this one.
  std::vector<admin::Route> routes();

 private:
  admin::Page answer(Result<report::Json> document);
  Result<store::Store*> open();

  admin::Page status();
  Result<report::Json> problems();
  admin::Page phones(const admin::Request& request);
  admin::Page phone(const admin::Request& request);
  Result<report::Json> lists();
  Result<report::Json> certificates();
  admin::Page audit(const admin::Request& request);

  std::filesystem::path state_;
  AdminBoard& board_;
  std::optional<store::Store> store_;
};

}  // namespace anchord::control
