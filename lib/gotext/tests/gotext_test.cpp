#include "gotext/gotext.h"

#include <gtest/gtest.h>

#include <limits>

namespace swarm::gotext {
namespace {

using namespace std::chrono_literals;

TEST(GotextTest, QuotesWhatCannotBeShown) {
  EXPECT_EQ(Quote("plain"), "\"plain\"");
  EXPECT_EQ(Quote("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Quote("\n\t\x01\x7f"), R"("\n\t\x01\x7f")");
  EXPECT_EQ(Quote("\xc3\xa9\xff"), "\"\xc3\xa9\\xff\"");
}

TEST(GotextTest, PrintsTheShortestFloat) {
  EXPECT_EQ(ShortestFloat(0.5), "0.5");
  EXPECT_EQ(ShortestFloat(0.0001), "0.0001");
  EXPECT_EQ(ShortestFloat(0.00001), "1e-05");
  EXPECT_EQ(ShortestFloat(4.2e-8), "4.2e-08");
  EXPECT_EQ(ShortestFloat(2), "2");
  EXPECT_EQ(ShortestFloat(1234567), "1.234567e+06");
  EXPECT_EQ(ShortestFloat(100000), "100000");
  EXPECT_EQ(ShortestFloat(0), "0");
  EXPECT_EQ(ShortestFloat(-1), "-1");
}

TEST(GotextTest, PrintsDurations) {
  EXPECT_EQ(FormatDuration(0ns), "0s");
  EXPECT_EQ(FormatDuration(5s), "5s");
  EXPECT_EQ(FormatDuration(90s), "1m30s");
  EXPECT_EQ(FormatDuration(2160h), "2160h0m0s");
  EXPECT_EQ(FormatDuration(500ms), "500ms");
  EXPECT_EQ(FormatDuration(1500ms), "1.5s");
  EXPECT_EQ(FormatDuration(1100us), "1.1ms");
  EXPECT_EQ(FormatDuration(1us), "1\xc2\xb5s");
  EXPECT_EQ(FormatDuration(-1ns), "-1ns");
  EXPECT_EQ(FormatDuration(Duration::min()), "-2562047h47m16.854775808s");
}

TEST(GotextTest, ReadsDurations) {
  EXPECT_EQ(*ParseDuration("1h30m"), 90min);
  EXPECT_EQ(*ParseDuration("1.5s"), 1500ms);
  EXPECT_EQ(*ParseDuration(".5s"), 500ms);
  EXPECT_EQ(*ParseDuration("0.3s"), 300ms);
  EXPECT_EQ(*ParseDuration("-2ms"), -2ms);
  EXPECT_EQ(*ParseDuration("+3us"), 3us);
  EXPECT_EQ(*ParseDuration("0"), 0ns);
  EXPECT_EQ(*ParseDuration("9223372036854775807ns"), Duration::max());
  EXPECT_EQ(*ParseDuration("-9223372036854775808ns"), Duration::min());
}

TEST(GotextTest, RefusesBadDurations) {
  const auto error = [](std::string_view text) { return ParseDuration(text).status().message(); };
  EXPECT_EQ(error(""), "time: invalid duration \"\"");
  EXPECT_EQ(error("x"), "time: invalid duration \"x\"");
  EXPECT_EQ(error("5"), "time: missing unit in duration \"5\"");
  EXPECT_EQ(error("5d"), "time: unknown unit \"d\" in duration \"5d\"");
  EXPECT_EQ(error("9223372036854775808ns"), "time: invalid duration \"9223372036854775808ns\"");
  EXPECT_EQ(error("3000000h"), "time: invalid duration \"3000000h\"");
}

TEST(GotextTest, ReadsBackWhatItPrinted) {
  for (const Duration d :
       std::initializer_list<Duration>{1ns, 1001ns, 1s + 1ns, 59min + 59s, 100h + 1ms}) {
    EXPECT_EQ(*ParseDuration(FormatDuration(d)), d) << FormatDuration(d);
  }
}

}  // namespace
}  // namespace swarm::gotext
