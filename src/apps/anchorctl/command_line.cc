#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "render/output.h"

namespace anchord::ctl {
namespace {

constexpr int kWrongCommandLine = 2;

// Where an option has another name, help shows the first alone.
class Help : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool by_place) const override {
    const bool hides = option->get_lnames().size() > 1;
    return hides ? option->get_name() : CLI::Formatter::make_option_name(option, by_place);
  }
};

const CLI::Validator& not_empty() {
  static const CLI::Validator kNotEmpty(
      [](const std::string& text) {
        return text.empty() ? "it is empty: give a value, or leave it out" : std::string();
      },
      "");
  return kNotEmpty;
}

void add_option(CLI::App& command, const Option& row) {
  const std::string names = row.alias.empty() ? row.name : row.name + "," + row.alias;
  struct Adding {
    CLI::App& command;
    const Option& row;
    const std::string& names;

    CLI::Option* operator()(bool* target) const { return command.add_flag(names, *target, row.help); }
    CLI::Option* operator()(std::string* target) const {
      return command.add_option(names, *target, row.help);
    }
    CLI::Option* operator()(std::vector<std::string>* target) const {
      CLI::Option* option = command.add_option(names, *target, row.help);
      if (row.one_value_each) option->allow_extra_args(false);
      return option;
    }
    CLI::Option* operator()(const Option::Reader& read) const {
      auto take = [&name = row.name, read](const std::string& text) {
        if (std::string wrong = read(text); !wrong.empty()) throw CLI::ValidationError(name, wrong);
      };
      return command.add_option_function<std::string>(names, take, row.help);
    }
  };
  CLI::Option* option = std::visit(Adding{command, row, names}, row.target);
  if (std::holds_alternative<bool*>(row.target)) return;
  option->type_name(row.type)->required(row.required);
  if (!row.environment.empty()) option->envname(row.environment);
  if (!row.may_be_empty) option->check(not_empty());
}

// The table as the library has it, and what was chosen.
class CommandLine {
 public:
  CommandLine(const std::vector<Command>& table, Session& session) {
    app_.name("anchorctl");
    app_.formatter(std::make_shared<Help>());
    app_.set_help_flag("-h,--help", "Print this help and exit");
    app_.set_version_flag("-V,--version", "anchorctl " ANCHORD_VERSION, "Print the version and exit");
    app_.require_subcommand(1);
    // So that --state is understood before and after the sub-command.
    app_.fallthrough();
    rows_.push_back(state_option(session));
    add_option(app_, rows_.back());
    for (const Command& row : table) add(row, session);
  }
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App& app() { return app_; }
  const std::function<Outcome()>& work() const { return work_; }

  // The command that was being read, for "see ... --help".
  std::string chosen() const {
    std::string out = app_.get_name();
    for (const CLI::App* at = &app_; !at->get_subcommands().empty();) {
      at = at->get_subcommands().front();
      out += ' ' + at->get_name();
    }
    return out;
  }

 private:
  void add(const Command& row, Session& session) {
    const std::size_t space = row.name.rfind(' ');
    CLI::App& above = space == row.name.npos ? app_ : *by_name_.at(row.name.substr(0, space));
    CLI::App& command =
        *above.add_subcommand(space == row.name.npos ? row.name : row.name.substr(space + 1), row.help);
    by_name_[row.name] = &command;
    // A group that is a command too does its work where none of its own was chosen.
    if (&above != &app_) above.require_subcommand(works_.contains(&above) ? 0 : 1, 1);
    if (!row.make) return;
    Action action = row.make(session);
    for (Option& option : action.options) {
      rows_.push_back(std::move(option));
      add_option(command, rows_.back());
    }
    works_.insert(&command);
    command.callback([this, &command, work = std::move(action.run)] {
      if (command.get_subcommands().empty()) work_ = work;
    });
  }

  CLI::App app_{"Administers a cluster of phones' trust: certificates, trust lists, signed files."};
  std::map<std::string, CLI::App*> by_name_;
  std::set<const CLI::App*> works_;
  std::list<Option> rows_;
  std::function<Outcome()> work_;
};

int report_usage(CommandLine& line, const CLI::ParseError& error) {
  std::string text = error.what();
  // "A subcommand is required" is no help to who gave one that does not exist.
  auto left_over = line.app().remaining(true);
  if (!left_over.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    text = "not understood: '" + left_over.front() + "'";
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  print_error(text + "; see " + line.chosen() + " --help");
  return kWrongCommandLine;
}

}  // namespace

int run_command_line(int argc, char** argv, const std::vector<Command>& table, Session& session,
                     const std::function<int(const std::function<Outcome()>& work)>& run) {
  CommandLine line(table, session);
  try {
    line.app().parse(argc, argv);
    return run(line.work());
  } catch (const CLI::Success& wanted) {  // --help and --version
    line.app().exit(wanted);
    return run({});
  } catch (const CLI::ParseError& error) {
    return report_usage(line, error);
  } catch (const WrongUsage& error) {
    print_error(std::string(error.what()) + "; see " + line.chosen() + " --help");
    return kWrongCommandLine;
  }
}

}  // namespace anchord::ctl
