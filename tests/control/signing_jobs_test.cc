// Jobs that are done: read, made or refused, and how many go together.
#include "provisioning/signing_jobs.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <vector>

#include "state.h"

namespace anchord::control {
namespace {

class Jobs : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    ::signal(SIGIO, SIG_IGN);
    store_.emplace(make_store());
    files_.emplace(control::Folder::open(options_.state / "provisioning").value());
    copies_.emplace(options_.state / "last-good");
    signatures_.emplace(SignatureCache::load(store::Store::open(options_.state).value()).value());
    served_.emplace(1 << 20, *signatures_, memory_, unfinished_);
    jobs_.emplace(*files_, *copies_, *served_, signatures_->before(), memory_, 1 << 20);
    context_.emplace(context_of(*store_));
  }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(options_.state / "provisioning" / name) << text;
  }
  std::vector<SigningJob> run(const std::vector<std::string>& names) {
    std::vector<SigningJob> jobs;
    for (const std::string& name : names) jobs.push_back({.name = name, .known = served_->find(name)});
    jobs_->begin(jobs.size());
    jobs_->run(jobs, *context_);
    return jobs;
  }

  MemoryBudget budget_{1 << 20};
  FileMemory memory_{budget_};
  UnfinishedFiles unfinished_;
  std::optional<store::Store> store_;
  std::optional<control::Folder> files_;
  std::optional<LastGood> copies_;
  std::optional<SignatureCache> signatures_;
  std::optional<ServedFiles> served_;
  std::optional<SigningJobs> jobs_;
  std::optional<ProvisioningContext> context_;
};

TEST_F(Jobs, EachIsMadeOrSaysWhyNot) {
  write("good.xml", "<a/>");
  write("SEP00112233000A.cnf.xml", "<a>");
  EXPECT_EQ(jobs_->progress(), "");
  const std::vector<SigningJob> done = run({"good.xml", "SEP00112233000A.cnf.xml", "missing"});
  ASSERT_TRUE(done[0].made && *done[0].made);
  EXPECT_EQ((*done[0].made)->files.size(), 3u);
  EXPECT_EQ(as_text(done[0].content.bytes()), "<a/>");
  EXPECT_GT(done[0].in_hand, 0u);
  EXPECT_FALSE(done[1].made);
  EXPECT_EQ(done[1].read.state, ReadFile::State::refused);
  EXPECT_NE(done[1].read.reason.find("not well-formed"), std::string::npos) << done[1].read.reason;
  EXPECT_EQ(done[2].read.state, ReadFile::State::missing);
  EXPECT_EQ(jobs_->progress(), "signing 3 of 3 files");
  EXPECT_EQ(jobs_->made(), 3u);
  // Nothing that is served has changed.
  EXPECT_TRUE(served_->all().empty());
  EXPECT_FALSE(served_->has_changes());
}

TEST_F(Jobs, TheSameContentAgainIsReadAndNotMade) {
  write("a", "text");
  std::vector<SigningJob> done = run({"a"});
  served_->put("a", done[0].content, **done[0].made, done[0].read.stamp);
  done = run({"a"});
  EXPECT_EQ(done[0].read.state, ReadFile::State::whole);
  EXPECT_FALSE(done[0].made);
}

TEST_F(Jobs, ABrokenFileOfWhichNothingIsServedIsMadeOfItsCopy) {
  ASSERT_TRUE(copies_->keep("SEP00112233000A.cnf.xml", as_bytes("<a/>")));
  write("SEP00112233000A.cnf.xml", "<a>");
  const std::vector<SigningJob> done = run({"SEP00112233000A.cnf.xml"});
  EXPECT_TRUE(done[0].from_copy);
  ASSERT_TRUE(done[0].made && *done[0].made);
  EXPECT_EQ(as_text(done[0].content.bytes()), "<a/>");
  EXPECT_EQ(done[0].read.state, ReadFile::State::refused);
}

TEST_F(Jobs, WhatIsTooLargeForTheBudgetSaysSoAndHasNoRoom) {
  write("a", std::string(2 << 19, 'x'));
  const std::vector<SigningJob> done = run({"a"});
  EXPECT_TRUE(done[0].no_room);
  EXPECT_EQ(done[0].read.state, ReadFile::State::refused);
  EXPECT_NE(done[0].read.reason.find("--max-memory"), std::string::npos) << done[0].read.reason;
}

TEST_F(Jobs, AChunkIsBoundedByFilesAndByBytes) {
  std::vector<SigningJob> jobs(600);
  EXPECT_EQ(jobs_->chunk_of(jobs), 512u);
  EXPECT_EQ(jobs_->chunk_of(std::span(jobs).first(3)), 3u);
  // One file counts for no more than may be read of it: 1 MiB here, of 256.
  for (SigningJob& job : jobs) job.read.stamp.size = std::uint64_t{1} << 40;
  EXPECT_EQ(jobs_->chunk_of(jobs), 256u);
}

}  // namespace
}  // namespace anchord::control
