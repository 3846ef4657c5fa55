// A task's output, as its readers get it.
#include <signal.h>

#include "process_fixture.h"

namespace swarm::executor_process {
namespace {

class LogsTest : public ProcessFixture {
 protected:
  struct Reading {
    std::vector<LogLine> lines;
    std::optional<Status> end;
    std::shared_ptr<void> handle;

    std::string text(bool errors = false) const {
      std::string out;
      for (const LogLine& line : lines) {
        if (line.standard_error == errors) out += line.data;
      }
      return out;
    }
  };
  std::shared_ptr<Reading> Read(bool follow, std::int64_t tail = 0, std::int64_t since = 0) {
    auto reading = std::make_shared<Reading>();
    auto* source = dynamic_cast<LogSource*>(controller_.get());
    reading->handle = source->Logs(
        follow, tail, since,
        [this, weak = std::weak_ptr(reading)](LogLine line) {
          rig_.Note([&] {
            if (const auto reading = weak.lock()) reading->lines.push_back(std::move(line));
          });
        },
        [this, weak = std::weak_ptr(reading)](Status status) {
          rig_.Note([&] {
            if (const auto reading = weak.lock()) reading->end = std::move(status);
          });
        });
    return reading;
  }
  std::shared_ptr<Reading> ReadAll(std::int64_t tail = 0, std::int64_t since = 0) {
    auto reading = Read(false, tail, since);
    EXPECT_TRUE(rig_.Until([&] { return reading->end.has_value(); }));
    EXPECT_TRUE(reading->end && reading->end->ok());
    return reading;
  }
};

TEST_F(LogsTest, BothStreamsWithTheirNewlines) {
  MakeShell("echo one; echo bad >&2; printf unfinished");
  EXPECT_TRUE(RunToEnd().status.ok());
  const auto reading = ReadAll();
  EXPECT_EQ(reading->text(), "one\nunfinished");
  EXPECT_EQ(reading->text(true), "bad\n");
  for (std::size_t i = 1; i < reading->lines.size(); ++i) {
    EXPECT_GE(reading->lines[i].unix_nanos, reading->lines[i - 1].unix_nanos);
  }
}

TEST_F(LogsTest, WhatWasNotStartedHasNoOutputYet) {
  MakeShell("true");
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  const auto reading = Read(true);
  ASSERT_TRUE(rig_.Until([&] { return reading->end.has_value(); }));
  EXPECT_EQ(reading->end->code(), Code::kNotFound);
}

TEST_F(LogsTest, TheTailAndWhatIsSkipped) {
  MakeShell("for i in 1 2 3 4 5; do echo $i; done");
  EXPECT_TRUE(RunToEnd().status.ok());
  // Pinned by SwarmKit: -n-1 counts from the end, -1 is nothing.
  EXPECT_EQ(ReadAll(-3)->text(), "4\n5\n");
  EXPECT_EQ(ReadAll(-1)->text(), "");
  EXPECT_EQ(ReadAll(-100)->text(), "1\n2\n3\n4\n5\n");
  EXPECT_EQ(ReadAll(3)->text(), "4\n5\n");
}

TEST_F(LogsTest, OnlyWhatIsNewer) {
  MakeShell("echo old; sleep 0.05; echo new");
  EXPECT_TRUE(RunToEnd().status.ok());
  const auto all = ReadAll();
  ASSERT_EQ(all->lines.size(), 2u);
  EXPECT_EQ(ReadAll(0, all->lines[1].unix_nanos)->text(), "new\n");
  EXPECT_EQ(ReadAll(0, all->lines[1].unix_nanos + 1)->text(), "");
}

TEST_F(LogsTest, FollowingGoesOnToTheEndOfTheTask) {
  MakeShell("trap 'echo last; exit 0' TERM; echo first; while :; do sleep 0.01; done");
  ASSERT_TRUE(StartUp().status.ok());
  const auto reading = Read(true);
  ASSERT_TRUE(rig_.Until([&] { return reading->text() == "first\n"; }));
  EXPECT_FALSE(reading->end.has_value());
  EXPECT_TRUE(Run(&Controller::Shutdown).status.ok());
  ASSERT_TRUE(rig_.Until([&] { return reading->end.has_value(); }));
  EXPECT_TRUE(reading->end->ok()) << *reading->end;
  EXPECT_EQ(reading->text(), "first\nlast\n");
}

TEST_F(LogsTest, FollowingEndsWhenTheSupervisorIsKilled) {
  MakeShell("echo first; exec sleep 3600");
  ASSERT_TRUE(StartUp().status.ok());
  const auto reading = Read(true);
  ASSERT_TRUE(rig_.Until([&] { return reading->text() == "first\n"; }));
  ASSERT_EQ(kill(View().record.supervisor, SIGKILL), 0);
  EXPECT_TRUE(rig_.Until([&] { return reading->end.has_value(); }));
}

TEST_F(LogsTest, AReaderThatLetsGoHearsNoMore) {
  MakeShell("while :; do echo again; sleep 0.001; done");
  ASSERT_TRUE(StartUp().status.ok());
  const auto reading = Read(true);
  ASSERT_TRUE(rig_.Until([&] { return reading->lines.size() > 10; }));
  reading->handle.reset();
  EXPECT_TRUE(Run(&Controller::Shutdown).status.ok());
  EXPECT_FALSE(reading->end.has_value());
}

TEST_F(LogsTest, FollowingGoesAcrossFilesAndOldOnesAreRemoved) {
  rig_.options().rules.output_size = 16 * 1024;
  rig_.options().rules.output_files = 3;
  rig_.Restart();
  MakeShell(
      "i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i+1)); done; "
      "trap 'exit 0' TERM; echo done; while :; do sleep 0.01; done");
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(&Controller::Start).status.ok());
  const auto reading = Read(true);
  ASSERT_TRUE(rig_.Until(
      [&] { return !reading->lines.empty() && reading->lines.back().data == "done\n"; }));
  const auto numbers = ListLogFiles(rig_.runtime().files(), rig_.TaskFile("log"));
  EXPECT_EQ(numbers.size(), 3u);
  EXPECT_GT(numbers.front(), 5u);
  EXPECT_EQ(ReadAll(-3)->text(), "line 3999\ndone\n");
  const std::string all = ReadAll()->text();
  EXPECT_TRUE(all.ends_with("line 3998\nline 3999\ndone\n"));
  for (const std::uint64_t number : numbers) {
    const auto file = rig_.runtime().files().Open(LogFilePath(rig_.TaskFile("log"), number), {});
    EXPECT_LE(*(*file)->Size(), 16u * 1024);
  }
}

TEST_F(LogsTest, ATaskMaySizeItsOwnOutputOrKeepNone) {
  pb::Driver& driver = *task_.mutable_log_driver();
  driver.set_name("json-file");
  (*driver.mutable_options())["max-size"] = "2k";
  (*driver.mutable_options())["max-file"] = "2";
  EXPECT_NE(OutputOf("i=0; while [ $i -lt 500 ]; do echo $i; i=$((i+1)); done"), "");
  EXPECT_EQ(ListLogFiles(rig_.runtime().files(), rig_.TaskFile("log")).size(), 2u);
  EXPECT_TRUE(Run(&Controller::Remove).status.ok());
  Close();
  driver.set_name("none");
  container().clear_command();
  container().clear_args();
  EXPECT_EQ(OutputOf("echo unheard"), "");
}

}  // namespace
}  // namespace swarm::executor_process
