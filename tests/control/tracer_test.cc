// Traces of single devices, and which trouble goes into the log.
#include "ledger/tracer.h"

#include <gtest/gtest.h>

#include <variant>
#include <vector>

namespace anchord::control {
namespace {

using service::Download;
using service::DownloadEnd;
using service::Question;
using service::Trouble;

constexpr const char* kTraced = "SEP001122334455";

io::Host host(const std::string& text) {
  return io::parse_host(text).value();
}

Download download(std::string_view device, DownloadEnd end, Millis at) {
  Download out{.version = 7, .from = host("192.0.2.1"), .end = end, .began = at, .ended = at};
  out.device.set(device);
  out.file.set("ITLFile.tlv");
  return out;
}

Question question(std::string_view device, bool found, bool delivered, Millis at) {
  Question out{.kind = service::QuestionKind::query,
               .answered_yes = found,
               .delivered = delivered,
               .from = host("192.0.2.1"),
               .at = at};
  out.device.set(device);
  out.serial.set("4ed3");
  out.issuer.set("CN=cucm1");
  return out;
}

std::vector<protocol::TraceEvent> events(Tracer& tracer, const protocol::TraceRequest& request,
                                         Millis now = monotonic_now()) {
  return std::get<protocol::Trace>(tracer.answer(request, now)).events;
}

TEST(Tracer, TellsWhatWasHeardOfADevice) {
  Tracer tracer;
  tracer.note(download("sep001122334455", DownloadEnd::given, 1'000), "sep001122334455");
  tracer.note(download(kTraced, DownloadEnd::maybe_given, 2'000), kTraced);
  tracer.note(question("CP-8861-SEP001122334455", false, false, 3'000), true);
  tracer.note(question("CP-8861-SEP00112233445A", true, true, 3'500), true);
  tracer.note(Trouble{.alert = 48, .from = host("192.0.2.1"), .at = 2'500}, std::nullopt);
  tracer.note(Trouble{.alert = 48, .from = host("192.0.2.9"), .at = 2'600}, std::nullopt);
  auto seen = events(tracer, {.device = kTraced, .seconds = 0, .since = 0}, 10'000);
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].outcome, "given: all of it was acknowledged");
  EXPECT_EQ(seen[0].what, "ITLFile.tlv");
  EXPECT_EQ(seen[0].protocol, "tftp");
  EXPECT_EQ(seen[0].address, "192.0.2.1");
  EXPECT_EQ(seen[1].outcome, "sent, and not known to have arrived whole");
  // Of its address, in its place.
  EXPECT_EQ(seen[2].outcome, "it does not trust this host's TVS certificate");
  EXPECT_EQ(seen[3].what, "who is the signer 4ed3 of CN=cucm1?");
  EXPECT_EQ(seen[3].outcome, "not found; the answer is not known to have arrived");
  EXPECT_EQ(seen[3].at - seen[0].at, 2'000);
  // What is new since.
  EXPECT_EQ(events(tracer, {.device = kTraced, .seconds = 0, .since = 3}, 10'000).size(), 1u);
  EXPECT_EQ(events(tracer, {.device = kTraced, .seconds = 0, .since = 6}, 10'000).size(), 0u);
  EXPECT_EQ(events(tracer, {.device = "SEPFFFFFFFFFFFF", .seconds = 0, .since = 0}, 10'000).size(), 0u);
}

TEST(Tracer, RequestsAreWantedWhileSomebodyTraces) {
  Tracer tracer;
  EXPECT_FALSE(tracer.wants_requests(1'000));
  events(tracer, {.device = kTraced, .seconds = 5, .since = 0}, 1'000);
  EXPECT_TRUE(tracer.wants_requests(5'999));
  EXPECT_FALSE(tracer.wants_requests(6'000));
  events(tracer, {.device = kTraced, .seconds = 4'000'000'000, .since = 0}, 1'000);
  EXPECT_FALSE(tracer.wants_requests(1'000 + 1'000 * Millis{protocol::kMaxTraceSeconds}));
}

TEST(Tracer, RefusesWhatIsNoPhone) {
  Tracer tracer;
  for (const char* bad : {"", "SEP0011", "SEP00112233445X", "SEP001122334455 "}) {
    const protocol::Answer answer = tracer.answer({.device = bad, .seconds = 5, .since = 0}, 1'000);
    EXPECT_TRUE(std::holds_alternative<protocol::Refused>(answer)) << bad;
  }
  EXPECT_FALSE(tracer.wants_requests(1'000));
}

TEST(Tracer, AnAlertIsSaidInWords) {
  auto said = [](std::uint8_t alert, service::TlsService service, UnixSeconds since) {
    return alert_text({.service = service, .alert = alert}, since);
  };
  using service::TlsService;
  for (std::uint8_t alert : {42, 46, 48}) {
    EXPECT_EQ(said(alert, TlsService::tvs, 1'795'000'000),
              "it does not trust this host's TVS certificate: its list is older than 2026-11-18");
    EXPECT_EQ(said(alert, TlsService::https, 0), "it does not trust this host's HTTPS certificate");
  }
  EXPECT_NE(said(70, TlsService::tvs, 0).find("--tls-min"), std::string::npos);
  EXPECT_NE(said(113, TlsService::tvs, 0).find("113"), std::string::npos);
}

TEST(DeviceTrace, IsBounded) {
  DeviceTrace trace;
  for (std::size_t i = 0; i < DeviceTrace::kMaxEvents + 5; ++i)
    trace.note_device(kTraced,
                      {.at = i, .from = host("192.0.2.1"), .protocol = "tftp", .what = "", .outcome = ""});
  auto kept = trace.events(kTraced, 0);
  ASSERT_EQ(kept.size(), DeviceTrace::kMaxEvents);
  EXPECT_EQ(kept.front().at, 5u);
  for (std::size_t i = 0; i < DeviceTrace::kMaxDevices; ++i)
    trace.note_device("SEP" + std::to_string(i),
                      {.at = i, .from = host("192.0.2.1"), .protocol = "tftp", .what = "", .outcome = ""});
  EXPECT_TRUE(trace.events(kTraced, 0).empty());
  EXPECT_EQ(trace.events("SEP0", 0).size(), 1u);
}

}  // namespace
}  // namespace anchord::control
