// What a start is about while it lasts, which may be long: told to whoever asks over the control
// socket (but ChangedRequests, since what has changed is seen as soon as there is service), and to the
// service manager, which is asked for more time as long as it goes on. On a thread of its own, so that no
// step of a start has to answer in between.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "anchord/base/error.h"
#include "anchord/io/socket.h"
#include "process/service_manager.h"
#include "protocol/control_socket.h"

namespace anchord::control {

class Starting {
 public:
  static Result<std::unique_ptr<Starting>> begin(ControlSocket control);
  ~Starting();
  Starting(const Starting&) = delete;
  Starting& operator=(const Starting&) = delete;

  // From now on: "reading the store". Asked on this one's thread until the next step, when what it
  // says at its end is told, or until the end.
  void step(std::function<std::string()> what);
  void step(std::string what) {
    step([what = std::move(what)] { return what; });
  }

  // Whoever has asked and waits is answered by the next owner.
  ControlSocket end();

 private:
  Starting(ControlSocket control, io::Waker ended);
  void run();
  bool tick();

  ControlSocket control_;
  io::Waker ended_;
  std::mutex mutex_;  // over what follows
  ServiceManager manager_;
  std::function<std::string()> what_;
  bool ending_ = false;
  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace anchord::control
