#include "process/service_manager.h"

#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <ctime>

#include "anchord/base/printable.h"

namespace anchord::control {
namespace {

// Who looks at a status reads no faster.
constexpr Millis kProgress = 1'000;
// For the next file, or row of the store, on the slowest disk.
constexpr Millis kMoreTime = 120'000;

}  // namespace

ServiceManager::ServiceManager() {
  std::uint64_t microseconds = 0;
  // Twice as often as is asked for, as its manual says.
  if (::sd_watchdog_enabled(0, &microseconds) > 0) period_ = static_cast<Millis>(microseconds / 1000 / 2);
}

void ServiceManager::ready() {
  ready_ = true;
  ::sd_notify(0, "READY=1");
}
void ServiceManager::stopping() {
  ::sd_notify(0, "STOPPING=1");
}

// Type=notify-reload wants the time, by CLOCK_MONOTONIC, to tell this reload from others.
void ServiceManager::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds = static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
  ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds).c_str());
  reloading_ = true;
}

void ServiceManager::reloaded() {
  if (reloading_) ready();
  reloading_ = false;
}

void ServiceManager::status(std::string_view line) {
  line_ = line;
  progress_.clear();
  ::sd_notify(0, fmt::format("STATUS={}", printable(line)).c_str());
}

void ServiceManager::progress(std::string_view line, Millis now) {
  if (line == progress_ || now < progress_due_) return;
  progress_ = line;
  progress_due_ = now + kProgress;
  std::string told = fmt::format("STATUS={}", printable(line.empty() ? line_ : line));
  if (!ready_) told += fmt::format("\nEXTEND_TIMEOUT_USEC={}", kMoreTime * 1000);
  ::sd_notify(0, told.c_str());
}

void ServiceManager::alive(Millis now) {
  if (period_ == 0 || now < due_) return;
  ::sd_notify(0, "WATCHDOG=1");
  due_ = now + period_;
}

}  // namespace anchord::control
