// What systemd is told besides that the service is ready. Without systemd nothing happens.
#pragma once

#include <string>
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
  // What goes on just now, shown in the place of that line: at most once a second, and only when
  // it has changed; empty when it is over. Before ready() each asks for more time besides, so that
  // a start that goes on is not given up.
  void progress(std::string_view line, Millis now);
  // To be called several times a second: says that the service is alive, as often as the manager
  // wants to hear it (WatchdogSec=).
  void alive(Millis now);

 private:
  Millis period_ = 0;  // 0: there is no watchdog
  Millis due_ = 0;
  bool reloading_ = false;
  bool ready_ = false;
  std::string line_;      // status()'s
  std::string progress_;  // as it was told last
  Millis progress_due_ = 0;
};

}  // namespace anchord::control
