#include "process/starting.h"

#include <poll.h>
#include <pthread.h>

#include <new>
#include <utility>
#include <variant>
#include <vector>

#include "machine/memory_reserve.h"

namespace anchord::control {
namespace {

// How often it is looked what there is to tell.
constexpr int kLookEvery = 100;  // milliseconds

}  // namespace

Result<std::unique_ptr<Starting>> Starting::begin(ControlSocket control) {
  ANCHORD_TRY_ASSIGN(auto ended, io::Waker::create());
  return std::unique_ptr<Starting>(new Starting(std::move(control), std::move(ended)));
}

Starting::Starting(ControlSocket control, io::Waker ended)
    : control_(std::move(control)),
      ended_(std::move(ended)),
      what_([] { return std::string("checking the machine"); }),
      thread_(&Starting::run, this) {}

Starting::~Starting() {
  if (thread_.joinable()) end();
}

void Starting::step(std::function<std::string()> what) {
  std::lock_guard lock(mutex_);
  manager_.status(what_());
  what_ = std::move(what);
}

ControlSocket Starting::end() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ended_.wake();
  thread_.join();
  return std::move(control_);
}

void Starting::run() {
  ::pthread_setname_np(::pthread_self(), "starting");
  for (bool more = true; more;) {
    // Whoever starts says that there is no memory; who asks in between asks again.
    try {
      more = tick();
    } catch (const std::bad_alloc&) {
      ::poll(nullptr, 0, kLookEvery);
    }
  }
}

// False at the end.
bool Starting::tick() {
  std::vector<pollfd> waiting{{.fd = ended_.descriptor(), .events = POLLIN}};
  control_.poll_for(waiting);
  ::poll(waiting.data(), waiting.size(), kLookEvery);
  {
    std::lock_guard lock(mutex_);
    if (ending_) return false;
    manager_.progress(what_(), monotonic_now());
  }
  control_.serve(monotonic_now(), [&](const protocol::Request& request) {
    const MemoryReserve for_json;
    if (std::holds_alternative<protocol::ChangedRequest>(request))
      return protocol::encode_answer(protocol::Changed());
    std::lock_guard lock(mutex_);
    return protocol::encode_answer(protocol::Starting{what_()});
  });
  return true;
}

}  // namespace anchord::control
