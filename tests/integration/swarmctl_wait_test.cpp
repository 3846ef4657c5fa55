// --wait of the real swarmctl against a real manager: on a terminal and elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/cluster.h"
#include "terminal.h"

namespace swarm::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

class SwarmctlWaitTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(manager_.Start()) << manager_.log(); }

  std::vector<std::string> Line(const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> out = {BuildDirectory() + "/bin/swarmctl",
                                    "--socket",
                                    manager_.socket(),
                                    "service",
                                    "create",
                                    "--name",
                                    name,
                                    "--image",
                                    "any",
                                    "--wait",
                                    "--timeout",
                                    "50s"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  Manager manager_;
};

TEST_F(SwarmctlWaitTest, DrawsItsProgressInPlaceOnATerminal) {
  TerminalProgram program(Line("web", {"--replicas", "4", "--args", "sleep,3600"}));
  EXPECT_EQ(program.Wait(), 0) << program.bytes();
  const auto lines = program.screen().Lines();
  // The id, the block in its last state, and the end: nothing of the states before is left.
  ASSERT_EQ(lines.size(), 4U) << program.bytes();
  EXPECT_EQ(lines[0].size(), 25U);
  EXPECT_EQ(lines[1], "web: 4/4 running");
  EXPECT_EQ(lines[2], "  running     [##############################] 4");
  EXPECT_EQ(lines[3], "web: converged");
  EXPECT_THAT(program.bytes(), ContainsRegex("\x1b\\[[1-9]A")) << "it was drawn more than once";
}

TEST_F(SwarmctlWaitTest, AnInterruptEndsTheWaitButNotTheService) {
  TerminalProgram program(
      Line("web", {"--args", "sleep,3600", "--constraint", "node.id==nowhere"}));
  ASSERT_TRUE(program.AwaitLine("no suitable node")) << program.bytes();
  program.Type("\x03");
  EXPECT_EQ(program.Wait(), 255) << program.bytes();
  EXPECT_THAT(program.bytes(), HasSubstr("no longer waiting for service web, which goes on"));
  EXPECT_THAT(manager_.Ctl({"service", "ls"}).out, HasSubstr("web"));
}

TEST_F(SwarmctlWaitTest, PrintsLinesElsewhere) {
  const Finished created = Execute(Line("web", {"--replicas", "2", "--args", "sleep,3600"}));
  EXPECT_EQ(created.code, 0) << created.err;
  EXPECT_EQ(created.out.size(), 26U) << "the id alone: " << created.out;
  EXPECT_THAT(created.err, HasSubstr("web: 2/2 running\nweb: converged\n"));
  EXPECT_EQ(created.err.find('\x1b'), std::string::npos);

  const Finished updated =
      manager_.Ctl({"service", "update", "web", "--args", "sleep,3601", "--wait"});
  EXPECT_EQ(updated.code, 0) << updated.err;
  EXPECT_THAT(updated.err, HasSubstr("web: converged\n"));
  EXPECT_EQ(manager_.TasksIn("RUNNING"), 2);

  const Finished removed = manager_.Ctl({"service", "remove", "web", "--wait"});
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_THAT(removed.err, testing::EndsWith("web: removed\n"));
  EXPECT_EQ(manager_.TasksIn("RUNNING"), 0);
}

TEST_F(SwarmctlWaitTest, FailsWithTheErrorOfATaskThatKeepsFailing) {
  const Finished failed =
      Execute(Line("bad", {"--args", "false", "--restart-delay", "50ms", "--max-failures", "3"}));
  EXPECT_EQ(failed.code, 255) << failed.err;
  EXPECT_THAT(failed.err, HasSubstr("Error: service bad does not converge: bad.1 failed "));
  EXPECT_THAT(failed.err, HasSubstr("exit"));
}

TEST_F(SwarmctlWaitTest, FailsAtOnceWhereNothingIsStartedAgain) {
  const Finished failed = Execute(Line("once", {"--args", "false", "--restart-condition", "none"}));
  EXPECT_EQ(failed.code, 255) << failed.err;
  EXPECT_THAT(failed.err, HasSubstr("its restart policy does not start it again"));
}

TEST_F(SwarmctlWaitTest, GivesUpWhenItsTimeIsOver) {
  const Finished late =
      manager_.Ctl({"service", "create", "--name", "x", "--image", "any", "--constraint",
                    "node.id==nowhere", "--wait", "--timeout", "1s"});
  EXPECT_EQ(late.code, 255);
  EXPECT_THAT(late.err, HasSubstr("Error: service x is not there yet: 0/1 running"));
  EXPECT_THAT(late.err, HasSubstr("gave up after 1s, as --timeout says"));
}

}  // namespace
}  // namespace swarm::test
