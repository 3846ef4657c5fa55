#include "generic/parse.h"

#include <gtest/gtest.h>

namespace swarm::generic {
namespace {

TEST(GenericParseTest, ACountIsDiscreteAndNamesAreASet) {
  const auto parsed = Parse(" gpu = UUID1 ,gpu=UUID2,fpga=3");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->size(), 3u);
  EXPECT_EQ((*parsed)[0].named_resource_spec().value(), "UUID1");
  EXPECT_EQ((*parsed)[1].named_resource_spec().value(), "UUID2");
  EXPECT_EQ((*parsed)[2].discrete_resource_spec().kind(), "fpga");
  EXPECT_EQ((*parsed)[2].discrete_resource_spec().value(), 3);
  EXPECT_TRUE(Parse("")->empty());
}

TEST(GenericParseTest, RefusesWhatIsNotOneRecordOfTerms) {
  EXPECT_EQ(
      Parse("foo").status().message(),
      "could not parse GenericResource: incorrect term foo, missing '=' or malformed expression");
  for (const char* text : {"a=b=c", "a=1\nb=2", "gpu=-1", "gpu=1,gpu=UUID", "gpu=UUID,gpu=1", "=1",
                           "gpu=", "gpu=1,", "\"gpu=1"}) {
    EXPECT_FALSE(Parse(text).ok()) << text;
  }
}

// Pinned by SwarmKit.
TEST(GenericParseTest, KindsAreToldApartByTheirValues) {
  const auto parsed = Parse("apple=3,orange=red,orange=green,orange=blue,pear=0");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->size(), 5u);
  EXPECT_EQ((*parsed)[0].discrete_resource_spec().value(), 3);
  for (std::size_t i = 1; i < 4; ++i)
    EXPECT_EQ((*parsed)[i].named_resource_spec().kind(), "orange");
  EXPECT_EQ((*parsed)[4].discrete_resource_spec().kind(), "pear");
  for (const char* text : {"apple=3,apple=4", "apple=-3", "apple=3\n", "apple=3,apple=red"}) {
    const auto refused = Parse(text);
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_TRUE(refused.status().message().starts_with("could not parse GenericResource: "));
  }
}

}  // namespace
}  // namespace swarm::generic
