// Phones' own lists: which of them may be served by a cluster that has changed since they were made.
#include "anchord/trust/own_list.h"

#include <gtest/gtest.h>

#include "anchord/trust/trust_list.h"
#include "clusters.h"

namespace anchord::trust {
namespace {

constexpr UnixSeconds kLater = kStart + 60;

OwnListFaults faults(const Cluster& cluster, const OwnLists& lists) {
  return judge_own_lists(lists, cluster.tftp.certificate, served(cluster, kLater), kLater);
}

std::string itl_fault(const Cluster& cluster, const Buffer& itl) {
  OwnListFaults found = faults(cluster, {.ctl = {}, .itl = itl});
  EXPECT_EQ(found.ctl, "");
  return found.itl;
}

std::string ctl_fault(const Cluster& cluster, const Buffer& ctl) {
  OwnListFaults found = faults(cluster, {.ctl = ctl, .itl = {}});
  EXPECT_EQ(found.itl, "");
  return found.ctl;
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// A list of a cluster that is signed by a key of its own.
Buffer itl_signed_by(const Cluster& cluster, const Identity& signer) {
  TrustListFields fields = itl_fields(cluster);
  fields.signer = signer;
  fields.records.front().certificate = signer.certificate;
  return build_trust_list(fields, kStart).value();
}

Cluster mixed(const Cluster& cluster) {
  return with_mode(cluster, Mode::mixed);
}

TEST(OwnList, OneThatIsAsTheClustersMayBeServed) {
  Cluster cluster = new_cluster("a", 2);
  EXPECT_EQ(itl_fault(cluster, build_trust_list(itl_fields(cluster), kStart).value()), "");
  Cluster secure = mixed(cluster);
  OwnListFaults found = faults(secure, {.ctl = build_trust_list(ctl_fields(secure), kStart).value(),
                                        .itl = build_trust_list(itl_fields(secure), kStart).value()});
  EXPECT_EQ(found.ctl, "");
  EXPECT_EQ(found.itl, "");
  found = faults(cluster, {});
  EXPECT_EQ(found.ctl + found.itl, "");
}

TEST(OwnList, WhatIsNoWholeListOfItsKindIsNot) {
  Cluster cluster = mixed(new_cluster("a", 1));
  Buffer itl = build_trust_list(itl_fields(cluster), kStart).value();
  EXPECT_TRUE(says(ctl_fault(cluster, itl), "it is named 'ITLFile.tlv' inside; phones expect 'CTLFile.tlv'"));
  itl[itl.size() / 2] ^= 1;
  EXPECT_TRUE(says(itl_fault(cluster, itl), "it is no trust list that phones take: "));
  EXPECT_FALSE(own_list_signer(ListKind::itl, itl));
  EXPECT_TRUE(says(itl_fault(cluster, {1, 2, 3}), "it is no trust list that phones take: "));
}

TEST(OwnList, AStaleOneLocksPhonesThatHoldNothing) {
  Cluster then = new_cluster("a", 1);
  Buffer itl = build_trust_list(itl_fields(then), kStart).value();
  // A former signer that the services vouch for is nothing bad while the list names one of them.
  Cluster now = regenerated(then, Service::tftp);
  EXPECT_EQ(itl_fault(now, itl), "");
  now = regenerated(now, Service::tvs);
  std::string fault = itl_fault(now, itl);
  EXPECT_TRUE(says(fault, "it would lock a phone that holds nothing: it cannot trust")) << fault;
  EXPECT_TRUE(says(fault, "make it anew ('anchorctl itl build')")) << fault;
  EXPECT_TRUE(says(fault, "resetting the phone does not help")) << fault;
}

TEST(OwnList, ItsSignerMustBeVouchedForAsAListSignerNow) {
  Cluster then = new_cluster("a", 1);
  Buffer itl = build_trust_list(itl_fields(then), kStart).value();
  Cluster now = regenerated(then, Service::tftp);
  ASSERT_EQ(itl_fault(now, itl), "");
  Cluster removed = without_certificate(now, then.tftp.certificate);
  EXPECT_TRUE(says(itl_fault(removed, itl), "do not vouch as a list signer")) << itl_fault(removed, itl);
  // It goes on vouching, but for something else.
  Cluster other = now;
  for (KnownCertificate& known : other.known)
    if (known.certificate == then.tftp.certificate) known.roles = {wire::Role::tftp};
  EXPECT_TRUE(says(itl_fault(other, itl), "do not vouch as a list signer"));
  // Good again by itself.
  EXPECT_EQ(itl_fault(now, itl), "");
}

TEST(OwnList, AnotherSignersIsServedWhileItIsVouchedForAndTheListNamesAService) {
  Cluster cluster = new_cluster("a", 1);
  Identity other = new_identity("other");
  Buffer itl = itl_signed_by(cluster, other);
  EXPECT_TRUE(says(itl_fault(cluster, itl), "is not the present list signer"));
  cluster.known.push_back({.certificate = other.certificate, .roles = {wire::Role::sast}, .own = {}});
  EXPECT_EQ(itl_fault(cluster, itl), "");
  EXPECT_EQ(own_list_signer(ListKind::itl, itl).value(), other.certificate);
}

TEST(OwnList, WhileRollingBackOnlyThePresentSignersIs) {
  Cluster cluster = mixed(new_cluster("a", 1));
  cluster = with_mode(cluster, Mode::nonsecure);
  Buffer ctl = build_trust_list(ctl_fields(cluster), kStart).value();
  Cluster back = with_rollback(cluster, true);
  EXPECT_EQ(ctl_fault(back, ctl), "");
  Cluster other = with_rollback(regenerated(cluster, Service::tftp), true);
  EXPECT_TRUE(says(ctl_fault(other, ctl), "is not the present list signer"));
}

// Who has taken the present CTL has nobody to ask about the ITL's signer.
TEST(OwnList, AnItlThatTheServedCtlDoesNotNameIsNot) {
  Cluster then = mixed(new_cluster("a", 1));
  Buffer itl = build_trust_list(itl_fields(then), kStart).value();
  Buffer ctl = build_trust_list(ctl_fields(then), kStart).value();
  Cluster now = regenerated(then, Service::tftp);
  EXPECT_TRUE(says(itl_fault(now, itl), "it would lock a phone that holds nothing"));
  // Nor is a CTL alone which does not name the signer of the cluster's ITL.
  EXPECT_TRUE(says(ctl_fault(now, ctl), "it would lock a phone that holds nothing"));
}

TEST(OwnList, ThoseOfOnePhoneAreJudgedTogether) {
  Cluster then = mixed(new_cluster("a", 1));
  Buffer old_itl = build_trust_list(itl_fields(then), kStart).value();
  Buffer old_ctl = build_trust_list(ctl_fields(then), kStart).value();
  Cluster now = regenerated(then, Service::tftp);
  Buffer new_itl = build_trust_list(itl_fields(now), kStart).value();
  // Each would lock alone; together they are of one signer, and name the service that vouches for the other.
  OwnListFaults found = faults(now, {.ctl = old_ctl, .itl = old_itl});
  EXPECT_EQ(found.ctl + found.itl, "");
  // Of two that do not agree the one stays that is good alone.
  found = faults(now, {.ctl = old_ctl, .itl = new_itl});
  EXPECT_TRUE(says(found.ctl, "it would lock")) << found.ctl;
  EXPECT_EQ(found.itl, "");
  Buffer new_ctl = build_trust_list(ctl_fields(now), kStart).value();
  found = faults(now, {.ctl = new_ctl, .itl = old_itl});
  EXPECT_EQ(found.ctl, "");
  EXPECT_TRUE(says(found.itl, "it would lock")) << found.itl;
  // Neither is once nobody vouches for their signer.
  now = without_certificate(now, then.tftp.certificate);
  found = faults(now, {.ctl = old_ctl, .itl = old_itl});
  EXPECT_TRUE(says(found.ctl, "do not vouch") && says(found.itl, "do not vouch"));
}

// Who was off for a while holds neither nothing nor the present list.
TEST(OwnList, OneThatItsPhoneCannotAcceptLocksIt) {
  Cluster then = new_cluster("a", 1);
  Buffer held = build_trust_list(itl_fields(then), kStart).value();
  Cluster now = regenerated(then, Service::tvs);
  Identity other = new_identity("other");
  now.known.push_back({.certificate = other.certificate, .roles = {wire::Role::sast}, .own = {}});
  Buffer itl = itl_signed_by(now, other);
  // Whoever can ask about its signer takes it.
  ASSERT_EQ(itl_fault(now, itl), "");
  Served served_now = served(now, kLater);
  std::string why = locks_who_holds({.ctl = {}, .itl = held}, {.ctl = {}, .itl = itl}, served_now, kLater);
  EXPECT_TRUE(says(why, "it would lock its phone, by a list that it may hold: ")) << why;
  EXPECT_EQ(locks_who_holds({}, {.ctl = {}, .itl = itl}, served_now, kLater), "");
  EXPECT_EQ(locks_who_holds({.ctl = {}, .itl = itl}, {.ctl = {}, .itl = itl}, served_now, kLater), "");
  // The cluster's would lock it as well: its own is not to blame.
  now = regenerated(now, Service::tftp);
  EXPECT_EQ(locks_who_holds({.ctl = {}, .itl = held}, {.ctl = {}, .itl = itl}, served(now, kLater), kLater),
            "");
}

// Whatever has become of the cluster: what may be served locks no phone that holds nothing.
TEST(OwnList, NoListThatMayBeServedLocksAnybody) {
  Cluster cluster = new_cluster("a", 2);
  std::vector<Cluster> past{cluster};
  std::size_t served_lists = 0;
  std::size_t withheld = 0;
  for (int step = 0; step < 12; ++step) {
    switch (step % 4) {
      case 0:
        cluster = regenerated(cluster, Service::tftp);
        break;
      case 1:
        cluster = regenerated(cluster, Service::tvs, static_cast<std::size_t>(step / 4) % 2);
        break;
      case 2:
        cluster = with_mode(cluster, cluster.mode == Mode::mixed ? Mode::nonsecure : Mode::mixed);
        break;
      default:
        cluster = without_certificate(cluster, past.front().tftp.certificate);
        past.erase(past.begin());
    }
    past.push_back(cluster);
    Served now = served(cluster, kLater);
    for (const Cluster& then : past) {
      Buffer itl = build_trust_list(itl_fields(then), kStart).value();
      Buffer ctl;
      if (then.has_ctl) ctl = build_trust_list(ctl_fields(then), kStart).value();
      OwnListFaults found = judge_own_lists({.ctl = ctl, .itl = itl}, cluster.tftp.certificate, now, kLater);
      Served with_own = now;
      PhoneSettings settings{.tvs_servers = 2};
      if (found.itl.empty()) with_own.files["ITL" + settings.name + ".tlv"] = itl;
      if (found.ctl.empty() && !ctl.empty()) with_own.files["CTL" + settings.name + ".tlv"] = ctl;
      (found.itl.empty() ? served_lists : withheld) += 1;
      VirtualPhone phone(settings);
      for (int boot = 0; boot < 3; ++boot) {
        VirtualPhone::Done done = boot_in_memory(phone, with_own, kLater);
        EXPECT_NE(done.end, BootEnd::locked) << step << ": " << done.reason;
      }
    }
  }
  EXPECT_GT(served_lists, 0u);
  EXPECT_GT(withheld, 0u);
}

}  // namespace
}  // namespace anchord::trust
