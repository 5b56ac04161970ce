// What all subcommands have in common: what their flags say, and how a run ends.
//
// A run's exit code is 1 when it could not be made, when the server made a mistake, and
// where asked also after any failure; 2 for a command line that makes no sense.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "client.h"
#include "plan.h"

namespace anchord::load {

constexpr int kFailed = 1;
constexpr int kWrongCommandLine = 2;

struct Flags {
  std::string host;
  std::uint16_t port = 0;
  bool allow_remote = false;
  bool one_address = false;
  std::optional<unsigned> connections;
  std::optional<double> seconds;
  bool json = false;
  std::string out;
  bool fail_on_error = false;
  Plan plan;
};

// One line on standard error; returns `code`.
int complain(const std::string& line, int code);

// What CLI11 cannot check by itself.
Status complete(Flags& f);
// Whether that machine may be loaded; `flag` is what named it.
Status check_target(const Flags& f, const io::Host& host, const std::string& flag);

// PEM or DER.
Result<crypto::Certificate> read_certificate(const std::string& file);

// The run, its report, its exit code.
int measure(const Flags& f, Protocol& protocol);

}  // namespace anchord::load
