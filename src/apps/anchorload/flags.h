// The command line of anchorload: its subcommands, and the flags of each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "boot_command.h"
#include "command.h"
#include "tftp_get.h"
#include "tvs_command.h"

namespace anchord::load {

struct FileFlags : Flags {
  std::vector<std::string> files;
  std::string check;
};

struct TftpFlags : FileFlags {
  std::optional<std::uint16_t> blksize;
  std::optional<std::uint16_t> windowsize;
  std::optional<std::uint16_t> timeout;
  unsigned tries = kTftpTries;
  bool tsize = false;
  std::string mode = "octet";
};

struct HttpFlags : FileFlags {
  unsigned depth = 1;
  double timeout = 5;
  bool tls = false;
  std::string tls_cert;
};

enum class Command { tftp, http, boot, tvs };

struct CommandLine {
  Command command = Command::tvs;
  // Of these four only the one that belongs to `command` is read from the command line; the others keep their
  // defaults.
  TftpFlags tftp;
  HttpFlags http;
  BootFlags boot;
  TvsFlags tvs;
};

// Fills in `line`, and returns nothing, when there is a command to run. Otherwise (--help, --version, or a
// command line that is wrong) it has printed what there is to say, and returns the exit code.
std::optional<int> read_command_line(int argc, char** argv, CommandLine& line);

}  // namespace anchord::load
