// The messages' fields with their names in JSON, each once: json.h reads and writes by them.
// What a field of the status means is in docs/formats.md, under the same name.
#pragma once

#include <array>
#include <string_view>
#include <tuple>

#include "anchord/protocol/message.h"
#include "anchord/protocol/status.h"

namespace anchord::protocol {

template <class Object, class T>
struct Field {
  const char* name;
  T Object::* member;
};

// Of a struct: its fields.
template <class Object>
struct Fields;

// Of an enumeration: its values' names, in their order.
template <class Enumeration>
struct Names;

// Of a message: the name of its kind.
template <class Message>
struct Kind;

template <>
struct Names<Served> {
  static constexpr std::array<std::string_view, 3> kAll{"nothing", "last good", "as it is"};
};

template <>
struct Names<Question> {
  static constexpr std::array<std::string_view, 2> kAll{"verify", "query"};
};

template <>
struct Fields<Listening> {
  static constexpr std::tuple kAll{Field{"tvs", &Listening::tvs}, Field{"tftp", &Listening::tftp},
                                   Field{"http", &Listening::http}, Field{"https", &Listening::https}};
};

template <>
struct Fields<Snapshot> {
  static constexpr std::tuple kAll{Field{"version", &Snapshot::version},
                                   Field{"published_at", &Snapshot::published_at},
                                   Field{"store_change", &Snapshot::store_change},
                                   Field{"certificates", &Snapshot::certificates},
                                   Field{"files", &Snapshot::files},
                                   Field{"problem", &Snapshot::problem},
                                   Field{"behind_since", &Snapshot::behind_since}};
};

template <>
struct Fields<Memory> {
  static constexpr std::tuple kAll{
      Field{"limit", &Memory::limit},           Field{"limited_by", &Memory::limited_by},
      Field{"for_files", &Memory::for_files},   Field{"files", &Memory::files},
      Field{"superseded", &Memory::superseded}, Field{"superseded_limit", &Memory::superseded_limit},
      Field{"failures", &Memory::failures}};
};

template <>
struct Fields<FileProblem> {
  static constexpr std::tuple kAll{Field{"file", &FileProblem::file}, Field{"reason", &FileProblem::reason},
                                   Field{"since", &FileProblem::since},
                                   Field{"served", &FileProblem::served}};
};

template <>
struct Fields<FileWarning> {
  static constexpr std::tuple kAll{Field{"file", &FileWarning::file}, Field{"reason", &FileWarning::reason},
                                   Field{"since", &FileWarning::since}};
};

template <>
struct Fields<Making> {
  static constexpr std::tuple kAll{Field{"done", &Making::done}, Field{"of", &Making::of}};
};

template <>
struct Fields<Held> {
  static constexpr std::tuple kAll{Field{"files", &Held::files}, Field{"certificates", &Held::certificates},
                                   Field{"until", &Held::until}};
};

template <>
struct Fields<Provisioning> {
  static constexpr std::tuple kAll{Field{"files", &Provisioning::files},
                                   Field{"bytes", &Provisioning::bytes},
                                   Field{"signatures_made", &Provisioning::signatures_made},
                                   Field{"signatures_kept", &Provisioning::signatures_kept},
                                   Field{"watching", &Provisioning::watching},
                                   Field{"cache_problem", &Provisioning::cache_problem},
                                   Field{"making", &Provisioning::making},
                                   Field{"problem_count", &Provisioning::problem_count},
                                   Field{"problems", &Provisioning::problems},
                                   Field{"warning_count", &Provisioning::warning_count},
                                   Field{"warnings", &Provisioning::warnings},
                                   Field{"held", &Provisioning::held}};
};

template <>
struct Fields<Ledger> {
  static constexpr std::tuple kAll{
      Field{"devices", &Ledger::devices}, Field{"pending", &Ledger::pending},
      Field{"noted", &Ledger::noted},     Field{"written", &Ledger::written},
      Field{"dropped", &Ledger::dropped}, Field{"last_written", &Ledger::last_written},
      Field{"problem", &Ledger::problem}};
};

template <>
struct Fields<OwnLists> {
  static constexpr std::tuple kAll{Field{"served", &OwnLists::served},
                                   Field{"withdrawn", &OwnLists::withdrawn},
                                   Field{"withdrawn_count", &OwnLists::withdrawn_count}};
};

template <>
struct Fields<Backup> {
  static constexpr std::tuple kAll{Field{"last", &Backup::last},
                                   Field{"holds_tftp_key", &Backup::holds_tftp_key},
                                   Field{"problem", &Backup::problem}};
};

template <>
struct Fields<ExpiringCertificate> {
  static constexpr std::tuple kAll{Field{"certificate", &ExpiringCertificate::certificate},
                                   Field{"sha256", &ExpiringCertificate::sha256},
                                   Field{"own", &ExpiringCertificate::own},
                                   Field{"not_before", &ExpiringCertificate::not_before},
                                   Field{"not_after", &ExpiringCertificate::not_after},
                                   Field{"days_left", &ExpiringCertificate::days_left}};
};

template <>
struct Fields<FetchedFile> {
  static constexpr std::tuple kAll{Field{"file", &FetchedFile::file},
                                   Field{"version", &FetchedFile::version},
                                   Field{"completed", &FetchedFile::completed},
                                   Field{"failed", &FetchedFile::failed},
                                   Field{"last", &FetchedFile::last},
                                   Field{"protocol", &FetchedFile::protocol},
                                   Field{"from", &FetchedFile::from}};
};

template <>
struct Fields<Device> {
  static constexpr std::tuple kAll{
      Field{"device", &Device::device},           Field{"questions", &Device::questions},
      Field{"last_asked", &Device::last_asked},   Field{"last_question", &Device::last_question},
      Field{"last_answer", &Device::last_answer}, Field{"files", &Device::files}};
};

template <>
struct Fields<Devices> {
  static constexpr std::tuple kAll{Field{"known", &Devices::known}, Field{"recent", &Devices::recent},
                                   Field{"guessing", &Devices::guessing}};
};

template <>
struct Fields<Engine> {
  static constexpr std::tuple kAll{Field{"member", &Engine::member}, Field{"members", &Engine::members},
                                   Field{"change", &Engine::change}, Field{"newest", &Engine::newest},
                                   Field{"heard", &Engine::heard},   Field{"problem", &Engine::problem}};
};

template <>
struct Fields<Status> {
  static constexpr std::tuple kAll{Field{"version", &Status::version},
                                   Field{"pid", &Status::pid},
                                   Field{"host", &Status::host},
                                   Field{"started_at", &Status::started_at},
                                   Field{"shards", &Status::shards},
                                   Field{"draining", &Status::draining},
                                   Field{"listening", &Status::listening},
                                   Field{"mode", &Status::mode},
                                   Field{"rollback", &Status::rollback},
                                   Field{"tls_min", &Status::tls_min},
                                   Field{"refuse_expired", &Status::refuse_expired},
                                   Field{"snapshot", &Status::snapshot},
                                   Field{"memory", &Status::memory},
                                   Field{"provisioning", &Status::provisioning},
                                   Field{"ledger", &Status::ledger},
                                   Field{"own_lists", &Status::own_lists},
                                   Field{"backup", &Status::backup},
                                   Field{"engine", &Status::engine},
                                   Field{"expiry", &Status::expiry},
                                   Field{"counters", &Status::counters},
                                   Field{"devices", &Status::devices}};
};

template <>
struct Fields<Changed> {
  static constexpr std::tuple<> kAll{};
};

template <>
struct Fields<Confirmed> {
  static constexpr std::tuple kAll{Field{"files", &Confirmed::files},
                                   Field{"certificates", &Confirmed::certificates}};
};

template <>
struct Fields<TraceEvent> {
  static constexpr std::tuple kAll{
      Field{"number", &TraceEvent::number},   Field{"at", &TraceEvent::at},
      Field{"address", &TraceEvent::address}, Field{"protocol", &TraceEvent::protocol},
      Field{"what", &TraceEvent::what},       Field{"outcome", &TraceEvent::outcome}};
};

template <>
struct Fields<Trace> {
  static constexpr std::tuple kAll{Field{"device", &Trace::device}, Field{"last", &Trace::last},
                                   Field{"events", &Trace::events}};
};

template <>
struct Fields<Starting> {
  static constexpr std::tuple kAll{Field{"what", &Starting::what}};
};

template <>
struct Fields<Refused> {
  static constexpr std::tuple kAll{Field{"reason", &Refused::reason}};
};

template <>
struct Fields<ChangedRequest> {
  static constexpr std::tuple<> kAll{};
};

template <>
struct Fields<StatusRequest> {
  static constexpr std::tuple<> kAll{};
};

template <>
struct Fields<ConfirmRequest> {
  static constexpr std::tuple<> kAll{};
};

template <>
struct Fields<TraceRequest> {
  static constexpr std::tuple kAll{Field{"device", &TraceRequest::device},
                                   Field{"seconds", &TraceRequest::seconds},
                                   Field{"since", &TraceRequest::since}};
};

template <>
struct Kind<ChangedRequest> {
  static constexpr std::string_view kName = "changed";
};
template <>
struct Kind<StatusRequest> {
  static constexpr std::string_view kName = "status";
};
template <>
struct Kind<ConfirmRequest> {
  static constexpr std::string_view kName = "confirm";
};
template <>
struct Kind<TraceRequest> {
  static constexpr std::string_view kName = "trace";
};

// An answer that was asked for has the name of the request.
template <>
struct Kind<Changed> : Kind<ChangedRequest> {};
template <>
struct Kind<Status> : Kind<StatusRequest> {};
template <>
struct Kind<Confirmed> : Kind<ConfirmRequest> {};
template <>
struct Kind<Trace> : Kind<TraceRequest> {};
template <>
struct Kind<Starting> {
  static constexpr std::string_view kName = "starting";
};
template <>
struct Kind<Refused> {
  static constexpr std::string_view kName = "refused";
};

}  // namespace anchord::protocol
