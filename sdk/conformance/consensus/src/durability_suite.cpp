// What is reported committed survives whatever the disk does.
#include <gmock/gmock.h>

#include <cstdlib>

#include "conformance/consensus_suite.h"

namespace swarm::conformance {

// Some programs use only the rig, or keep their log in memory.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ConsensusDurabilitySuite);

namespace {

using testing::IsEmpty;

TEST_P(ConsensusDurabilitySuite, RestartReplaysExactlyWhatWasCommitted) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const LeaderEpoch first = rig_.state().leadership();
  rig_.Commit(50);
  const auto content = rig_.state().content();
  rig_.Shutdown();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(rig_.Boot(), Status::Ok());
    EXPECT_EQ(rig_.state().content(), content);
    EXPECT_GT(rig_.state().leadership(), first);
    EXPECT_EQ(rig_.state().commit_at_leader(), rig_.consensus().CommitIndex());
    rig_.Shutdown();
  }
}

TEST_P(ConsensusDurabilitySuite, GoesOnAfterARestartWithHigherIndices) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(3);
  const Index last = rig_.state().last_index();
  rig_.Shutdown();
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(3);
  EXPECT_EQ(rig_.state().Names(), rig_.proposed());
  EXPECT_GT(rig_.state().content()[3].first, last);
}

TEST_P(ConsensusDurabilitySuite, ASnapshotStandsForTheLogBeforeIt) {
  rig_.setup.snapshot_interval = 10;
  rig_.setup.node.state_dir = "/state";
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(5);
  rig_.Settle();
  EXPECT_EQ(rig_.state().captures(), 0) << "not before the interval is over";
  for (int i = 0; i < 6; ++i) {
    rig_.Commit(5);
    rig_.Settle();
  }
  EXPECT_GE(rig_.state().captures(), 2);
  const auto content = rig_.state().content();
  rig_.Shutdown();
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  EXPECT_EQ(rig_.state().restores(), 1);
  EXPECT_EQ(rig_.state().content(), content);
  rig_.Commit(12);
  EXPECT_EQ(rig_.state().Names(), rig_.proposed());
}

// Crashes before each sync of a run in turn, many times over in a soak.
void CrashAtEverySync(const ConsensusFactory& factory, std::uint64_t snapshot_interval) {
  const std::uint64_t rounds = std::getenv("SWARM_SOAK") != nullptr ? 50 : 1;
  std::uint64_t syncs = 0;
  ASSERT_EQ(RunCrashPlan(factory, {.snapshot_interval = snapshot_interval}, &syncs), "");
  ASSERT_GT(syncs, 10U);
  for (std::uint64_t run = 0; run < syncs * rounds; ++run) {
    const CrashPlan plan{
        .seed = run + 1, .crash_at = run % syncs, .snapshot_interval = snapshot_interval};
    ASSERT_EQ(RunCrashPlan(factory, plan), "") << "seed " << plan.seed << ", sync " << run % syncs;
  }
}

TEST_P(ConsensusDurabilitySuite, ACrashAtAnySyncKeepsWhatWasReported) {
  CrashAtEverySync(GetParam(), 0);
}

TEST_P(ConsensusDurabilitySuite, ACrashAtAnySyncOfASnapshotKeepsWhatWasReported) {
  CrashAtEverySync(GetParam(), 7);
}

TEST_P(ConsensusDurabilitySuite, AFullDiskRefusesAndWorksAgainOnceThereIsSpace) {
  rig_.setup.small_files = true;
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(5);
  rig_.machine().disk().SetCapacity(0);
  rig_.Open();
  while (rig_.state().refusals().empty() && rig_.proposed().size() < 1000) {
    rig_.Propose(10'000);
    rig_.Propose(100);
    rig_.simulation().RunFor(std::chrono::milliseconds(1));
  }
  rig_.Settle();
  ASSERT_FALSE(rig_.state().refusals().empty());
  EXPECT_EQ(rig_.state().refusals()[0].why.code(), Code::kResourceExhausted);
  EXPECT_TRUE(rig_.state().leads());
  const std::vector<std::string> before = rig_.state().Names();
  rig_.Open();
  rig_.Propose(200'000);
  rig_.Settle();
  EXPECT_EQ(rig_.state().Names(), before) << "still full";

  rig_.machine().disk().SetCapacity(UINT64_MAX);
  rig_.Commit(20, 10'000);
  const auto content = rig_.state().content();
  EXPECT_EQ(content.size(), before.size() + 20);
  rig_.Crash();
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  EXPECT_EQ(rig_.state().content(), content);
}

TEST_P(ConsensusDurabilitySuite, AFailedSyncEndsLeadershipUntilTheRestart) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(5);
  const std::size_t reported = rig_.state().content().size();
  rig_.machine().disk().FailSyncs(1);
  rig_.Open();
  rig_.Propose();
  rig_.Propose();
  ASSERT_TRUE(rig_.RunUntil([&] { return !rig_.state().leads(); }));
  rig_.Settle();
  EXPECT_EQ(rig_.state().content().size(), reported) << "the sync failed, so nothing is sure";
  EXPECT_FALSE(rig_.consensus().Leader().self);
  EXPECT_EQ(rig_.consensus().Leader().node_id, "");
  EXPECT_EQ(rig_.consensus().OpenEpoch(rig_.state().leadership()).status().code(),
            Code::kUnavailable);
  rig_.Propose();
  rig_.Settle();
  rig_.Shutdown();
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  EXPECT_GE(rig_.state().content().size(), reported);
  rig_.Commit(1);
}

TEST_P(ConsensusDurabilitySuite, ReadLogReachesBackOverARestart) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(4);
  const auto content = rig_.state().content();
  rig_.Shutdown();
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(1);
  const auto read = rig_.ReadLog(content[0].first, rig_.consensus().CommitIndex());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->size(), 4U);
}

TEST_P(ConsensusDurabilitySuite, ReadLogSaysWhenEntriesAreGone) {
  rig_.setup.snapshot_interval = 600;
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  for (int i = 0; i < 7; ++i) rig_.Commit(100);
  rig_.Settle();
  ASSERT_GE(rig_.state().captures(), 1);
  rig_.Shutdown();
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  EXPECT_EQ(rig_.ReadLog(Index(1), rig_.consensus().CommitIndex()).status(),
            Status(Code::kOutOfRange, "requested index is unavailable due to compaction"));
}

TEST_P(ConsensusDurabilitySuite, TheLogKeepsNothingReadable) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Open();
  const std::string secret = rig_.Propose(200);
  ASSERT_TRUE(rig_.Drain());
  rig_.Shutdown();
  std::vector<std::string> folders = {rig_.setup.node.state_dir};
  std::size_t files = 0;
  VirtualDisk& disk = rig_.machine().disk();
  while (!folders.empty()) {
    const std::string folder = folders.back();
    folders.pop_back();
    const Result<std::vector<std::string>> names = disk.List(folder);
    if (!names.ok()) {
      const Result<std::string> content = ReadFile(disk, folder);
      ASSERT_TRUE(content.ok()) << folder;
      EXPECT_EQ(content->find(secret), std::string::npos) << folder;
      ++files;
      continue;
    }
    for (const std::string& name : *names) folders.push_back(folder + "/" + name);
  }
  EXPECT_GT(files, 0U);
}

}  // namespace
}  // namespace swarm::conformance
