// Tables, times, sizes and flags, as scripts know them.
#include "words.h"

#include <gtest/gtest.h>

#include "flags.h"
#include "service_flags.h"
#include "table.h"

namespace swarm::ctl {
namespace {

using namespace std::chrono_literals;

TEST(WordsTest, SaysHowLongAgo) {
  const WallTime now(1'000'000'000s);
  const auto ago = [now](Duration d) { return RelativeTime(now - d, now); };
  EXPECT_EQ(ago(0s), "now");
  EXPECT_EQ(ago(1s), "1 second ago");
  EXPECT_EQ(ago(59s), "59 seconds ago");
  EXPECT_EQ(ago(60s), "1 minute ago");
  EXPECT_EQ(ago(13min), "13 minutes ago");
  EXPECT_EQ(ago(1h), "1 hour ago");
  EXPECT_EQ(ago(23h), "23 hours ago");
  EXPECT_EQ(ago(24h), "1 day ago");
  EXPECT_EQ(ago(6 * 24h), "6 days ago");
  EXPECT_EQ(ago(13 * 24h), "1 week ago");
  EXPECT_EQ(ago(29 * 24h), "4 weeks ago");
  EXPECT_EQ(ago(31 * 24h), "1 month ago");
  EXPECT_EQ(ago(359 * 24h), "11 months ago");
  EXPECT_EQ(ago(361 * 24h), "1 year ago");
  EXPECT_EQ(ago(719 * 24h), "2 years ago");
  EXPECT_EQ(ago(37 * 360 * 24h), "a long while ago");
  EXPECT_EQ(ago(-5s), "5 seconds from now");
}

TEST(WordsTest, ShowsSizesAndTimes) {
  EXPECT_EQ(IecBytes(9), "9 B");
  EXPECT_EQ(IecBytes(1536 << 10), "1.5 MiB");
  EXPECT_EQ(IecBytes(64 << 20), "64 MiB");
  EXPECT_EQ(IecBytes(std::uint64_t{24} << 30), "24 GiB");
  google::protobuf::Timestamp time;
  time.set_seconds(1'600'000'000);
  time.set_nanos(120'000'000);
  EXPECT_EQ(AbsoluteTime(time), "2020-09-13T12:26:40.12Z");
}

TEST(TableTest, PadsColumnsButNotLastCells) {
  Table table = ListTable();
  table.Header({"ID", "Name"});
  table.Row({"longer-id", "x"});
  EXPECT_EQ(table.Text(), "ID         Name\n--         ----\nlonger-id  x\n");
}

TEST(TableTest, EndsABlockAtALineWithoutTabs) {
  Table table = SummaryTable();
  table.Line("ID\t: 1");
  table.Line("Status:\t");
  table.Line("no tab");
  table.Line("Name\t: 2");
  EXPECT_EQ(table.Text(), "ID             : 1\nStatus:        \nno tab\nName        : 2\n");
}

Flags AFlags() {
  return Flags({{"name", 'n', FlagKind::kString, "", ""},
                {"args", 0, FlagKind::kStrings, "", ""},
                {"replicas", 0, FlagKind::kUint, "1", ""},
                {"delay", 0, FlagKind::kDuration, "", ""},
                {"init", 0, FlagKind::kBool, "", ""}});
}

std::string ErrorOf(std::vector<std::string> arguments) {
  Flags flags = AFlags();
  return flags.Parse(arguments).message();
}

TEST(FlagsTest, ReadsEveryNotation) {
  Flags flags = AFlags();
  std::vector<std::string> arguments = {"x",       "--name=a", "--args", "1,\"2,3\"",  "--args",
                                        "4",       "--init",   "y",      "--replicas", "0x10",
                                        "--delay", "1m30s",    "--",     "--name"};
  ASSERT_TRUE(flags.Parse(arguments).ok());
  EXPECT_EQ(arguments, (std::vector<std::string>{"x", "y", "--name"}));
  EXPECT_EQ(flags.String("name"), "a");
  EXPECT_EQ(flags.Strings("args"), (std::vector<std::string>{"1", "2,3", "4"}));
  EXPECT_EQ(flags.Uint("replicas"), 16U);
  EXPECT_EQ(flags.Time("delay"), 90s);
  EXPECT_TRUE(flags.Bool("init"));
  std::vector<std::string> more = {"-nb", "--init=false"};
  ASSERT_TRUE(flags.Parse(more).ok());
  EXPECT_EQ(flags.String("name"), "b");
  EXPECT_TRUE(flags.Given("init"));
  EXPECT_FALSE(flags.Bool("init"));
}

TEST(FlagsTest, WordsErrorsAsKnown) {
  EXPECT_EQ(ErrorOf({"--x"}), "unknown flag: --x");
  EXPECT_EQ(ErrorOf({"-x"}), "unknown shorthand flag: 'x' in -x");
  EXPECT_EQ(ErrorOf({"--name"}), "flag needs an argument: --name");
  EXPECT_EQ(ErrorOf({"--replicas", "-1"}),
            "invalid argument \"-1\" for \"--replicas\" flag: strconv.ParseUint: parsing \"-1\": "
            "invalid syntax");
  EXPECT_EQ(ErrorOf({"--delay", "x"}),
            "invalid argument \"x\" for \"--delay\" flag: time: invalid duration \"x\"");
}

// Pinned by SwarmKit.
TEST(ServiceValuesTest, ReadsSizesCpusAndPorts) {
  EXPECT_EQ(*ParseMemory("64m"), 64 << 20);
  EXPECT_EQ(*ParseMemory("1GB"), 1 << 30);
  EXPECT_EQ(ParseMemory("12x").status().message(), "invalid size: '12x'");
  EXPECT_EQ(*ParseNanoCpus("0.5"), 500'000'000);
  EXPECT_EQ(*ParseNanoCpus("1/2"), 500'000'000);
  EXPECT_EQ(ParseNanoCpus("abc").status().message(), "invalid cpu: abc");
  EXPECT_EQ(ParseNanoCpus("0.0000000001").status().message(),
            "CPU value cannot have more than 9 decimal places: 0.0000000001");
  EXPECT_EQ(ParsePort("http:80/tcp:8080")->published_port(), 8080U);
  EXPECT_EQ(ParsePort("dns:53/udp:53").status().message(), "protocol mismatch");
  EXPECT_EQ(ParsePort("http").status().message(), "insufficient parameters in port configuration");
  EXPECT_EQ(ParsePort("a:1/xyz").status().message(),
            "failed to parse port: invalid protocol string: xyz");
  EXPECT_EQ(ParseUlimit("nofile=1:2")->hard(), 2);
  EXPECT_EQ(ParseUlimit("x=1").status().message(), "invalid ulimit type: x");
}

}  // namespace
}  // namespace swarm::ctl
