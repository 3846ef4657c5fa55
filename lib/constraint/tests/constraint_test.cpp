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

// Pinned by SwarmKit.
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

// Pinned by SwarmKit.
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

// Pinned by SwarmKit.
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

// Pinned by SwarmKit: what may be written.
TEST(ConstraintTest, TheGrammar) {
  struct Case {
    const char* expression;
    bool valid;
  };
  for (const Case& c : {
           Case{"", false},
           Case{"with space", false},
           Case{"nodeabc", false},
           Case{"1node==a", false},
           Case{"node$==a", false},
           Case{"no de==a", false},
           Case{"nod*==a", false},
           Case{"==abc", false},
           Case{"node==", false},
           Case{"node.id<abc", false},
           Case{"node.id=abc", false},
           Case{"node.id>abc", false},
           Case{"node=~abc", false},
           Case{"node==abc", true},
           Case{"node!=abc", true},
           Case{" node == abc ", true},
           Case{"NODE==abc", true},
           Case{"Node.ID==abc", true},
           Case{"_node==_abc", true},
           Case{"node.labels.a.b.c==1.2.3", true},
           Case{"node-1.b_2==x", true},
           Case{"node==a b c", true},
           Case{"node==*", true},
           Case{"node==/(?i)abc*/", true},
       }) {
    EXPECT_EQ(ParseOne(c.expression).ok(), c.valid) << c.expression;
  }
}

// Pinned by SwarmKit: no pattern matches anything but itself.
TEST(ConstraintTest, PatternsAreNotInterpreted) {
  pb::Node node = ANode();
  EXPECT_FALSE(Holds("node.hostname == host*", node));
  EXPECT_FALSE(Holds("node.hostname == (host-1)", node));
  EXPECT_TRUE(Holds("node.hostname != host*", node));
  (*node.mutable_spec()->mutable_annotations()->mutable_labels())["fruit"] = "f*o";
  EXPECT_TRUE(Holds("node.labels.fruit == f*o", node));
  (*node.mutable_spec()->mutable_annotations()->mutable_labels())["fruit"] = "foo";
  EXPECT_FALSE(Holds("node.labels.fruit == f*o", node));
}

// Pinned by SwarmKit.
TEST(ConstraintTest, AddressesAndSubnetsOfNodes) {
  pb::Node node = ANode();
  node.mutable_status()->set_addr("50.19.105.12");
  EXPECT_TRUE(Holds("node.ip == 50.19.105.12", node));
  EXPECT_TRUE(Holds("node.ip == 50.19.105.0/24", node));
  EXPECT_TRUE(Holds("node.ip == 50.19.105.200/24", node)) << "bits of the host do not matter";
  EXPECT_FALSE(Holds("node.ip != 50.19.105.200/24", node));
  EXPECT_TRUE(Holds("node.ip != 50.19.106.0/24", node));
  EXPECT_FALSE(Holds("node.ip == 50.19.105.0/34", node));
  EXPECT_FALSE(Holds("node.ip == 266.19.105.12", node));
  EXPECT_FALSE(Holds("node.ip != 266.19.105.12", node));
  node.mutable_status()->set_addr("2001:db8::1");
  EXPECT_TRUE(Holds("node.ip == 2001:0db8:0000:0000:0000:0000:0000:0001", node));
  EXPECT_TRUE(Holds("node.ip == 2001:db8::/32", node));
  EXPECT_FALSE(Holds("node.ip == 2001:db9::/32", node));
}

}  // namespace
}  // namespace swarm::constraint
