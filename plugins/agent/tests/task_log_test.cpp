#include "task_log.h"

#include <gtest/gtest.h>

#include "swarm/simulation.h"

namespace swarm::agent {
namespace {

using Kind = TaskRecord::Kind;

class TaskLogTest : public testing::Test {
 protected:
  StoredTasks Reopen() {
    log.reset();
    log = std::make_unique<TaskLog>(machine.runtime().files(), "/state/worker");
    auto tasks = log->Open();
    EXPECT_TRUE(tasks.ok()) << tasks.status();
    return tasks.ok() ? *tasks : StoredTasks();
  }
  void Append(std::vector<TaskRecord> records) {
    Status status = log->Append(records);
    ASSERT_TRUE(status.ok()) << status;
  }

  Simulation sim{3};
  Machine& machine = sim.AddMachine("node");
  std::unique_ptr<TaskLog> log;
};

TEST_F(TaskLogTest, BeginsEmptyAndKeepsWhatWasWritten) {
  EXPECT_TRUE(Reopen().empty());
  Append({{Kind::kTask, "a", "task-a"}, {Kind::kStatus, "a", "one"}, {Kind::kTask, "b", "task-b"}});
  Append({{Kind::kStatus, "a", "two"}, {Kind::kReleased, "b", ""}});
  auto tasks = Reopen();
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks["a"].task, "task-a");
  EXPECT_EQ(tasks["a"].status, "two");
  EXPECT_TRUE(tasks["a"].assigned);
  EXPECT_FALSE(tasks["b"].assigned);
  Append({{Kind::kForgotten, "b", ""}, {Kind::kStatus, "b", "late"}});
  EXPECT_EQ(Reopen().size(), 1u);
}

TEST_F(TaskLogTest, FolderBelongsToOneAtATime) {
  Reopen();
  TaskLog other(machine.runtime().files(), "/state/worker");
  EXPECT_EQ(other.Open().status().code(), Code::kFailedPrecondition);
}

TEST_F(TaskLogTest, TornEndIsCutAndWritingGoesOn) {
  Reopen();
  Append({{Kind::kTask, "a", "task-a"}});
  log.reset();
  auto file =
      machine.runtime().files().Open("/state/worker/tasks.v1.log", {.mode = OpenMode::kWrite});
  ASSERT_TRUE(file.ok());
  std::string torn = EncodeRecord({Kind::kTask, "b", "task-b"});
  ASSERT_TRUE((*file)->Write(*(*file)->Size(), torn.substr(0, torn.size() - 1)).ok());
  file->reset();
  EXPECT_EQ(Reopen().size(), 1u);
  Append({{Kind::kTask, "c", "task-c"}});
  auto tasks = Reopen();
  EXPECT_EQ(tasks.size(), 2u);
  EXPECT_TRUE(tasks.contains("c"));
}

TEST_F(TaskLogTest, DecodingAnythingEndsAtTheFirstBadRecord) {
  std::string good = EncodeRecord({Kind::kTask, "a", "x"});
  std::size_t end = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x40);
    EXPECT_TRUE(DecodeRecords(bad + good, &end).empty()) << i;
    EXPECT_EQ(end, 0u);
  }
  EXPECT_EQ(DecodeRecords(good + std::string(64, '\0'), &end).size(), 1u);
  EXPECT_EQ(end, good.size());
}

TEST_F(TaskLogTest, OutdatedRecordsAreDropped) {
  Reopen();
  const std::string status(1000, 's');
  for (int i = 0; i < 2000; ++i) {
    Append({{Kind::kTask, "a", "task"}, {Kind::kStatus, "a", status + std::to_string(i)}});
  }
  auto size = (*machine.runtime().files().Open("/state/worker/tasks.v1.log", {}))->Size();
  EXPECT_LT(*size, 300u << 10);
  auto tasks = Reopen();
  EXPECT_EQ(tasks["a"].status, status + "1999");
}

// What was appended survives every crash, whatever the disk does with what was not synced; of the
// rest some whole prefix may.
TEST(TaskLogCrashTest, AppendedRecordsSurviveCrashes) {
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Simulation sim(seed);
    Machine& machine = sim.AddMachine("node");
    int durable = 0;
    for (int life = 0; life < 4; ++life) {
      TaskLog log(machine.runtime().files(), "/state/worker");
      auto tasks = log.Open();
      ASSERT_TRUE(tasks.ok()) << tasks.status() << " seed " << seed;
      for (int i = 0; i < durable; ++i) {
        ASSERT_TRUE(tasks->contains("t" + std::to_string(i))) << "seed " << seed;
      }
      for (int i = 0; i < 5; ++i) {
        // Large enough for rewriting to take part.
        std::string id = "t" + std::to_string(durable);
        Status status = log.Append({{Kind::kTask, id, std::string(40000, 'x')}});
        ASSERT_TRUE(status.ok()) << status;
        durable += 1;
      }
      if (sim.random().Below(2) == 0) {
        machine.disk().FailSyncs(1);
        EXPECT_FALSE(log.Append({{Kind::kTask, "unsure", "x"}}).ok());
      }
      machine.Crash();
    }
    lost += machine.disk().lost_writes() + machine.disk().torn_writes();
  }
  EXPECT_GT(lost, 0u) << "the crashes must have taken something";
}

// A log without its syncs must be caught by the test above: this is its mutant.
TEST(TaskLogCrashTest, MissingSyncsLoseRecords) {
  bool caught = false;
  for (std::uint64_t seed = 1; seed <= 40 && !caught; ++seed) {
    Simulation sim(seed);
    Machine& machine = sim.AddMachine("node");
    machine.disk().OnSync([](std::uint64_t, std::string_view) { return false; });
    {
      TaskLog log(machine.runtime().files(), "/state/worker");
      ASSERT_TRUE(log.Open().ok());
      ASSERT_TRUE(log.Append({{Kind::kTask, "a", std::string(2000, 'x')}}).ok());
      machine.Crash();
    }
    TaskLog log(machine.runtime().files(), "/state/worker");
    auto tasks = log.Open();
    caught = tasks.ok() && !tasks->contains("a");
  }
  EXPECT_TRUE(caught);
}

}  // namespace
}  // namespace swarm::agent
