// What each rule of docs/lifecycle.md is for: which phone locks where it is not kept. With the rule the
// change is refused; without it the change is made, and the phone is locked.
#include <gtest/gtest.h>

#include <functional>

#include "clusters.h"
#include "ledger.h"

namespace anchord::trust::world {
namespace {

using What = Observation::What;
using wire::Role;

constexpr std::size_t kPhone = 0;
constexpr std::size_t kHost = 0;
constexpr std::size_t kShard = 0;
constexpr std::size_t kOtherShard = 1;
constexpr char kAddress[] = "192.0.2.7";
constexpr char kAttackers[] = "203.0.113.9";
constexpr UnixSeconds kNow = trust::kStart + 60;

Observation asked(Millis at, ListKind kind = ListKind::itl) {
  return {.what = What::list_asked, .kind = kind, .at = at, .from = kAddress};
}
Observation given(ListVersion version, Millis at, ListKind kind = ListKind::itl) {
  return {.what = What::list_given, .kind = kind, .version = version, .at = at, .from = kAddress};
}
Observation maybe_given(ListVersion version, Millis at, ListKind kind = ListKind::itl) {
  return {.what = What::list_maybe_given, .kind = kind, .version = version, .at = at, .from = kAddress};
}
Observation vouched(const StatePtr& by, Millis at, const char* from = kAddress) {
  return {.what = What::vouched, .signer = by->cluster.tftp.certificate.sha256(), .at = at, .from = from};
}
Observation acted(Millis at, const char* from = kAddress) {
  return {.what = What::configuration_asked, .at = at, .from = from};
}

class WhatLocks : public testing::Test {
 protected:
  using Story = std::function<void(Ledger&)>;

  StatePtr state(const Cluster& cluster) { return states_.make(cluster, {}, kNow); }
  StatePtr after(const StatePtr& before, Service service) {
    return state(regenerated(before->cluster, service));
  }
  static void tell(Ledger& ledger, std::vector<Observation> seen) {
    for (Observation& one : seen) ledger.tell(kHost, kShard, kPhone, std::move(one));
  }
  // The phone's first boot, which nothing disturbs.
  void hold(Ledger& ledger, const StatePtr& state) {
    tell(ledger, {asked(1), given(state->itl, 2), acted(3)});
    ledger.drain_all(5);
    ASSERT_EQ(ledger.may(kPhone, ListKind::itl), std::vector{state->itl});
  }
  bool guard_says(const StatePtr& before, const StatePtr& after, Held held, ListVersion own = kNoList) {
    return states_.guard_says(before, after, own, own, held, kNow);
  }
  bool locks(const StatePtr& state, Held held, ListVersion own = kNoList) {
    return states_.locks(state, own, held, kNow);
  }
  bool refuses(const Ledger& ledger, const StatePtr& before, const StatePtr& after) {
    for (ListVersion ctl : ledger.may(kPhone, ListKind::ctl))
      for (ListVersion itl : ledger.may(kPhone, ListKind::itl))
        if (ctl == kUnkeptList || itl == kUnkeptList || guard_says(before, after, {ctl, itl})) return true;
    return false;
  }
  // A phone that holds `held` is locked by the change, and `rule` alone keeps it from being made.
  void expect_needed(Rule rule, Held held, const StatePtr& before, const StatePtr& after,
                     const Story& story) {
    EXPECT_FALSE(locks(before, held));
    EXPECT_TRUE(locks(after, held));
    for (const Rules& off : {Rules(), Rules{rule}}) {
      Ledger ledger(1, states_.lists(), off);
      story(ledger);
      EXPECT_EQ(refuses(ledger, before, after), off.empty());
    }
  }
  // ... in the common case: the phone still holds the first list, whose signer is replaced before its
  // verification service is.
  void expect_needed_for_first(Rule rule, const Story& more) {
    expect_needed(rule, {.ctl = kNoList, .itl = first_->itl}, second_, third_, [&](Ledger& ledger) {
      hold(ledger, first_);
      more(ledger);
    });
  }

  States states_;
  const Rules off_;  // none
  StatePtr first_ = state(new_cluster("a", 1));
  StatePtr second_ = after(first_, Service::tftp);
  StatePtr third_ = after(second_, Service::tvs);
};

// --- evidence that is believed too easily

// The transfer was cut: it reads a broken list, and goes on with the old one.
TEST_F(WhatLocks, WithoutWhole) {
  StatePtr tvs = after(first_, Service::tvs);
  expect_needed(Rule::whole, {.ctl = kNoList, .itl = first_->itl}, tvs, after(tvs, Service::tftp),
                [&](Ledger& ledger) {
                  hold(ledger, first_);
                  tell(ledger, {asked(11), maybe_given(tvs->itl, 12), acted(14)});
                  ledger.drain_all(20);
                });
}

// It could not ask about the new signer.
TEST_F(WhatLocks, WithoutVouched) {
  expect_needed_for_first(Rule::vouched, [&](Ledger& ledger) {
    tell(ledger, {asked(11), given(second_->itl, 12), acted(14)});
    ledger.drain_all(20);
  });
}

// It was answered, and switched off before it kept the list; at its next boot it could not ask again.
TEST_F(WhatLocks, WithoutVouchedAfter) {
  expect_needed_for_first(Rule::vouched_after, [&](Ledger& ledger) {
    tell(ledger, {asked(11), given(second_->itl, 12), vouched(second_, 13)});
    tell(ledger, {asked(60'011), given(second_->itl, 60'012), acted(60'014)});
    ledger.drain_all(60'020);
  });
}

// The answer was sent, and lost.
TEST_F(WhatLocks, WithoutDelivered) {
  expect_needed_for_first(Rule::delivered, [&](Ledger& ledger) {
    tell(ledger, {asked(11), given(second_->itl, 12)});
    ledger.tell_undelivered(kHost, kShard, kPhone, vouched(second_, 13));
    tell(ledger, {acted(14)});
    ledger.drain_all(20);
  });
}

// It was switched off after the answer, before it kept the list.
TEST_F(WhatLocks, WithoutAct) {
  expect_needed_for_first(Rule::act, [&](Ledger& ledger) {
    tell(ledger, {asked(11), given(second_->itl, 12), vouched(second_, 13)});
    ledger.drain_all(20);
  });
}

// The same, and the network came up too late for the lists of its next boot.
TEST_F(WhatLocks, WithoutActSoon) {
  expect_needed_for_first(Rule::act_soon, [&](Ledger& ledger) {
    tell(ledger, {asked(11), given(second_->itl, 12), vouched(second_, 13), acted(13 + Belief::kSameBoot)});
    ledger.drain_all(20 + Belief::kSameBoot);
  });
}

// Somebody else asks about the signer, and for the configuration, in its name.
TEST_F(WhatLocks, WithoutAddress) {
  expect_needed_for_first(Rule::address, [&](Ledger& ledger) {
    tell(ledger,
         {asked(11), given(second_->itl, 12), vouched(second_, 13, kAttackers), acted(14, kAttackers)});
    ledger.drain_all(20);
  });
}

// One shard tells that it went on, before the other tells that it had been switched off and asked again.
TEST_F(WhatLocks, WithoutInOrder) {
  expect_needed_for_first(Rule::in_order, [&](Ledger& ledger) {
    tell(ledger, {asked(11), given(second_->itl, 12), vouched(second_, 13)});
    ledger.drain(kHost, kShard, 15);
    ledger.drain(kHost, kOtherShard, 15);
    tell(ledger, {asked(15'000)});  // it gets no answer
    ledger.tell(kHost, kOtherShard, kPhone, acted(15'001));
    ledger.drain(kHost, kOtherShard, 15'010);
  });
}

// It was switched off before it kept the list, and asked again, in vain, while nothing was recorded.
TEST_F(WhatLocks, WithoutNewSession) {
  expect_needed_for_first(Rule::new_session, [&](Ledger& ledger) {
    tell(ledger, {asked(11), given(second_->itl, 12), vouched(second_, 13)});
    ledger.drain_all(15);
    ledger.lose(kHost, {{{second_->itl}, {}}}, 15'000);
    tell(ledger, {acted(15'001)});
    ledger.drain_all(15'010);
  });
}

// Its first boot was not told before the service died.
TEST_F(WhatLocks, WithoutUnrecorded) {
  expect_needed(Rule::unrecorded, {.ctl = kNoList, .itl = first_->itl}, second_, third_,
                [&](Ledger& ledger) { ledger.lose(kHost, {{{first_->itl}, {}}}, 10); });
}

// The same, and it asks for something before the service is in order again.
TEST_F(WhatLocks, WithoutFirstHeard) {
  expect_needed(Rule::first_heard, {.ctl = kNoList, .itl = first_->itl}, second_, third_,
                [&](Ledger& ledger) {
                  ledger.lose(kHost, {{{first_->itl}, {}}}, 10);
                  tell(ledger, {asked(60'011)});
                  ledger.drain_all(60'020);
                });
}

// It came with a cluster that was adopted, and holds a list of before.
TEST_F(WhatLocks, WithoutUnkept) {
  expect_needed(Rule::unkept, {.ctl = kNoList, .itl = first_->itl}, second_, third_,
                [&](Ledger& ledger) { ledger.adopt({{kPhone}}); });
}

// It was removed, was only in a drawer, and asks for something again.
TEST_F(WhatLocks, WithoutForgotten) {
  expect_needed_for_first(Rule::forgotten, [&](Ledger& ledger) {
    ledger.serves(*first_);
    ledger.serves(*second_);
    ledger.forget(kPhone);
    tell(ledger, {asked(11)});
    ledger.drain_all(20);
  });
}

// Of two phones behind one address one takes the CTL, and does not say which. No ITL takes that from it, and
// once nobody vouches any more it cannot follow.
TEST_F(WhatLocks, WithoutAnonymous) {
  StatePtr once_mixed = state(with_mode(with_mode(first_->cluster, Mode::mixed), Mode::nonsecure));
  StatePtr present = after(once_mixed, Service::tftp);
  StatePtr rolling = state(with_rollback(present->cluster, true));
  const Held held{.ctl = once_mixed->ctl, .itl = present->itl};
  EXPECT_FALSE(locks(present, held));
  EXPECT_TRUE(locks(rolling, held));
  for (bool each_may_be_the_one : {true, false}) {
    Ledger ledger(1, states_.lists(), off_);
    hold(ledger, first_);
    if (each_may_be_the_one) tell(ledger, {maybe_given(once_mixed->ctl, 11, ListKind::ctl)});
    // Its requests for the CTL are lost.
    tell(ledger, {asked(21), given(present->itl, 22), vouched(present, 23), acted(24)});
    ledger.drain_all(30);
    EXPECT_EQ(ledger.may(kPhone, ListKind::itl), std::vector{present->itl});
    EXPECT_EQ(refuses(ledger, present, rolling), each_may_be_the_one);
  }
}

// The question about the CTL's signer was lost, that about the ITL's, the same signer, was answered: it
// keeps its old CTL, and once nobody vouches any more it cannot follow.
TEST_F(WhatLocks, WithoutTheCtlsOwnAnswer) {
  StatePtr before = state(with_mode(with_mode(first_->cluster, Mode::mixed), Mode::nonsecure));
  StatePtr present = after(before, Service::tftp);
  StatePtr rolling = state(with_rollback(present->cluster, true));
  const Held held{.ctl = before->ctl, .itl = present->itl};
  EXPECT_FALSE(locks(present, held));
  EXPECT_TRUE(locks(rolling, held));
  Ledger ledger(1, states_.lists(), off_);
  tell(ledger, {asked(1, ListKind::ctl), given(before->ctl, 2, ListKind::ctl), asked(3),
                given(before->itl, 4), acted(5)});
  ledger.drain_all(6);
  tell(ledger, {asked(11, ListKind::ctl), given(present->ctl, 12, ListKind::ctl), asked(14),
                given(present->itl, 15), vouched(present, 16), acted(17)});
  ledger.drain_all(20);
  EXPECT_TRUE(ledger.allows(kPhone, ListKind::ctl, before->ctl));
  EXPECT_TRUE(refuses(ledger, present, rolling));
  // What would be believed, had that one answer been taken for both.
  EXPECT_FALSE(guard_says(present, rolling, {.ctl = present->ctl, .itl = present->itl}));
}

// --- guards that are not asked

// A list of its own, which nobody has made anew, names what is gone.
TEST_F(WhatLocks, WithoutGuardOwnList) {
  StatePtr tvs = after(first_, Service::tvs);
  StatePtr tftp = after(tvs, Service::tftp);
  const Held held{.ctl = kNoList, .itl = tvs->itl};
  EXPECT_FALSE(locks(tvs, held, first_->itl));
  EXPECT_TRUE(locks(tftp, held, first_->itl));
  EXPECT_TRUE(guard_says(tvs, tftp, held, first_->itl));
  EXPECT_FALSE(guard_says(tvs, tftp, held)) << "who looks at the cluster's list alone";
}

// A phone that has never booted has a list of its own, by a former signer. It would take that as its first;
// with a CTL it must know the signer from there, and has no verification service to ask yet.
TEST_F(WhatLocks, WithoutGuardMode) {
  StatePtr mixed = state(with_mode(second_->cluster, Mode::mixed));
  EXPECT_FALSE(locks(second_, {}, first_->itl));
  EXPECT_TRUE(locks(mixed, {}, first_->itl));
  EXPECT_TRUE(guard_says(second_, mixed, {}, first_->itl));
  EXPECT_FALSE(guard_says(second_, mixed, {})) << "it is its own list that keeps it from following";
  EXPECT_FALSE(locks(mixed, {}));
}

// Its list names the verification service of no host but the one that goes, and a signer that was replaced.
TEST_F(WhatLocks, WithoutGuardHost) {
  StatePtr two = state(with_new_host(second_->cluster));
  StatePtr one = state(without_host(two->cluster, two->cluster.hosts.front().name, kNow));
  const Held held{.ctl = kNoList, .itl = first_->itl};
  EXPECT_FALSE(locks(two, held));
  EXPECT_TRUE(locks(one, held));
  EXPECT_TRUE(guard_says(two, one, held));
  EXPECT_FALSE(guard_says(two, one, {.ctl = kNoList, .itl = second_->itl})) << "it knows the signer";
  EXPECT_FALSE(guard_says(two, one, {.ctl = kNoList, .itl = two->itl})) << "it knows the other host";
}

// The way back of a phone that may hold one of two lists: one of its own, signed by the former key of the
// first, for which somebody must vouch to the second.
TEST_F(WhatLocks, WithoutGuardRemoveOrDrop) {
  StatePtr present = after(third_, Service::recovery);
  TrustListFields fields = itl_fields(present->cluster);
  fields.records[1].certificate = first_->cluster.tftp.certificate;
  fields.signer = first_->cluster.tftp;
  const ListVersion own = states_.lists().built(fields, kNow);
  const Held held{.ctl = kNoList, .itl = present->itl};
  EXPECT_FALSE(locks(present, {.ctl = kNoList, .itl = first_->itl}, own));
  EXPECT_FALSE(locks(present, held, own));
  const crypto::Certificate& former = first_->cluster.tftp.certificate;
  StatePtr without = state(without_certificate(present->cluster, former));
  EXPECT_TRUE(locks(without, held, own));
  std::vector<Holders> holders;
  for (ListVersion version : {first_->itl, present->itl})
    holders.push_back({.ctl = {},
                       .itl = to_buffer(states_.lists().shelf().content(version)),
                       .count = 1,
                       .first = {"SEP001122334455"}});
  EXPECT_TRUE(who_needs(former, holders));
  EXPECT_FALSE(who_needs(former, std::span(holders).last(1))) << "once it holds the second for certain";
}

class Moving : public WhatLocks {
 protected:
  // A phone of ours at the other cluster: its files, our verification service.
  BootEnd move(const Cluster& from) {
    VirtualPhone phone = phone_at(from);
    VirtualPhone moving = forgetful(phone);
    Served found{.files = served(other_).files, .tvs = served(from).tvs, .answered = answered_by(from)};
    return boot_in_memory(moving, found, kNow).end;
  }
  bool could_not_move(const KnownCertificate& known, const Cluster& from) {
    std::vector<Holders> holders{holders_of(phone_at(from).memory(), "SEP001122334455")};
    return who_could_not_move(known, holders).has_value();
  }
  Cluster home_ = new_cluster("home", 1);
  Cluster other_ = new_cluster("other", 1);
  KnownCertificate imported_{
      .certificate = other_.tftp.certificate, .roles = {Role::sast, Role::tftp}, .own = {}};
};

TEST_F(Moving, WithoutGuardMoveOrRoles) {
  Cluster home = home_;
  home.known.push_back(imported_);
  EXPECT_EQ(move(home), BootEnd::fine);
  EXPECT_TRUE(could_not_move(imported_, home));
  EXPECT_EQ(move(home_), BootEnd::locked) << "its signer was removed";
  home.known.back().roles = {Role::app_server};
  EXPECT_EQ(move(home), BootEnd::locked) << "its role was taken";
}

// It holds a list of the service before, of which only the signer was adopted.
TEST_F(WhatLocks, WithoutGuardUnknown) {
  StatePtr former = after(first_, Service::tvs);
  StatePtr next = after(first_, Service::tftp);
  EXPECT_FALSE(locks(first_, {.ctl = kNoList, .itl = former->itl}));
  EXPECT_TRUE(locks(next, {.ctl = kNoList, .itl = former->itl}));
  EXPECT_FALSE(guard_says(first_, next, {})) << "who takes it for one that holds nothing";
}

// The backup does not know the signer and the services of the list that it holds.
TEST_F(WhatLocks, WithoutGuardRestore) {
  const Held held{.ctl = kNoList, .itl = third_->itl};
  EXPECT_FALSE(locks(third_, held));
  EXPECT_TRUE(locks(first_, held));
  EXPECT_TRUE(guard_says(third_, first_, held));
}

// Two hosts: the second has not heard of the new signer. Its service is the only one that the phone
// knows, once that of the first is replaced too.
TEST_F(WhatLocks, WithoutHostsAgree) {
  Cluster before = new_cluster("b", 2);
  Cluster signer = regenerated(before, Service::tftp);
  Cluster service = regenerated(signer, Service::tvs, 0);
  const PhoneMemory held = phone_at(before).memory();
  auto boot_at = [&](const Cluster& first, const Cluster& second) {
    const std::array hosts{served(first), served(second)};
    VirtualPhone phone({.tvs_servers = 2}, held);
    VirtualPhone::Want want = phone.boot(kNow);
    while (!done(want)) {
      if (const auto* fetch = std::get_if<VirtualPhone::Fetch>(&want)) {
        auto file = hosts[0].files.find(fetch->name);
        want = file == hosts[0].files.end() ? phone.not_found(kNow) : phone.got_file(file->second, kNow);
        continue;
      }
      const auto& question = std::get<VirtualPhone::Ask>(want);
      const Served& host = hosts[question.server];
      want = phone.trusts_tvs(host.tvs[question.server].der())
                 ? phone.got_answer(answer_of(host, question.message), kNow)
                 : phone.no_answer(true, kNow);
    }
    return std::get<VirtualPhone::Done>(want).end;
  };
  std::vector<Holders> holders{holders_of(held, "SEP001122334455")};
  EXPECT_FALSE(who_would_lock(signer, service, holders, kNow).value()) << "by what all hosts will serve";
  EXPECT_EQ(boot_at(service, before), BootEnd::locked);
  EXPECT_EQ(boot_at(service, signer), BootEnd::fine) << "each host had the first change before the second";
}

}  // namespace
}  // namespace anchord::trust::world
