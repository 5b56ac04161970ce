// anchord: the service. The line that says that it serves, and what it says instead.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/log.h"
#include "anchord/base/printable.h"
#include "anchord/control/explain.h"
#include "anchord/control/server.h"
#include "anchord/control/settings.h"
#include "config_file.h"
#include "flags.h"

namespace anchord::app {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongSettings = 2;

int complain(const std::string& text, int code) {
  std::fprintf(stderr, "anchord: %s\n", printable(text).c_str());
  return code;
}

int print(const std::string& text, int code) {
  const bool arrived =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return arrived ? code : kFailed;
}

// The command line and what it refers to, as it is now.
struct Settings {
  CLI::App app{"Trust verification and provisioning for IP phones."};
  control::Options options;
  std::shared_ptr<ConfigReader> reader = std::make_shared<ConfigReader>();
  int code = 0;  // that help and version end with, when they are wanted
  bool ended = false;

  // The error is one line; a mistake in the configuration file is told with its line.
  Status read(int argc, char** argv);
  bool has(std::string_view name) const { return is_given(app, name); }
  std::string config() const {
    const CLI::Option* option = app.get_config_ptr();
    return option->count() == 0 ? std::string() : option->as<std::string>();
  }
  std::string at(const ConfigMistake& mistake) const {
    return config() + ":" + std::to_string(mistake.line) + ": " + mistake.what;
  }
  // What a start has said, with the file and line that it is about.
  std::string where(const std::string& text) const;
};

std::string Settings::where(const std::string& text) const {
  if (!reader->text()) return text;
  for (const ConfigMistake& mistake : check_config(*reader->text(), options.state).mistakes)
    if (mistake.what == text) return at(mistake);
  return text;
}

Status Settings::read(int argc, char** argv) {
  define(app);
  app.config_formatter(reader);
  std::string mistake;
  try {
    app.parse(argc, argv);
    if (Status good = read_options(app, options); !good) mistake = good.error().text;
  } catch (const CLI::ParseError& e) {
    ended = e.get_exit_code() == 0;
    if (ended) code = app.exit(e);
    if (ended) return {};
    mistake = text_of(e, app);
    static_cast<void>(read_options(app, options));  // which state directory it is about
  }
  // What the file says twice, the library takes.
  if (reader->text())
    if (ConfigCheck check = check_settings(*reader->text()); !check.mistakes.empty())
      return fail(at(check.mistakes.front()));
  if (!mistake.empty()) return fail(mistake + " (see anchord --help)");
  return {};
}

// Every mistake, one a line.
int check(const Settings& settings) {
  const ConfigCheck found = check_config(*settings.reader->text(), settings.options.state);
  for (const ConfigMistake& mistake : found.mistakes) complain(settings.at(mistake), kWrongSettings);
  if (!found.mistakes.empty()) return kWrongSettings;
  return print(
      printable(settings.config()) + ": " + std::to_string(found.settings) + " settings, nothing wrong\n", 0);
}

// At SIGHUP: what can be taken at once is, everything else at the next start.
class Reread {
 public:
  Reread(int argc, char** argv, std::vector<control::SettingInForce> in_force)
      : argc_(argc), argv_(argv), in_force_(std::move(in_force)) {}

  void operator()() {
    Settings now;
    if (Status read = now.read(argc_, argv_); !read)
      return log::error("all settings stay as they are: " + read.error().text);
    warn_of_restart(now);
    const std::vector<control::SettingInForce> wanted = settings_in_force(now.app);
    bool changed = false;
    for (std::size_t i = 0; i < wanted.size(); ++i) changed |= take(in_force_[i], wanted[i], now.options);
    if (!changed && !now.config().empty()) log::info(now.config() + ": no setting has changed");
  }

 private:
  // What is right by itself, and what a start would refuse all the same.
  static void warn_of_restart(const Settings& now) {
    if (!now.reader->text()) return;
    for (const ConfigMistake& mistake : check_config(*now.reader->text(), now.options.state).mistakes)
      log::error("a restart would fail: " + now.at(mistake));
  }

  static bool take(control::SettingInForce& old, const control::SettingInForce& wanted,
                   const control::Options& now) {
    if (old.value == wanted.value) return false;
    auto shown = [](const std::string& value) { return value.empty() ? std::string("-") : value; };
    const std::string what =
        wanted.flag + " has changed from " + shown(old.value) + " to " + shown(wanted.value);
    const control::Setting* setting = control::find_setting(std::string_view(wanted.flag).substr(2));
    if (setting == nullptr || setting->at_sighup == nullptr) {
      log::warn(what + ": that needs a restart");
      return true;
    }
    setting->at_sighup(now);
    log::info(what + ", and is in force");
    old = wanted;
    return true;
  }

  int argc_;
  char** argv_;
  std::vector<control::SettingInForce> in_force_;
};

int serve(int argc, char** argv, const Settings& settings) {
  Reread reread(argc, argv, settings_in_force(settings.app));
  auto server = control::Server::start(settings.options);
  if (!server) return complain(settings.where(server.error().text), kFailed);
  (*server)->at_reload(reread);
  std::printf("ready %s\n", (*server)->listening().c_str());
  std::fflush(stdout);
  const Status ended = (*server)->run();
  return ended ? 0 : complain(ended.error().text, kFailed);
}

int main_of(int argc, char** argv) {
  Settings settings;
  if (Status read = settings.read(argc, argv); !read) {
    const bool checks = settings.has(control::kCheckConfig) && settings.reader->text();
    const int code = checks ? check(settings) : 0;
    return code != 0 ? code : complain(read.error().text, kWrongSettings);
  }
  if (settings.ended) return settings.code;
  if (settings.has(control::kExampleConfig)) return print(control::example_config(), 0);
  if (settings.has(control::kCheckConfig)) return check(settings);
  const control::Options& options = settings.options;
  log::set_level(options.log_level);
  log::set_format(options.log_format);
  if (settings.has(control::kExplain)) {
    const auto told =
        control::explain(options, settings_in_force(settings.app), settings.has(control::kJson));
    return print(told.text, told.starts ? 0 : kFailed);
  }
  return serve(argc, argv, settings);
}

}  // namespace
}  // namespace anchord::app

int main(int argc, char** argv) {
  try {
    return anchord::app::main_of(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("anchord: there is not enough memory\n", stderr);
    return anchord::app::kFailed;
  }
}
