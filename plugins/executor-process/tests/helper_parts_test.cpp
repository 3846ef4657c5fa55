// Parts of swarm-task that need no process.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "health.h"
#include "output.h"

namespace swarm::executor_process {
namespace {

// --- health ---

class HealthRulesTest : public testing::Test {
 protected:
  HealthRulesTest() {
    rules_.command = {"true"};
    rules_.interval = 100;
    rules_.timeout = 10;
    rules_.retries = 3;
    rules_.start_period = 0;
    rules_.start_interval = 20;
  }
  PlanHealth rules_;
};

// Pinned by Docker Engine: how many failures, in a row, make a task unhealthy.
TEST_F(HealthRulesTest, SoManyFailuresInARow) {
  Health health(rules_, 1000);
  EXPECT_EQ(health.next(), 1100);
  EXPECT_FALSE(health.OnResult(false, 1100, 1105));
  EXPECT_EQ(health.next(), 1205) << "an interval after the last has ended";
  EXPECT_FALSE(health.OnResult(false, 1205, 1205));
  EXPECT_TRUE(health.OnResult(true, 1305, 1305));
  EXPECT_EQ(health.state(), Health::State::kHealthy);
  EXPECT_FALSE(health.OnResult(false, 1405, 1405));
  EXPECT_FALSE(health.OnResult(false, 1505, 1505));
  EXPECT_TRUE(health.OnResult(false, 1605, 1605));
  EXPECT_EQ(health.state(), Health::State::kUnhealthy);
  EXPECT_EQ(health.failures(), 3);
  EXPECT_TRUE(health.OnResult(true, 1705, 1705)) << "it may recover";
}

// Pinned by Docker Engine: failures do not count while a task is given time to start.
TEST_F(HealthRulesTest, FailuresInTheStartPeriodDoNotCount) {
  rules_.start_period = 1000;
  rules_.retries = 1;
  Health health(rules_, 0);
  EXPECT_EQ(health.next(), 20) << "probes are more frequent";
  EXPECT_FALSE(health.OnResult(false, 20, 30));
  EXPECT_FALSE(health.OnResult(false, 999, 1002));
  EXPECT_EQ(health.failures(), 0);
  EXPECT_EQ(health.next(), 1102);
  EXPECT_TRUE(health.OnResult(false, 1102, 1102));
}

TEST_F(HealthRulesTest, OnceHealthyTheStartPeriodIsOver) {
  rules_.start_period = 1000;
  rules_.retries = 1;
  Health health(rules_, 0);
  EXPECT_TRUE(health.OnResult(true, 20, 20));
  EXPECT_EQ(health.next(), 120);
  EXPECT_TRUE(health.OnResult(false, 120, 120));
  EXPECT_EQ(health.state(), Health::State::kUnhealthy);
}

// --- output ---

std::int64_t test_time = 0;
std::int64_t TestClock() { return test_time; }

class OutputTest : public testing::Test {
 protected:
  OutputTest() {
    char name[] = "/tmp/swarm-output-XXXXXX";
    folder_ = mkdtemp(name);
    test_time = 1'000'000'000;
  }
  ~OutputTest() override { std::filesystem::remove_all(folder_); }
  std::string Text(int number) const {
    std::ostringstream out;
    out << std::ifstream(folder_ + "/" + std::to_string(number)).rdbuf();
    return out.str();
  }
  std::string folder_;
  OutputStream out_{"stdout", ""};
  OutputStream err_{"stderr", ""};
};

TEST_F(OutputTest, LinesAreRecordsWithTheirTime) {
  OutputLog log(folder_, 1 << 20, 2, &TestClock);
  log.Add(out_, "one\ntw");
  log.Add(err_, "bad\n");
  test_time = 500'000'000;  // set back
  log.Add(out_, "o\n");
  log.Add(out_, "rest");
  log.End(out_);
  EXPECT_EQ(Text(1),
            "1970-01-01T00:00:01.000000000Z stdout F one\n"
            "1970-01-01T00:00:01.000000000Z stderr F bad\n"
            "1970-01-01T00:00:01.000000000Z stdout F two\n"
            "1970-01-01T00:00:01.000000000Z stdout P rest\n");
}

TEST_F(OutputTest, LongLinesComeInPieces) {
  OutputLog log(folder_, 1 << 20, 2, &TestClock);
  log.Add(out_, std::string(OutputLog::kLongest + 3, 'x') + "\n");
  const std::string text = Text(1);
  EXPECT_NE(text.find(" P " + std::string(OutputLog::kLongest, 'x') + "\n"), std::string::npos);
  EXPECT_NE(text.find(" F xxx\n"), std::string::npos);
}

TEST_F(OutputTest, ALineOfExactlyAPieceIsWhole) {
  OutputLog log(folder_, 1 << 20, 2, &TestClock);
  log.Add(out_, std::string(OutputLog::kLongest - 1, 'x') + "\n");
  EXPECT_NE(Text(1).find(" F xxx"), std::string::npos);
  EXPECT_EQ(Text(1).find(" P "), std::string::npos);
}

TEST_F(OutputTest, FilesAreBoundedInSizeAndNumber) {
  OutputLog log(folder_, 1000, 3, &TestClock);
  for (int i = 0; i < 100; ++i) log.Add(out_, "a line of some length\n");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    EXPECT_LE(entry.file_size(), 1000u);
    ++files;
  }
  EXPECT_EQ(files, 3);
}

TEST_F(OutputTest, WhatCannotBeWrittenIsCountedAndTold) {
  OutputLog log(folder_, 1 << 20, 2, &TestClock);
  // No file can be made where a folder is.
  ASSERT_EQ(mkdir((folder_ + "/1").c_str(), 0700), 0);
  log.Add(out_, "lost\nlost too\n");
  std::filesystem::remove(folder_ + "/1");
  log.Add(out_, "kept\n");
  EXPECT_EQ(Text(1),
            "1970-01-01T00:00:01.000000000Z stderr F swarm-task: 14 bytes of output were lost: "
            "Is a directory\n"
            "1970-01-01T00:00:01.000000000Z stdout F kept\n");
}

}  // namespace
}  // namespace swarm::executor_process
