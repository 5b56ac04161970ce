// The command line: what each subcommand is told.
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
  // That of `command` is filled in.
  TftpFlags tftp;
  HttpFlags http;
  BootFlags boot;
  TvsFlags tvs;
};

// Without a command that can be run (--help, or a command line that makes no sense): the exit code, and
// what there is to say is printed.
std::optional<int> read_command_line(int argc, char** argv, CommandLine& line);

}  // namespace anchord::load
