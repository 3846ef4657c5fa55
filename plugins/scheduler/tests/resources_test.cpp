#include <gtest/gtest.h>

#include "node_state.h"

namespace swarm::scheduler {
namespace {

class ResourcesTest : public testing::Test {
 protected:
  void Named(const std::string& kind, std::vector<std::string> names) {
    for (const std::string& name : names) {
      auto& spec = *offered().Add()->mutable_named_resource_spec();
      spec.set_kind(kind);
      spec.set_value(name);
    }
    Update();
  }
  void Discrete(const std::string& kind, std::int64_t count) {
    auto& spec = *offered().Add()->mutable_discrete_resource_spec();
    spec.set_kind(kind);
    spec.set_value(count);
    Update();
  }
  void OfferNothing() {
    offered().Clear();
    Update();
  }
  static std::vector<GenericNeed> Need(std::int64_t count, const std::string& kind = "apple") {
    return {{kind, count}};
  }
  bool Has(std::int64_t count) { return state_.HasGeneric(Need(count)); }
  // A task that was given as many as it asks for.
  Task Give(std::int64_t count) {
    Task task;
    task.spec = std::make_shared<const pb::TaskSpec>();
    task.desired_state = pb::RUNNING;
    auto extras = std::make_shared<TaskExtras>();
    extras->assigned_generic_resources = state_.PickGeneric(Need(count));
    task.extras = extras;
    state_.Count(task, 1, 1);
    return task;
  }
  void TakeBack(const Task& task) { state_.Count(task, 1, -1); }
  static std::vector<std::string> Names(const Task& task) {
    std::vector<std::string> out;
    for (const auto& resource : task.extras->assigned_generic_resources) {
      out.push_back(resource.named_resource_spec().value());
    }
    return out;
  }

 private:
  google::protobuf::RepeatedPtrField<pb::GenericResource>& offered() {
    return *node_.mutable_description()->mutable_resources()->mutable_generic();
  }
  void Update() { state_.SetNode(std::make_shared<const pb::Node>(node_)); }

  pb::Node node_;

 protected:
  NodeState state_{0, std::make_shared<const pb::Node>()};
};

using List = std::vector<std::string>;

// Pinned by SwarmKit: equal or more is enough, whether counted or named.
TEST_F(ResourcesTest, EnoughIsEqualOrMore) {
  EXPECT_FALSE(Has(1)) << "none of the kind";
  Discrete("apple", 5);
  EXPECT_TRUE(Has(5));
  EXPECT_TRUE(Has(2));
  EXPECT_FALSE(Has(6));
  OfferNothing();
  Named("apple", {"red", "green"});
  EXPECT_TRUE(Has(2));
  EXPECT_TRUE(Has(1));
  EXPECT_FALSE(Has(3));
  EXPECT_FALSE(state_.HasGeneric(Need(1, "orange")));
}

// Pinned by SwarmKit.
TEST_F(ResourcesTest, CountedOnesAreGivenAndTakenBack) {
  Discrete("apple", 5);
  const Task first = Give(2);
  ASSERT_EQ(first.extras->assigned_generic_resources.size(), 1u);
  EXPECT_EQ(first.extras->assigned_generic_resources[0].discrete_resource_spec().value(), 2);
  EXPECT_TRUE(Has(3));
  EXPECT_FALSE(Has(4));
  const Task rest = Give(3);
  EXPECT_FALSE(Has(1));
  TakeBack(first);
  EXPECT_TRUE(Has(2));
  TakeBack(rest);
  EXPECT_TRUE(Has(5));
}

// Pinned by SwarmKit: names are given in the node's order.
TEST_F(ResourcesTest, NamedOnesAreGivenAndTakenBack) {
  Named("apple", {"red", "yellow", "green"});
  const Task first = Give(2);
  EXPECT_EQ(Names(first), (List{"red", "yellow"}));
  const Task second = Give(1);
  EXPECT_EQ(Names(second), (List{"green"}));
  EXPECT_FALSE(Has(1));
  TakeBack(first);
  EXPECT_EQ(Names(Give(2)), (List{"red", "yellow"}));
}

// Pinned by SwarmKit: what a node does not offer any more does not come back to it.
TEST_F(ResourcesTest, WhatTheNodeLostMeanwhileIsNotGivenAgain) {
  Named("apple", {"red", "yellow"});
  const Task both = Give(2);
  OfferNothing();
  Named("apple", {"yellow", "blue"});
  TakeBack(both);
  EXPECT_FALSE(Has(3));
  EXPECT_EQ(Names(Give(2)), (List{"yellow", "blue"}));
}

// Pinned by SwarmKit: a count above what the node has now is cut, one that vanished stays away.
TEST_F(ResourcesTest, ACountThatShrankStaysSmall) {
  Discrete("apple", 5);
  const Task task = Give(5);
  OfferNothing();
  Discrete("apple", 3);
  EXPECT_FALSE(Has(1));
  TakeBack(task);
  EXPECT_TRUE(Has(3));
  EXPECT_FALSE(Has(4));
  OfferNothing();
  EXPECT_FALSE(Has(1));
}

// Pinned by SwarmKit: both ways.
TEST_F(ResourcesTest, AKindMayBecomeNamedOrCounted) {
  Discrete("apple", 2);
  const Task counted = Give(1);
  OfferNothing();
  Named("apple", {"red", "green"});
  TakeBack(counted);
  EXPECT_TRUE(Has(2));
  const Task named = Give(2);
  EXPECT_EQ(Names(named), (List{"red", "green"}));
  OfferNothing();
  Discrete("apple", 4);
  TakeBack(named);
  EXPECT_TRUE(Has(4));
}

TEST_F(ResourcesTest, AKindThatIsAskedForTwiceIsAddedUp) {
  pb::Resources wanted;
  for (const int count : {1, 2}) {
    auto& spec = *wanted.add_generic()->mutable_discrete_resource_spec();
    spec.set_kind("apple");
    spec.set_value(count);
  }
  const auto needs = GenericNeedsOf(wanted);
  ASSERT_EQ(needs.size(), 1u);
  EXPECT_EQ(needs[0].count, 3);
  Named("apple", {"red", "green"});
  EXPECT_FALSE(state_.HasGeneric(needs));
}

}  // namespace
}  // namespace swarm::scheduler
