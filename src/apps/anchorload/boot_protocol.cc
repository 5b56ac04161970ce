#include <fmt/core.h>

#include "boot_client.h"

namespace anchord::load {

BootProtocol::BootProtocol(BootSettings settings, Phones& phones)
    : settings_(std::move(settings)), phones_(phones) {}

Result<const BootProtocol::Shared*> BootProtocol::shared_by(const Worker& worker) {
  const std::lock_guard lock(mutex_);
  if (auto found = shared_.find(&worker); found != shared_.end()) return &found->second;
  ANCHORD_TRY_ASSIGN(auto context, crypto::TlsContext::client({}));
  return &shared_.emplace(&worker, Shared{.tls = std::move(context)}).first->second;
}

Result<std::unique_ptr<Client>> BootProtocol::make_client(Worker& worker, std::uint32_t id) {
  ANCHORD_TRY_ASSIGN(auto shared, shared_by(worker));
  return std::make_unique<BootClient>(*this, worker, id, *shared);
}

std::size_t BootProtocol::datagram_size() const {
  return wire::kTftpDataHeaderSize + wire::kTftpDefaultBlockSize;
}

std::string BootProtocol::facts_text() const {
  std::string out = boot_statistics_.text();
  out += fmt::format("  {} files, {} not found, {} asked for by another protocol too\n",
                     counters_.files.load(), counters_.not_found.load(), counters_.other_way.load());
  out += fmt::format("  {} questions, {} verification services not trusted, {} connections\n",
                     counters_.questions.load(), counters_.untrusted.load(), counters_.connections.load());
  if (settings_.faults.any()) out += fault_counters_.text();
  return out;
}

Verdict BootProtocol::verdict() const {
  if (boot_statistics_.count(trust::BootEnd::locked) > 0) return Verdict::wrong;
  return boot_statistics_.count(trust::BootEnd::degraded) > 0 ? Verdict::poor : Verdict::good;
}

std::optional<Error> BootProtocol::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void BootProtocol::note_problem(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!problem_) problem_ = error;
}

}  // namespace anchord::load
