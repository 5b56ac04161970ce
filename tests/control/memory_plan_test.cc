// What files may take of a machine, and what becomes of those that do not fit.
#include "process/memory_plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "provisioning.h"

namespace anchord::control {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

TEST(MemoryBudget, GivesWhatFitsAndTakesItBack) {
  MemoryBudget budget(100);
  auto most = budget.take(60);
  ASSERT_TRUE(most);
  EXPECT_FALSE(budget.take(41));
  EXPECT_EQ(budget.left(), 40u);
  auto part = most.split(20);
  EXPECT_EQ(most.bytes(), 40u);
  EXPECT_EQ(part.bytes(), 20u);
  most = {};
  EXPECT_EQ(budget.held(), 20u);
  // What is larger than it was thought is counted, though it is more than there is.
  auto more = part.split(130);
  EXPECT_EQ(budget.held(), 130u);
  EXPECT_FALSE(budget.take(1));
  more = {};
  EXPECT_EQ(budget.held(), 0u);
  EXPECT_FALSE(MemoryBudget::Share().split(5));
}

TEST(MemoryPlan, TheTightestLimitCounts) {
  const MemoryNeed need{.address_space = 700 * kMiB, .used = 100 * kMiB};
  const MemoryLimit machine{.bytes = 4000 * kMiB, .name = "machine"};
  const MemoryLimit space{.bytes = 1000 * kMiB, .of_address_space = true, .name = "space"};
  auto plan = plan_memory({machine, space}, need);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->limit.name, "space");
  EXPECT_EQ(plan->needed, 700 * kMiB);
  EXPECT_EQ(plan->files, 225 * kMiB / 2);
  plan = plan_memory({machine}, need);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->files, 2925 * kMiB);
  auto none = plan_memory(
      {machine, {.bytes = 705 * kMiB, .of_address_space = true, .name = "RLIMIT_AS", .remedy = "raise it"}},
      need);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().text,
            "there is not enough memory: a start with these settings needs 721.3 MiB of address space, and "
            "RLIMIT_AS is 705.0 MiB: raise it, or lower --max-connections, --max-transfers or --shards");
}

TEST_F(State, ControlGroupsLimitWithAllThatIsAboveThem) {
  const std::filesystem::path mount = folder_;
  auto write = [&](const std::string& file, const std::string& text) {
    std::filesystem::create_directories((mount / file).parent_path());
    std::ofstream(mount / file) << text << '\n';
  };
  EXPECT_FALSE(group_limit("0::/a/b\n", mount));
  write("a/b/memory.max", "max");
  EXPECT_FALSE(group_limit("0::/a/b\n", mount));
  write("a/memory.max", "1000");
  EXPECT_EQ(group_limit("0::/a/b\n", mount), 1000u);
  write("a/b/memory.max", "900");
  EXPECT_EQ(group_limit("0::/a/b\n", mount), 900u);
  // The first version: no limit is a large number.
  write("memory/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_FALSE(group_limit("4:cpu,memory:/c\n0::/\n", mount));
  write("memory/c/memory.limit_in_bytes", "800");
  EXPECT_EQ(group_limit("5:cpuset:/\n4:cpu,memory:/c\n0::/\n", mount), 800u);
  EXPECT_FALSE(group_limit("nonsense\n:\n", mount));
}

// What is written as .bin has no digits of base64 in it: what these stand for would need memory, too.
class InABudget : public Provisioning {
 protected:
  void start_with(std::uint64_t bytes) {
    start({.max_file = 64 * kMiB, .max_folder = 1 << 30, .rescan = 100, .memory = MemoryBudget(bytes)});
  }
  // At once: nobody sees it while it is empty.
  void sparse(const std::string& name, std::uint64_t size) {
    const auto folder = options_.state / "provisioning";
    std::ofstream(folder / ".sparse").close();
    std::filesystem::resize_file(folder / ".sparse", size);
    std::filesystem::rename(folder / ".sparse", folder / name);
  }
};

TEST_F(InABudget, WhatDoesNotFitIsRefusedAndTheLastGoodOneStays) {
  write("a.bin", std::string(300'000, '.'));
  start_with(kMiB);
  until([&] { return serves("a.bin", std::string(300'000, '.')); });
  // Beside the one that is served.
  sparse("a.bin", 800'000);
  until([&] { return !problem("provisioning/a.bin").empty(); });
  EXPECT_EQ(problem("provisioning/a.bin"),
            "needs 784.2 KiB of memory to be read and made, and of 1.0 MiB for files 728.0 KiB are free: "
            "remove files, or look at --max-memory and at what limits the service's memory");
  EXPECT_EQ(served("provisioning/a.bin"), protocol::Served::last_good);
  EXPECT_TRUE(serves("a.bin", std::string(300'000, '.')));
  write("a.bin", std::string(200'000, ','));
  until([&] { return serves("a.bin", std::string(200'000, ',')); });
  until([&] { return problem("provisioning/a.bin").empty(); });
  files_ = {};
}

TEST_F(InABudget, AllThatIsMadeOfAFileCounts) {
  start_with(kMiB);
  // Its text is read, and what it is copied for.
  write("a.xml", "<a>" + std::string(300'000, 'a') + "</a>");
  until([&] { return !problem("provisioning/a.xml").empty(); });
  EXPECT_EQ(served("provisioning/a.xml"), protocol::Served::nothing);
  until([&] { return provisioner_->held() == 0; });  // it is tried again and again
  write("a.xml", "<a>" + std::string(100'000, 'a') + "</a>");
  until([&] { return problem("provisioning/a.xml").empty() && files_.find("a.xml.sgn") != nullptr; });
  EXPECT_EQ(provisioner_->held(), 100'007 + kMemoryOfFile);
}

TEST_F(InABudget, WhatReadersHoldIsToldApart) {
  write("a.bin", std::string(300'000, '.'));
  start_with(kMiB);
  until([&] { return serves("a.bin", std::string(300'000, '.')); });
  EXPECT_EQ(provisioner_->superseded(), 0u);
  index::FileTable reader = files_;
  write("a.bin", std::string(400'000, ','));
  until([&] { return serves("a.bin", std::string(400'000, ',')); });
  EXPECT_EQ(provisioner_->superseded(), 300'000 + kMemoryOfFile);
  EXPECT_FALSE(provisioner_->take_shortage());
  // A third finds no room beside them, and comes when the reader goes.
  write("a.bin", std::string(450'000, ';'));
  until([&] { return provisioner_->take_shortage(); });
  EXPECT_TRUE(serves("a.bin", std::string(400'000, ',')));
  reader = {};
  until([&] { return serves("a.bin", std::string(450'000, ';')); });
  until([&] { return provisioner_->superseded() == 0; });
  EXPECT_TRUE(problem("provisioning/a.bin").empty());
}

TEST_F(InABudget, FilesThatFitOnlyOneAfterTheOtherAllCome) {
  // Each needs its memory four times while it is made.
  for (int i = 0; i < 6; ++i)
    write("f" + std::to_string(i) + ".xml", "<a>" + std::string(100'000, 'a') + "</a>");
  start_with(1'100'000);
  for (int i = 0; i < 6; ++i) until([&] { return files_.find("f" + std::to_string(i) + ".xml") != nullptr; });
  EXPECT_TRUE(provisioner_->report().problems.empty());
}

}  // namespace
}  // namespace anchord::control
