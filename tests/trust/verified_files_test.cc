// What phones that hold the same lists share of what one of them has verified.
#include "anchord/phone/file_kind.h"
#include "anchord/trust/trust_list.h"
#include "phone_world.h"

namespace anchord::trust {
namespace {

class Verified : public PhoneTest {
 protected:
  // Holds what phone_ holds, and shares what was verified.
  VirtualPhone another() { return VirtualPhone({.verified = &verified_}, phone_.memory()); }

  VerifiedFiles verified_;
  Cluster next_ = regenerated(first_, Service::recovery);  // signed by whom the phones know
};

TEST_F(Verified, GoesToThoseWhoHoldTheSame) {
  world_.served = served(next_);
  VirtualPhone one = another();
  EXPECT_EQ(world_.boot(one).end, BootEnd::fine);
  const Buffer& list = world_.served.files[phone::kItlFileName];
  EXPECT_TRUE(verified_.has(phone_.memory(), list));
  VirtualPhone other = another();
  EXPECT_EQ(world_.boot(other).end, BootEnd::fine);
  EXPECT_EQ(other.memory().itl, list);
  EXPECT_EQ(other.memory().configuration, one.memory().configuration);
}

TEST_F(Verified, IsThatFileAndThoseListsAndNothingElse) {
  world_.served = served(next_);
  Buffer& list = world_.served.files[phone::kItlFileName];
  list.back() ^= 1;
  PhoneMemory elsewhere = phone_.memory();
  elsewhere.itl.back() ^= 1;
  verified_.add(elsewhere, list);
  VirtualPhone one = another();
  EXPECT_EQ(world_.boot(one).end, BootEnd::degraded);
  EXPECT_EQ(one.memory().itl, phone_.memory().itl);

  verified_.add(phone_.memory(), list);
  VirtualPhone other = another();  // believes what it was told
  world_.boot(other);
  EXPECT_EQ(other.memory().itl, list);

  list[list.size() / 2] ^= 1;
  VirtualPhone third = another();
  EXPECT_EQ(world_.boot(third).end, BootEnd::degraded);
  EXPECT_EQ(third.memory().itl, phone_.memory().itl);
}

TEST_F(Verified, DoesNotHoldWhatAServiceVouchedFor) {
  for (int i = 0; i < 2; ++i) {
    VirtualPhone phone = another();
    EXPECT_EQ(world_.boot(phone).end, BootEnd::fine);
    EXPECT_EQ(phone.questions(), 1U);
  }
  EXPECT_FALSE(verified_.has(phone_.memory(), world_.served.files[phone::kItlFileName]));
}

TEST(VerifiedFiles, TheOldestGoes) {
  VerifiedFiles verified;
  for (std::uint8_t i = 0; i <= VerifiedFiles::kMax; ++i) verified.add({}, Buffer{i});
  EXPECT_FALSE(verified.has({}, Buffer{0}));
  EXPECT_TRUE(verified.has({}, Buffer{1}));
  EXPECT_TRUE(verified.has({}, Buffer{VerifiedFiles::kMax}));
}

}  // namespace
}  // namespace anchord::trust
