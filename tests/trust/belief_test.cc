#include "anchord/trust/belief.h"

#include <gtest/gtest.h>

#include "anchord/trust/trust_list.h"
#include "clusters.h"

namespace anchord::trust {
namespace {

using What = Observation::What;

constexpr ListVersion kOld = 11;
constexpr ListVersion kNew = 22;
constexpr ListVersion kCtl = 33;
constexpr std::uint64_t kSession = 7;
constexpr UnixSeconds kNow = kStart + 60;

// A cluster before and after its list signer was replaced: the old list does not know the new
// signer, so a phone that holds it must ask.
class BeliefTest : public testing::Test {
 protected:
  BeliefTest() {
    shelf_.add(kOld, build_trust_list(itl_fields(before_), kStart).value());
    shelf_.add(kNew, build_trust_list(itl_fields(after_), kStart + 1).value());
  }

  static Observation asked(Millis at, ListKind kind = ListKind::itl) {
    return {.what = What::list_asked, .kind = kind, .at = at, .from = kAddress};
  }
  static Observation given(ListVersion version, Millis at, const std::string& from = kAddress) {
    return {.what = What::list_given, .version = version, .at = at, .from = from};
  }
  static Observation maybe_given(ListVersion version, Millis at) {
    return {.what = What::list_maybe_given, .version = version, .at = at, .from = kAddress};
  }
  Observation vouched(Millis at, const std::string& from = kAddress) const {
    return {.what = What::vouched, .signer = after_.tftp.certificate.sha256(), .at = at, .from = from};
  }
  static Observation acted(Millis at, const std::string& from = kAddress) {
    return {.what = What::configuration_asked, .at = at, .from = from};
  }

  void see(std::vector<Observation> seen) {
    observe(belief_, seen, session_, shelf_, unrecorded_, kNow, evidence_);
  }
  std::vector<ListVersion> itls() const { return may_hold(belief_, ListKind::itl, unrecorded_); }
  std::vector<ListVersion> ctls() const { return may_hold(belief_, ListKind::ctl, unrecorded_); }
  // Of the new signer.
  void add_ctl() {
    shelf_.add(kCtl, build_trust_list(ctl_fields(with_mode(after_, Mode::mixed)), kStart + 2).value());
  }
  static Observation ctl_given(Millis at) {
    return {.what = What::list_given, .kind = ListKind::ctl, .version = kCtl, .at = at, .from = kAddress};
  }
  // It holds the old list, as a whole boot has shown.
  void hold_old() {
    see({asked(1), given(kOld, 2), acted(3)});
    ASSERT_EQ(itls(), std::vector{kOld});
  }

  static constexpr const char* kAddress = "192.0.2.7";
  Cluster before_ = new_cluster("a", 1);
  Cluster after_ = regenerated(before_, Service::tftp);
  ListShelf shelf_;
  Belief belief_;
  Unrecorded unrecorded_;
  std::uint64_t session_ = kSession;
  Evidence evidence_ = Evidence::ordinary;
};

TEST_F(BeliefTest, ANewPhoneHoldsNothing) {
  EXPECT_EQ(itls(), std::vector{kNoList});
  EXPECT_FALSE(belief_.proven);
}

TEST_F(BeliefTest, TheFirstListIsAcceptedOnceThePhoneGoesOn) {
  see({asked(1), given(kOld, 2)});
  EXPECT_EQ(itls(), (std::vector{kNoList, kOld}));
  see({acted(3)});
  EXPECT_EQ(itls(), std::vector{kOld});
  EXPECT_TRUE(belief_.proven);
  EXPECT_EQ(belief_.of(ListKind::itl).accepted_at, kNow);
}

TEST_F(BeliefTest, AListOfAnUnknownSignerIsNotAcceptedByBeingGiven) {
  hold_old();
  see({asked(11), given(kNew, 12), acted(14)});
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
}

TEST_F(BeliefTest, AListWhoseSignerWasVouchedForIsAccepted) {
  hold_old();
  see({asked(11), given(kNew, 12), vouched(13), acted(14)});
  EXPECT_EQ(itls(), std::vector{kNew});
}

TEST_F(BeliefTest, TheOrderInWhichShardsTellIsOfNoMatter) {
  hold_old();
  see({acted(14)});
  see({vouched(13)});
  see({asked(11), given(kNew, 12)});
  EXPECT_EQ(itls(), (std::vector{kOld, kNew})) << "an act that came before its cause shows nothing";
  see({acted(15)});
  EXPECT_EQ(itls(), std::vector{kNew});
}

TEST_F(BeliefTest, ABootThatTakesNoTimeEndsWithItsConfiguration) {
  see({acted(2), asked(2), given(kOld, 2)});
  EXPECT_EQ(itls(), std::vector{kOld});
}

// That a list has arrived may be seen long after it was sent.
TEST_F(BeliefTest, AListToldInTheNextBootIsNotOfThatBoot) {
  for (ListKind kind : {ListKind::ctl, ListKind::itl}) {
    hold_old();
    see({asked(11), asked(20, kind)});
    see({given(kNew, 12)});
    see({vouched(21), acted(22)});
    EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
    belief_ = {};
  }
}

TEST_F(BeliefTest, AnAnswerToldAfterTheActStillCounts) {
  hold_old();
  see({asked(11), given(kNew, 12), acted(14)});
  see({vouched(13)});
  EXPECT_EQ(itls(), std::vector{kNew});
}

TEST_F(BeliefTest, AnAnswerBeforeTheListOrAfterTheActProvesNothing) {
  hold_old();
  see({vouched(10), asked(11), given(kNew, 12), acted(14)});
  see({vouched(15)});
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
}

TEST_F(BeliefTest, SwitchedOffAfterTheListItMayNotHaveKeptIt) {
  hold_old();
  see({asked(11), given(kNew, 12), vouched(13)});
  see({asked(20, ListKind::ctl), asked(21), maybe_given(kNew, 22), acted(23)});
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
}

TEST_F(BeliefTest, WhatWasOnlyBegunIsNeverAccepted) {
  hold_old();
  see({asked(11), maybe_given(kNew, 12), vouched(13), acted(14)});
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
}

TEST_F(BeliefTest, WhatAnotherAddressDoesProvesNothing) {
  hold_old();
  see({asked(11), given(kNew, 12), vouched(13, "192.0.2.99"), acted(14)});
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
  see({asked(21), given(kNew, 22), vouched(23), acted(24, "192.0.2.99")});
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
}

TEST_F(BeliefTest, TimesOfAnotherMachineBootAreNotCompared) {
  hold_old();
  see({asked(11), given(kNew, 12), vouched(13)});
  session_ = kSession + 1;
  see({acted(14)});
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
}

TEST_F(BeliefTest, WhatIsUnrecordedCountsUntilAListIsAccepted) {
  hold_old();
  unrecorded_[static_cast<std::size_t>(ListKind::itl)] = {kNew};
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
  see({asked(11), given(kOld, 12), acted(13)});
  EXPECT_EQ(belief_.of(ListKind::itl).may, std::vector{kOld}) << "the new list knows the old signer no more";
}

TEST_F(BeliefTest, AListThatIsNotKeptCouldBeAny) {
  belief_.of(ListKind::itl).may = {kUnkeptList};
  see({asked(11), given(kNew, 12), acted(13)});
  EXPECT_EQ(itls(), (std::vector{kNew, kUnkeptList}));
  see({asked(21), given(kNew, 22), vouched(23), acted(24)});
  EXPECT_EQ(itls(), std::vector{kNew});
}

TEST_F(BeliefTest, MoreListsThanAreCountedAreAsGoodAsAny) {
  for (ListVersion version = 1; version < Belief::kMaxMay; ++version) see({maybe_given(version, 1)});
  EXPECT_EQ(itls().size(), Belief::kMaxMay);
  see({maybe_given(1000, 2)});
  EXPECT_EQ(itls(), std::vector{kUnkeptList});
}

TEST_F(BeliefTest, VouchersAreBounded) {
  hold_old();
  std::vector<Observation> seen{asked(11), given(kNew, 12)};
  for (std::uint8_t i = 0; i < 100; ++i) {
    seen.push_back(vouched(13));
    seen.back().signer[0] = i;
  }
  see(seen);
  EXPECT_EQ(belief_.vouched.size(), Belief::kMaxVouchers);
}

// Its requests for lists are lost on the way: only the network of its floor comes up that late.
TEST_F(BeliefTest, AnActOfALaterBootProvesNothingAlthoughNoListWasAskedForAgain) {
  hold_old();
  see({asked(11), given(kNew, 12), vouched(13), acted(13 + Belief::kSameBoot)});
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
}

// The question about the CTL's signer was not answered, that about the ITL's was: the same signer.
TEST_F(BeliefTest, AnAnswerAboutTheItlDoesNotProveTheCtl) {
  add_ctl();
  hold_old();
  see({asked(11, ListKind::ctl), ctl_given(12), asked(14), given(kNew, 15), vouched(16), acted(17)});
  EXPECT_EQ(ctls(), (std::vector{kNoList, kCtl}));
  EXPECT_EQ(itls(), std::vector{kNew});
  see({vouched(18)});
  EXPECT_EQ(ctls(), (std::vector{kNoList, kCtl})) << "the new ITL knows the signer, the one before did not";
}

TEST_F(BeliefTest, ACtlIsAcceptedOnceTheItlIsAskedFor) {
  add_ctl();
  hold_old();
  see({asked(11, ListKind::ctl), ctl_given(12), vouched(13), asked(14)});
  EXPECT_EQ(ctls(), std::vector{kCtl});
}

TEST_F(BeliefTest, ACtlIsJudgedBeforeTheItl) {
  add_ctl();
  see({asked(1, ListKind::ctl), ctl_given(2), asked(3), given(kNew, 4), acted(5)});
  EXPECT_EQ(ctls(), std::vector{kCtl});
  EXPECT_EQ(itls(), std::vector{kNew});
}

// Both lists have a new signer: the phone asks about it once.
TEST_F(BeliefTest, OneAnswerInABootServesBothLists) {
  hold_old();
  add_ctl();
  see({asked(11, ListKind::ctl), ctl_given(12), vouched(13), asked(14), given(kNew, 15), acted(16)});
  EXPECT_EQ(ctls(), std::vector{kCtl});
  EXPECT_EQ(itls(), std::vector{kNew});
}

// --- what a boot must show besides

class EvidenceTest : public BeliefTest {
 protected:
  static constexpr const char* kElsewhere = "203.0.113.9";

  // Whoever is there does all that the phone would do.
  void boot_whole(Millis at, const char* from) {
    see({{.what = What::list_asked, .at = at, .from = from},
         given(kNew, at + 1, from),
         vouched(at + 2, from),
         acted(at + 3, from)});
  }
};

// The phone holds the old list still: by the next change, of the verification service, it would be locked.
TEST_F(EvidenceTest, AnAttackersWholeBootReleasesNothingWhereTheAddressCounts) {
  hold_old();
  EXPECT_EQ(belief_.home, kAddress);
  const PhoneMemory held{.ctl = {}, .itl = to_buffer(shelf_.content(kOld)), .configuration = {}};
  const Cluster next = regenerated(after_, Service::tvs);
  ASSERT_EQ(boot_of(VirtualPhone({}, held), next).end, BootEnd::locked);
  auto is_refused = [&] {
    std::vector<Holders> holders;
    for (ListVersion itl : itls())
      holders.push_back({.ctl = {}, .itl = to_buffer(shelf_.content(itl)), .count = 1, .first = {}});
    return who_would_lock(after_, next, holders, kNow).value().has_value();
  };
  const Belief before = belief_;
  for (auto [evidence, refused] :
       {std::pair(Evidence::ordinary, false), {Evidence::strict, true}, {Evidence::nothing, true}}) {
    SCOPED_TRACE(evidence_name(evidence));
    belief_ = before;
    evidence_ = evidence;
    boot_whole(11, kElsewhere);
    EXPECT_EQ(is_refused(), refused);
    EXPECT_EQ(belief_.home, refused ? kAddress : kElsewhere);
  }
}

TEST_F(EvidenceTest, WhereTheAddressCountsThePhonesOwnBootReleases) {
  hold_old();
  evidence_ = Evidence::strict;
  boot_whole(11, kElsewhere);
  EXPECT_EQ(itls(), (std::vector{kOld, kNew}));
  EXPECT_FALSE(counts(belief_, evidence_));
  boot_whole(21, kAddress);
  EXPECT_EQ(itls(), std::vector{kNew});
  EXPECT_TRUE(counts(belief_, evidence_));
}

TEST_F(EvidenceTest, AFirstListCountsFromAnywhere) {
  evidence_ = Evidence::strict;
  boot_whole(1, kElsewhere);
  EXPECT_EQ(itls(), std::vector{kNew});
  EXPECT_EQ(belief_.home, kElsewhere);
}

TEST_F(EvidenceTest, WhereNothingCountsNoBootRulesAnythingOut) {
  evidence_ = Evidence::nothing;
  see({asked(1), given(kOld, 2), acted(3)});
  EXPECT_EQ(itls(), (std::vector{kNoList, kOld}));
  EXPECT_TRUE(belief_.proven) << "it counts in guards all the same";
  boot_whole(11, kAddress);
  EXPECT_EQ(itls(), (std::vector{kNoList, kOld, kNew}));
}

TEST_F(EvidenceTest, HasNames) {
  for (Evidence evidence : kEvidence) EXPECT_EQ(evidence_from_name(evidence_name(evidence)), evidence);
  EXPECT_FALSE(evidence_from_name("Strict"));
}

}  // namespace
}  // namespace anchord::trust
