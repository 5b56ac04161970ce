// Preloaded into programs, it sets their wall clock forward or back: by as many nanoseconds as
// the file that SOAK_CLOCK names holds (8 bytes, in the machine's order). Only tools/soak uses it:
// the machine's own clock is not touched.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

const std::atomic<std::int64_t>* map_offset() {
  static const std::atomic<std::int64_t> kNoOffset{0};
  const char* name = std::getenv("SOAK_CLOCK");
  if (name == nullptr) return &kNoOffset;
  int file = ::open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return &kNoOffset;
  void* at = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  return at == MAP_FAILED ? &kNoOffset : static_cast<const std::atomic<std::int64_t>*>(at);
}

void step(timespec& t) {
  static const std::atomic<std::int64_t>* const offset = map_offset();
  std::int64_t time = t.tv_sec * kSecond + t.tv_nsec + offset->load(std::memory_order_relaxed);
  t.tv_sec = time / kSecond;
  t.tv_nsec = time % kSecond;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* t) noexcept {
  using Real = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "clock_gettime"));
  int result = real(clock, t);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) step(*t);
  return result;
}

extern "C" int gettimeofday(timeval* tv, void*) noexcept {
  timespec t{};
  if (int result = clock_gettime(CLOCK_REALTIME, &t); result != 0) return result;
  *tv = {.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
  return 0;
}

extern "C" time_t time(time_t* out) noexcept {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  if (out != nullptr) *out = t.tv_sec;
  return t.tv_sec;
}
