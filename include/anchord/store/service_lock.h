// One service for each state directory: the lock that says so.
//
// It is a lock of the kernel's on the file service.lock, which ends with the process that holds
// it however that ends, and which the kernel knows the holder of. The file itself has no content.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"

namespace anchord::store {

class ServiceLock {
 public:
  // Fails with one line that names the process which holds it, or what is wrong with the
  // directory (TrustedFolder).
  static Result<ServiceLock> take(const std::filesystem::path& state);
  // Whether this process may lock it at all, without doing so. Makes no file.
  static Status may_take(const std::filesystem::path& state);

  ServiceLock(ServiceLock&&) = default;
  ServiceLock& operator=(ServiceLock&&) = delete;

 private:
  explicit ServiceLock(FileDescriptor file) : file_(std::move(file)) {}
  FileDescriptor file_;
};

// Root serves nothing of another user's, who could have it read what is root's alone. `user`: whom
// the service becomes; empty: nobody else.
Status check_service_user(const std::filesystem::path& state, const std::string& user);

// The process that serves from there, as this process's namespace numbers it (0: it is in none
// that can be seen); nothing when there is none. Not for the process that holds the lock: it
// would lose it.
std::optional<pid_t> service_of(const std::filesystem::path& state);

}  // namespace anchord::store
