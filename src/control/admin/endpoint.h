// The admin endpoint of this service: what it shows, and where from. See anchord/admin/server.h for how it
// is served, and docs/guides/watching.md for what it is good for.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "admin/api.h"
#include "admin/board.h"
#include "anchord/admin/server.h"

namespace anchord::control {

class AdminEndpoint {
 public:
  // Serves from now on. Until the board says otherwise the service starts.
  static Result<std::unique_ptr<AdminEndpoint>> start(FileDescriptor listener, admin::Access access,
                                                      const std::filesystem::path& state);
  ~AdminEndpoint();
  AdminEndpoint(const AdminEndpoint&) = delete;
  AdminEndpoint& operator=(const AdminEndpoint&) = delete;

  AdminBoard& board() { return *board_; }

 private:
  AdminEndpoint(std::unique_ptr<AdminBoard> board, const std::filesystem::path& state)
      : board_(std::move(board)), api_(state, *board_) {}
  std::vector<admin::Route> routes();
  admin::Page metrics(const admin::Request& request);

  std::unique_ptr<AdminBoard> board_;
  AdminApi api_;
  std::unique_ptr<admin::Server> server_;  // ends before what its routes ask
};

}  // namespace anchord::control
