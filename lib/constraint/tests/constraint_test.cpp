#include "constraint/constraint.h"

#include <gtest/gtest.h>

namespace swarm::constraint {
namespace {

pb::Node ANode() {
  pb::Node node;
  node.set_id("node0Id");
  node.set_role(pb::MANAGER);
  node.mutable_status()->set_addr("10.1.2.3");
  (*node.mutable_spec()->mutable_annotations()->mutable_labels())["Zone"] = "EU-1";
  auto* description = node.mutable_description();
  description->set_hostname("Host-1");
  description->mutable_platform()->set_os("linux");
  description->mutable_platform()->set_architecture("x86_64");
  (*description->mutable_engine()->mutable_labels())["disk"] = "ssd";
  return node;
}

bool Holds(std::string_view expression, const pb::Node& node = ANode()) {
  auto parsed = ParseOne(expression);
  EXPECT_TRUE(parsed.ok()) << expression << ": " << parsed.status();
  return parsed.ok() && Match(*parsed, node);
}

std::string ErrorOf(std::string_view expression) {
  auto parsed = ParseOne(expression);
  if (parsed.ok()) return "";
  EXPECT_EQ(parsed.status().code(), Code::kUnknown);
  return parsed.status().message();
}

TEST(ConstraintTest, RefusesAnExpressionWithoutOperator) {
  for (const char* text : {"", "node.id", "node.id=a", "node.id ! = a"}) {
    EXPECT_EQ(ErrorOf(text), "constraint expected one operator from ==, !=") << text;
  }
}

TEST(ConstraintTest, RefusesBadKeys) {
  EXPECT_EQ(ErrorOf("==a"), "key '' is invalid");
  EXPECT_EQ(ErrorOf("n==a"), "key 'n' is invalid");
  EXPECT_EQ(ErrorOf("1node==a"), "key '1node' is invalid");
  EXPECT_EQ(ErrorOf(" no de ==a"), "key 'no de' is invalid");
  EXPECT_EQ(ErrorOf("no*de==a"), "key 'no*de' is invalid");
  EXPECT_EQ(ErrorOf("node.labels.\xc3\xa9==a"), "key 'node.labels.\xc3\xa9' is invalid");
}

TEST(ConstraintTest, RefusesBadValues) {
  EXPECT_EQ(ErrorOf("node=="), "value '' is invalid");
  EXPECT_EQ(ErrorOf("node==#"), "value '#' is invalid");
  EXPECT_EQ(ErrorOf("node==a==b"), "value 'a==b' is invalid");
  EXPECT_EQ(ErrorOf("node==a,b"), "value 'a,b' is invalid");
}

TEST(ConstraintTest, LooksForEqualBeforeNotEqual) {
  EXPECT_EQ(ErrorOf("node!=a==b"), "key 'node!=a' is invalid");
}

TEST(ConstraintTest, AcceptsEveryPunctuationOfValues) {
  EXPECT_EQ(ErrorOf("node.labels.a== (a)?[b]*.+\\^$|/c:d-_"), "");
}

TEST(ConstraintTest, ReportsTheFirstBadExpressionOfAList) {
  Expressions list;
  *list.Add() = "node.id == a";
  *list.Add() = "nothing";
  EXPECT_EQ(Parse(list).status().message(), "constraint expected one operator from ==, !=");
  list.RemoveLast();
  EXPECT_EQ(Parse(list)->size(), 1U);
}

TEST(ConstraintTest, ComparesEachSubject) {
  EXPECT_TRUE(Holds("node.id == node0Id"));
  EXPECT_FALSE(Holds("node.id == node0I"));
  EXPECT_TRUE(Holds("node.id != other"));
  EXPECT_TRUE(Holds("node.hostname==Host-1"));
  EXPECT_TRUE(Holds("node.role == manager"));
  EXPECT_TRUE(Holds("node.role != worker"));
  EXPECT_TRUE(Holds("node.platform.os == Linux"));
  EXPECT_TRUE(Holds("node.platform.arch == x86_64"));
  EXPECT_FALSE(Holds("node.platform.arch == amd64"));
  EXPECT_TRUE(Holds("engine.labels.disk == SSD"));
}

TEST(ConstraintTest, IgnoresCaseOfKeysAndValuesButNotOfLabels) {
  EXPECT_TRUE(Holds("NODE.ID == NODE0ID"));
  EXPECT_TRUE(Holds("Node.Labels.Zone == eu-1"));
  EXPECT_FALSE(Holds("node.labels.zone == eu-1"));
  EXPECT_TRUE(Holds("node.labels.zone != eu-1"));
}

TEST(ConstraintTest, FoldsTheLettersOutsideAsciiThatEqualAscii) {
  pb::Node node = ANode();
  node.mutable_description()->set_hostname("\xe2\x84\xaalau\xc5\xbf");
  EXPECT_TRUE(Holds("node.hostname == klaus", node));
  EXPECT_TRUE(Holds("node.hostname == \xe2\x84\xaaLAUS", node));
}

TEST(ConstraintTest, ComparesWhatIsAbsentAsEmpty) {
  const pb::Node empty;
  for (const char* key : {"node.id", "node.hostname", "node.platform.os", "node.platform.arch",
                          "node.labels.a", "engine.labels.a"}) {
    EXPECT_FALSE(Holds(std::string(key) + " == a", empty)) << key;
    EXPECT_TRUE(Holds(std::string(key) + " != a", empty)) << key;
  }
}

TEST(ConstraintTest, NeverMatchesUnknownKeys) {
  for (const char* key : {"node.labels.", "node.labels", "node.name", "foo.bar", "__"}) {
    EXPECT_FALSE(Holds(std::string(key) + " == a")) << key;
    EXPECT_FALSE(Holds(std::string(key) + " != a")) << key;
  }
}

TEST(ConstraintTest, ComparesAddressesInAnyNotation) {
  EXPECT_TRUE(Holds("node.ip == 10.1.2.3"));
  EXPECT_TRUE(Holds("node.ip == ::ffff:10.1.2.3"));
  EXPECT_FALSE(Holds("node.ip == 10.1.2.4"));
  EXPECT_TRUE(Holds("node.ip != 10.1.2.4"));
  pb::Node six = ANode();
  six.mutable_status()->set_addr("2001:db8::2");
  EXPECT_TRUE(Holds("node.ip == 2001:DB8:0:0:0:0:0:2", six));
  EXPECT_TRUE(Holds("node.ip != 10.1.2.3", six));
}

TEST(ConstraintTest, ComparesAddressesWithSubnets) {
  EXPECT_TRUE(Holds("node.ip == 10.1.0.0/16"));
  EXPECT_TRUE(Holds("node.ip == 10.1.2.0/29"));
  EXPECT_FALSE(Holds("node.ip == 10.1.2.4/30"));
  EXPECT_FALSE(Holds("node.ip != 10.1.0.0/16"));
  EXPECT_TRUE(Holds("node.ip == 0.0.0.0/0"));
  EXPECT_FALSE(Holds("node.ip == ::/0"));
  EXPECT_TRUE(Holds("node.ip == ::ffff:10.1.0.0/112"));
}

TEST(ConstraintTest, FailsEqualityWithoutAnAddress) {
  pb::Node node = ANode();
  for (const char* address : {"", "nowhere", "10.1.2.3:4242"}) {
    node.mutable_status()->set_addr(address);
    EXPECT_FALSE(Holds("node.ip == 10.1.2.3", node)) << address;
    EXPECT_TRUE(Holds("node.ip != 10.1.2.3", node)) << address;
    EXPECT_TRUE(Holds("node.ip != 10.0.0.0/8", node)) << address;
  }
}

TEST(ConstraintTest, NeverMatchesWhatIsNoAddress) {
  for (const char* value : {"hello", "10.1.2.3/33", "10.1.2.3/-1", "10.1.2.3/", "10.1.2/8"}) {
    EXPECT_FALSE(Holds(std::string("node.ip == ") + value)) << value;
    EXPECT_FALSE(Holds(std::string("node.ip != ") + value)) << value;
  }
}

TEST(ConstraintTest, NeedsAllConstraints) {
  Expressions list;
  *list.Add() = "node.role == manager";
  *list.Add() = "engine.labels.disk == ssd";
  EXPECT_TRUE(Match(*Parse(list), ANode()));
  *list.Add() = "node.platform.os == windows";
  EXPECT_FALSE(Match(*Parse(list), ANode()));
  EXPECT_TRUE(Match(std::span<const Constraint>(), ANode()));
}

}  // namespace
}  // namespace swarm::constraint
