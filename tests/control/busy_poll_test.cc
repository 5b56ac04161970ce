// --busy-poll on a kernel that cannot: what a start and --explain say.
#include <cerrno>

#include "../io/refused_napi.h"
#include "anchord/control/explain.h"
#include "anchord/control/server.h"
#include "anchord/io/uring.h"
#include "state.h"

namespace anchord::control {
namespace {

TEST_F(State, AKernelThatCannotPollIsAStartErrorAndAProblem) {
  make_store();
  options_.host = "two";
  options_.listen = {io::parse_host("127.0.0.1").value()};
  options_.tvs_port = options_.tftp_port = options_.http_port = options_.https_port = {.automatic = true};
  options_.shards = 2;
  const std::string text = io::explain_busy_poll_error(EINVAL);
  const bool ran = io::with_refused_napi(EINVAL, [&] {
    EXPECT_TRUE(Server::start(options_));
    EXPECT_NE(explain(options_, {}, false).text.find("keeps it from starting\n  none\n"), std::string::npos);
    options_.busy_poll = 50;
    auto server = Server::start(options_);
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().text, text);
    EXPECT_NE(explain(options_, {}, false).text.find("keeps it from starting\n  " + text + "\n"),
              std::string::npos);
  });
  if (!ran) GTEST_SKIP() << "no seccomp filter can be set";
}

}  // namespace
}  // namespace anchord::control
