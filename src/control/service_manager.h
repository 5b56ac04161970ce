// What systemd is told besides that the service is ready. Without systemd nothing happens.
#pragma once

#include <string_view>

#include "anchord/base/clock.h"

namespace anchord::control {

class ServiceManager {
 public:
  ServiceManager();

  void ready();
  void stopping();
  // Between the two the manager waits with what depends on a reload.
  void reloading();
  void reloaded();
  // One line, that `systemctl status` shows.
  void status(std::string_view line);
  // To be called several times a second: says that the service is alive, as often as the manager
  // wants to hear it (WatchdogSec=).
  void alive(Millis now);

 private:
  Millis period_ = 0;  // 0: there is no watchdog
  Millis due_ = 0;
  bool reloading_ = false;
};

}  // namespace anchord::control
