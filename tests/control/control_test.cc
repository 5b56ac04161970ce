// The builder against a real store, the control socket, and what devices asked.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <variant>

#include "../stores.h"
#include "anchord/base/hex.h"
#include "anchord/store/phones.h"
#include "anchord/trust/trust_list.h"
#include "ledger/device_log.h"
#include "protocol/control_socket.h"
#include "snapshot/builder.h"
#include "state.h"

namespace anchord::control {
namespace {

// What follows from the store alone, as if no file lay in the provisioning folder.
Result<std::unique_ptr<const service::View>> build(Builder& builder) {
  if (Status staged = builder.stage(); !staged) return std::unexpected(staged.error());
  builder.apply({.generation = builder.context()->generation, .changes = {}});
  return builder.view();
}

TEST_F(State, TheFirstViewHoldsOwnCertificatesAndTheItl) {
  Builder builder(make_store(), options_, 3);
  ASSERT_TRUE(builder.choose_host());
  EXPECT_EQ(builder.host(), "two");  // its address is this machine's
  auto view = build(builder);
  ASSERT_TRUE(view) << view.error().text;
  EXPECT_EQ((*view)->version, 1u);
  EXPECT_EQ((*view)->certificates.size(), 6u);
  EXPECT_EQ((*view)->tls.size(), 3u);
  EXPECT_EQ((*view)->https_tls.size(), 3u);
  const index::FileEntry* itl = (*view)->files.find("/itlfile.TLV");
  ASSERT_NE(itl, nullptr);
  auto list = trust::verify_trust_list(itl->body.content.bytes());
  ASSERT_TRUE(list) << list.error().text;
  EXPECT_EQ(list->list.records.size(), 7u);
}

TEST_F(State, ChangesGoIntoTheNextViewAndNotIntoOldOnes) {
  Builder builder(make_store(), options_, 1);
  ASSERT_TRUE(builder.choose_host());
  auto first = build(builder).value();
  EXPECT_FALSE(builder.store_changed().value());
  auto odd = known("app-odd", {wire::Role::app_server});
  ASSERT_TRUE(add_one(builder.store(), odd));
  EXPECT_TRUE(builder.store_changed().value());
  auto second = build(builder).value();
  EXPECT_EQ(first->certificates.find(odd.certificate.der()), nullptr);
  ASSERT_NE(second->certificates.find(odd.certificate.der()), nullptr);
  EXPECT_EQ(second->certificates.find(odd.certificate.der())->ttl(), 60u);
  // New roles of one that is there.
  odd.roles = {wire::Role::app_server, wire::Role::tvs};
  odd.ttl = 5;
  ASSERT_TRUE(add_one(builder.store(), odd));
  auto third = build(builder).value();
  EXPECT_EQ(third->certificates.find(odd.certificate.der())->roles().size(), 2u);
  EXPECT_EQ(third->certificates.find(odd.certificate.der())->ttl(), 5u);
  EXPECT_EQ(second->certificates.find(odd.certificate.der())->ttl(), 60u);
  ASSERT_TRUE(remove_known(builder.store(), to_hex(odd.certificate.sha256()), store::agreed()));
  auto fourth = build(builder).value();
  EXPECT_EQ(fourth->certificates.find(odd.certificate.der()), nullptr);
  EXPECT_EQ(fourth->certificates.size(), 6u);
  // What phones hold has not changed by any of this.
  EXPECT_TRUE(same_bytes(first->files.find("ITLFile.tlv")->body.content.bytes(),
                         fourth->files.find("ITLFile.tlv")->body.content.bytes()));
}

TEST_F(State, AFailedBuildChangesNothingAndIsNotRepeatedForNothing) {
  Builder builder(make_store(), options_, 1);
  ASSERT_TRUE(builder.choose_host());
  ASSERT_TRUE(build(builder));
  std::filesystem::path key;
  for (const auto& entry : std::filesystem::directory_iterator(options_.state / "keys"))
    if (entry.path().filename().string().starts_with("tftp")) key = entry.path();
  ASSERT_EQ(chmod(key.c_str(), 0644), 0);
  auto odd = known("app-odd", {wire::Role::app_server});
  ASSERT_TRUE(add_one(builder.store(), odd));
  auto refused = build(builder);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find(key.filename().string()), std::string::npos) << refused.error().text;
  EXPECT_FALSE(builder.store_changed().value());
  ASSERT_EQ(chmod(key.c_str(), 0600), 0);
  auto repaired = build(builder);
  ASSERT_TRUE(repaired);
  EXPECT_EQ((*repaired)->version, 2u);
  EXPECT_NE((*repaired)->certificates.find(odd.certificate.der()), nullptr);
}

TEST_F(State, AViewWaitsForFilesOfItsOwnContext) {
  Builder builder(make_store(), options_, 1);
  ASSERT_TRUE(builder.choose_host());
  ASSERT_TRUE(builder.stage());
  EXPECT_FALSE(builder.ready());
  auto file = [](std::string_view text) {
    return index::FileChange{"a", index::FileBody{.content = index::Blob(to_buffer(as_bytes(text)))}};
  };
  builder.apply({.generation = builder.context()->generation, .changes = {file("one")}});
  ASSERT_TRUE(builder.ready());
  auto first = builder.view();
  EXPECT_EQ(as_text(first->files.find("a")->body.content.bytes()), "one");

  // A phone's certificate makes another context; what was made from the old one waits.
  std::uint64_t before = builder.context()->generation;
  trust::Phone phone{.name = "SEP001122334455", .certificate = test_certificate("phone")};
  ASSERT_TRUE(put_phones(builder.store(), {&phone, 1}));
  ASSERT_TRUE(builder.stage());
  EXPECT_EQ(builder.context()->generation, before + 1);
  EXPECT_EQ(builder.context()->devices.size(), 1u);
  builder.apply({.generation = before, .changes = {file("two")}});
  EXPECT_FALSE(builder.ready());
  builder.apply({.generation = before + 1, .changes = {}});
  ASSERT_TRUE(builder.ready());
  auto second = builder.view();
  EXPECT_EQ(as_text(second->files.find("a")->body.content.bytes()), "two");
  EXPECT_EQ(as_text(first->files.find("a")->body.content.bytes()), "one");

  // A change that files do not depend on needs none of them made anew.
  ASSERT_TRUE(add_one(builder.store(), known("app-odd", {wire::Role::app_server})));
  ASSERT_TRUE(builder.stage());
  EXPECT_TRUE(builder.ready());
}

TEST_F(State, AnUnknownHostIsNamedWithTheKnownOnes) {
  options_.host = "three";
  Builder builder(make_store(), options_, 1);
  Status chosen = builder.choose_host();
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().text, "host 'three' is not one of the cluster's: --host takes one, two");
}

class Socket : public State {
 protected:
  std::filesystem::path path() { return folder_ + "/control.sock"; }

  FileDescriptor client() {
    sockaddr_un name{.sun_family = AF_UNIX};
    path().string().copy(name.sun_path, sizeof(name.sun_path) - 1);
    FileDescriptor out(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    EXPECT_EQ(::connect(out.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
    return out;
  }
  static void send(const FileDescriptor& to, const std::string& text) {
    EXPECT_EQ(::send(to.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  static std::string received(const FileDescriptor& from) {
    char room[1024];
    ssize_t n = ::recv(from.get(), room, sizeof(room), 0);
    return n < 0 ? "nothing yet" : std::string(room, static_cast<std::size_t>(n));
  }
};

const std::string kAsking = protocol::encode_request(protocol::StatusRequest());

TEST_F(Socket, OneRequestAsksAndOneAnswerComes) {
  auto socket = ControlSocket::open(path());
  ASSERT_TRUE(socket) << socket.error().text;
  struct stat info{};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  auto answer = [](const protocol::Request& request) {
    return std::holds_alternative<protocol::StatusRequest>(request) ? "heard" : "misheard";
  };
  FileDescriptor asking = client();
  FileDescriptor silent = client();
  send(asking, kAsking.substr(0, 3));
  socket->serve(0, answer);
  EXPECT_EQ(received(asking), "nothing yet");
  send(asking, kAsking.substr(3) + "more");
  socket->serve(1, answer);
  EXPECT_EQ(received(asking), "heard");
  EXPECT_EQ(received(silent), "nothing yet");
  socket->serve(protocol::kTimeout, answer);
  EXPECT_EQ(received(silent), "");  // closed
}

// What is no request is refused by one line, and keeps nobody else's place.
TEST_F(Socket, WhatIsNoRequestIsRefused) {
  auto socket = ControlSocket::open(path()).value();
  auto nobody_asks = [](const protocol::Request&) {
    ADD_FAILURE() << "was taken for a request";
    return std::string("x");
  };
  auto refused = [](const std::string& answer) {
    auto decoded = protocol::decode_answer(answer);
    const auto* refusal = decoded ? std::get_if<protocol::Refused>(&*decoded) : nullptr;
    return refusal != nullptr ? refusal->reason : "not refused: " + answer;
  };
  auto said = [](const std::string& why) {
    return "this is no request of the control protocol (" + why +
           "): use the anchorctl that was installed with the service";
  };
  testing::internal::CaptureStderr();
  FileDescriptor other = client(), cut_off = client(), large = client(), slow = client();
  FileDescriptor newer = client(), gone = client(), looking = client();
  send(other, "status\n");
  send(cut_off, kAsking.substr(0, 20));
  ::shutdown(cut_off.get(), SHUT_WR);
  send(large, std::string(protocol::kMaxRequest + 10, 'a'));
  send(slow, kAsking.substr(0, 20));
  send(newer, "{\"protocol\":2,\"anchord\":\"9.0\"}\n");
  send(gone, "{");
  gone.reset();
  ::shutdown(looking.get(), SHUT_WR);
  for (Millis now = 0; now < 3; ++now) socket.serve(now, nobody_asks);
  EXPECT_EQ(refused(received(other)), said("it is no JSON object"));
  EXPECT_EQ(refused(received(cut_off)), said("it is cut off after 20 bytes"));
  EXPECT_EQ(refused(received(large)), said("it is larger than 256 bytes"));
  EXPECT_EQ(refused(received(newer)),
            "the program that asks is Anchord 9.0 with version 2 of the control protocol, and this "
            "is " ANCHORD_VERSION " with version 1: use the anchorctl that was installed with this service");
  EXPECT_EQ(received(looking), "");
  EXPECT_EQ(received(slow), "nothing yet");
  socket.serve(protocol::kTimeout, nobody_asks);
  EXPECT_EQ(refused(received(slow)), said("its end has not come within 2 seconds"));
  EXPECT_EQ(received(slow), "");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(log, '\n'), 6) << log;  // who only looked is not one of them
  EXPECT_NE(log.find("a request on the control socket is refused: " + said("it is larger than 256 bytes")),
            log.npos);
}

TEST_F(Socket, TooManyClientsWait) {
  auto socket = ControlSocket::open(path()).value();
  auto answer = [](const protocol::Request&) { return std::string("x"); };
  std::vector<FileDescriptor> clients;
  for (std::size_t i = 0; i < ControlSocket::kMaxClients; ++i) clients.push_back(client());
  socket.serve(0, answer);
  FileDescriptor late = client();
  send(late, kAsking);
  socket.serve(1, answer);
  EXPECT_EQ(received(late), "nothing yet");
  send(clients[0], kAsking);
  socket.serve(2, answer);
  socket.serve(3, answer);
  EXPECT_EQ(received(late), "x");
}

// That there is no second service is for store::ServiceLock to see to.
TEST_F(Socket, OneThatIsGoneIsMadeAnewAndALeftoverReplaced) {
  {
    auto socket = ControlSocket::open(path()).value();
    auto is_made_anew = [&] {
      socket.look_after();
      FileDescriptor asking = client();
      send(asking, kAsking);
      socket.serve(0, [](const protocol::Request&) { return std::string("x"); });
      return received(asking) == "x";
    };
    EXPECT_TRUE(is_made_anew());
    std::filesystem::remove(path());
    EXPECT_TRUE(is_made_anew());
    // What is no socket is somebody's.
    std::filesystem::remove(path());
    std::filesystem::create_directory(path());
    socket.look_after();
    EXPECT_TRUE(std::filesystem::is_directory(path()));
    std::filesystem::remove(path());
    EXPECT_TRUE(is_made_anew());
  }
  EXPECT_FALSE(std::filesystem::exists(path()));
  // A killed one leaves its socket behind.
  FileDescriptor dead(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un name{.sun_family = AF_UNIX};
  path().string().copy(name.sun_path, sizeof(name.sun_path) - 1);
  ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  dead.reset();
  EXPECT_TRUE(ControlSocket::open(path()));
}

TEST(DeviceLog, KeepsTheNewestAndForgetsTheOldest) {
  DeviceLog log;
  service::Question question;
  for (std::size_t i = 0; i < DeviceLog::kMaxDevices + 10; ++i) {
    question.device.set("SEP" + std::to_string(i));
    log.note(question, 100);
  }
  EXPECT_EQ(log.size(), DeviceLog::kMaxDevices);
  question.device.set("SEP10");
  question.answered_yes = true;
  log.note(question, 200);
  EXPECT_EQ(log.size(), DeviceLog::kMaxDevices);
  EXPECT_EQ(log.newest_first().front().name, "SEP10");
  EXPECT_EQ(log.newest_first().front().questions, 2u);
  EXPECT_TRUE(log.newest_first().front().last_yes);
  EXPECT_EQ(log.newest_first().back().name, "SEP11");
}

TEST(Ports, AreNumbersOrAuto) {
  EXPECT_TRUE(parse_port("0")->off());
  EXPECT_EQ(parse_port("2445")->number, 2445);
  EXPECT_TRUE(parse_port("auto")->automatic);
  for (const char* bad : {"", "65536", "-1", "1x", "x"}) EXPECT_FALSE(parse_port(bad)) << bad;
}

}  // namespace
}  // namespace anchord::control
