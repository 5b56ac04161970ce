// What passes between the provisioner's thread and the service.
#include "provisioning/provisioner_mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "state.h"

namespace anchord::control {
namespace {

bool is_readable(int descriptor) {
  pollfd waiting{descriptor, POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

class Mailbox : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    store_.emplace(make_store());
  }
  std::shared_ptr<const ProvisioningContext> context(std::uint64_t generation) {
    return std::make_shared<ProvisioningContext>(context_of(*store_, generation));
  }

  std::optional<store::Store> store_;
};

TEST_F(Mailbox, WhatIsAskedForWakesTheThread) {
  const auto mailbox = ProvisionerMailbox::create().value();
  EXPECT_FALSE(is_readable(mailbox->asked_descriptor()));
  mailbox->rescan();
  EXPECT_TRUE(is_readable(mailbox->asked_descriptor()));
  mailbox->clear_wake();
  EXPECT_FALSE(is_readable(mailbox->asked_descriptor()));
  mailbox->confirm_removals();
  ProvisionerMailbox::Asked asked = mailbox->take_asked();
  EXPECT_TRUE(asked.to_rescan);
  EXPECT_TRUE(asked.to_confirm);
  EXPECT_FALSE(asked.has_context);
  asked = mailbox->take_asked();
  EXPECT_TRUE(asked.to_rescan);  // until it begins
  EXPECT_FALSE(asked.to_confirm);
  mailbox->begin_rescan();
  EXPECT_FALSE(mailbox->take_asked().to_rescan);
  mailbox->stop();
  EXPECT_TRUE(mailbox->is_to_stop());
}

TEST_F(Mailbox, OfContextsTheNewestIsTaken) {
  const auto mailbox = ProvisionerMailbox::create().value();
  mailbox->set_context(context(1));
  mailbox->set_context(context(2));
  auto taken = mailbox->take_context();
  EXPECT_EQ(taken->generation, 2u);
  EXPECT_EQ(mailbox->take_context(), nullptr);
  mailbox->put_back_context(taken);
  EXPECT_TRUE(mailbox->take_asked().has_context);
  mailbox->set_context(context(3));
  mailbox->put_back_context(taken);  // a newer one has come meanwhile
  EXPECT_EQ(mailbox->take_context()->generation, 3u);
}

TEST_F(Mailbox, UpdatesComeInTheirOrderAndEachIsTold) {
  const auto mailbox = ProvisionerMailbox::create().value();
  EXPECT_FALSE(mailbox->take_update());
  std::vector<index::FileChange> changes{{"a", std::nullopt}};
  mailbox->send(1, changes);
  EXPECT_TRUE(changes.empty());
  mailbox->send(2, changes);
  EXPECT_TRUE(is_readable(mailbox->update_descriptor()));
  auto update = mailbox->take_update();
  EXPECT_EQ(update->generation, 1u);
  EXPECT_EQ(update->changes.size(), 1u);
  EXPECT_TRUE(is_readable(mailbox->update_descriptor()));
  EXPECT_EQ(mailbox->take_update()->generation, 2u);
  EXPECT_FALSE(is_readable(mailbox->update_descriptor()));
}

}  // namespace
}  // namespace anchord::control
