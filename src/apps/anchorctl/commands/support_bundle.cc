// support-bundle: what somebody who helps wants to see, in one file: the documents of commands that show, and
// what lies in the state directory by name and size. Nothing that it reads holds a key, a password or what is
// in a phone's configuration.
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <filesystem>
#include <memory>

#include "anchord/base/file.h"
#include "commands/commands.h"
#include "commands/set.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxListed = 20'000;  // of more files the first are named, and all are counted

// A command that cannot say anything has its error in its place.
Json document_of(const Action& action) {
  Outcome outcome = action.run();
  if (!outcome) return {{"error", outcome.error().text}};
  return std::move(outcome->json);
}

Json machine() {
  utsname name{};
  if (::uname(&name) != 0) return Json();
  return {{"system", name.sysname}, {"release", name.release}, {"machine", name.machine}};
}

// By name, size, mode and time; what is in them is not looked at.
Json files_in(const fs::path& state) {
  Json listed = Json::array();
  std::size_t count = 0;
  std::error_code problem;
  for (fs::recursive_directory_iterator at(state, fs::directory_options::skip_permission_denied, problem),
       end;
       !problem && at != end; at.increment(problem)) {
    struct stat info{};
    if (++count > kMaxListed || ::lstat(at->path().c_str(), &info) != 0) continue;
    listed.push_back({{"file", at->path().lexically_relative(state).string()},
                      {"size", info.st_size},
                      {"mode", fmt::format("{:04o}", info.st_mode & 07777)},
                      {"changed", time_text(info.st_mtime)}});
  }
  return {{"count", count}, {"files", std::move(listed)}};
}

Outcome bundle(Session& session, const std::string& file) {
  ANCHORD_TRY_ASSIGN(auto store,
                     session.open_store());  // where there is no cluster, that is said and nothing else
  Json out{{"anchorctl", ANCHORD_VERSION}, {"made", time_text(calendar_now())}, {"machine", machine()}};
  out["status"] = document_of(status_command(session));
  out["settings"] = document_of(show_settings_command(session));
  out["hosts"] = document_of(host_list_command(session));
  out["certificates"] = document_of(cert_list_command(session));
  out["expiry"] = document_of(expiry_report_command(session));
  out["phones"] = document_of(phone_list_command(session));
  out["lists"] = document_of(itl_report_command(session));
  out["evidence"] = document_of(evidence_report_command(session));
  out["rollback"] = document_of(rollback_status_command(session));
  out["audit"] = document_of(audit_command(session));
  out["state"] = files_in(session.state_dir());
  const std::string text = json_text(out, 2) + "\n";
  ANCHORD_TRY(write_file(file, as_bytes(text), 0600));
  return Shown{{{"file", file}, {"bytes", text.size()}},
               Text(fmt::format("wrote {}: {} bytes, with names of phones and addresses, and without keys, "
                                "passwords or configurations; look at it before it is given away",
                                quoted(file), text.size()))};
}

}  // namespace

Action support_bundle_command(Session& session) {
  auto file = std::make_shared<std::string>();
  return {{{.name = "FILE", .help = "File to write", .target = file.get(), .required = true},
           json_option(session)},
          [&session, file] { return bundle(session, *file); }};
}

}  // namespace anchord::ctl
