#include "commands/passphrase.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "anchord/base/file.h"
#include "anchord/base/file_descriptor.h"
#include "client/failure.h"
#include "commands/session.h"

namespace anchord::ctl {
namespace {

constexpr std::size_t kMaxPassphrase = 1024;
constexpr std::size_t kMaxPassphraseFile = 64 * 1024;
constexpr std::array kEnding{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

Status check_length(std::size_t size) {
  if (size < kMinPassphrase)
    return fail(fmt::format("the passphrase is shorter than {} bytes: use a longer one", kMinPassphrase));
  if (size > kMaxPassphrase)
    return fail(fmt::format("the passphrase is longer than {} bytes: use a shorter one", kMaxPassphrase));
  return {};
}

Result<crypto::Secret> from_file(const std::string& file) {
  ANCHORD_TRY_ASSIGN(auto read, read_file(file, kMaxPassphraseFile));
  crypto::Secret content(std::move(read));
  std::string_view line = content.text();
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (Status good = check_length(line.size()); !good) return failure_of(good, quoted(file));
  return crypto::Secret(to_buffer(as_bytes(line)));
}

// What a signal's handler must put right before the program ends.
int terminal_fd = -1;
termios terminal_was{};

void restore_and_end(int signal) {
  ::tcsetattr(terminal_fd, TCSAFLUSH, &terminal_was);
  ::raise(signal);  // with the usual handler: it ends us as soon as we return
}

// A terminal that shows nothing of what is typed, while the object lives.
class Silence {
 public:
  explicit Silence(int fd) {
    terminal_fd = fd;
    ::tcgetattr(fd, &terminal_was);
    struct sigaction action{};
    action.sa_handler = restore_and_end;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (std::size_t i = 0; i < kEnding.size(); ++i) ::sigaction(kEnding[i], &action, &was_[i]);
    termios silent = terminal_was;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ICANON | ECHONL;
    ::tcsetattr(fd, TCSAFLUSH, &silent);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    ::tcsetattr(terminal_fd, TCSAFLUSH, &terminal_was);
    for (std::size_t i = 0; i < kEnding.size(); ++i) ::sigaction(kEnding[i], &was_[i], nullptr);
  }

 private:
  std::array<struct sigaction, kEnding.size()> was_{};
};

Result<crypto::Secret> ask(int terminal, std::string_view prompt) {
  Silence silence(terminal);
  if (::write(terminal, prompt.data(), prompt.size()) < 0) return fail("cannot write to the terminal");
  // All at once, so that nothing of it is left where memory grew.
  Buffer room(kMaxPassphrase + 2);
  ssize_t count = ::read(terminal, room.data(), room.size());
  crypto::Secret typed(std::move(room));
  if (count <= 0) return fail("no passphrase was given");
  std::string_view line = typed.text().substr(0, static_cast<std::size_t>(count));
  line = line.substr(0, line.find('\n'));
  return crypto::Secret(to_buffer(as_bytes(line)));
}

Result<crypto::Secret> from_terminal(AskPassphrase how) {
  FileDescriptor terminal(::isatty(STDIN_FILENO) == 1 ? ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
                                                      : -1);
  if (!terminal) wrong_usage("give --passphrase-file FILE: there is no terminal to ask for the passphrase");
  auto first = ask(terminal.get(), "Passphrase of the backup: ");
  Status good = first ? check_length(first->bytes().size()) : failure_of(first);
  if (good && how == AskPassphrase::twice) {
    auto second = ask(terminal.get(), "The same once more: ");
    if (!second) {
      good = failure_of(second);
    } else if (first->text() != second->text()) {
      good = fail("the two passphrases differ: try again");
    }
  }
  if (!good) return failure_of(good);
  return first;
}

}  // namespace

Result<crypto::Secret> read_passphrase(const std::string& file, AskPassphrase how) {
  return file.empty() ? from_terminal(how) : from_file(file);
}

}  // namespace anchord::ctl
