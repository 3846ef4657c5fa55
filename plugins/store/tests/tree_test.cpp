#include "tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace swarm::store {
namespace {

struct NumberPolicy {
  static constexpr std::size_t kLeafWidth = 8;
  using Entry = std::shared_ptr<int>;
  using Handle = const int*;
  using Probe = int;
  static Handle ToHandle(const Entry& entry) { return entry.get(); }
  static Probe ToProbe(Handle handle) { return *handle; }
  static int Compare(Handle handle, Probe probe) { return *handle - probe; }
  // Decides between numbers whose tens differ.
  using Hint = int;
  static Hint HintOf(Handle handle) { return *handle / 10; }
  static Hint HintOf(Probe probe) { return probe / 10; }
  static int Compare(Handle handle, Hint hint, Probe probe, Hint probe_hint) {
    return hint != probe_hint ? hint - probe_hint : Compare(handle, probe);
  }
  static void Join(Entry&, const Entry*, const Entry*) {}
};
using NumberTree = Tree<NumberPolicy>;

std::vector<int> Content(const NumberTree& tree) {
  std::vector<int> out;
  tree.WalkAll([&](const std::shared_ptr<int>& v) {
    out.push_back(*v);
    return true;
  });
  return out;
}

std::vector<int> Content(const std::set<int>& set) { return {set.begin(), set.end()}; }

TEST(TreeTest, EveryVersionKeepsItsContentThroughRandomChanges) {
  std::mt19937 random(7);
  NumberTree tree;
  std::set<int> model;
  std::vector<std::pair<NumberTree, std::set<int>>> kept;
  for (std::uint64_t run = 1; run <= 400; ++run) {
    // Phases of growth and of shrinking, so that nodes split, join and vanish.
    const bool growing = run / 100 % 2 == 0;
    for (int i = 0; i < 60; ++i) {
      const int value = static_cast<int>(random() % 3000);
      if ((random() % 4 == 0) != growing) {
        tree.Put(std::make_shared<int>(value), run);
        model.insert(value);
      } else {
        ASSERT_EQ(tree.Erase(value, run), model.erase(value) == 1);
      }
    }
    ASSERT_EQ(tree.size(), model.size());
    ASSERT_EQ(Content(tree), Content(model)) << "run " << run;
    if (run % 20 == 0) kept.emplace_back(tree, model);
  }
  for (const auto& [old_tree, old_model] : kept) {
    EXPECT_EQ(Content(old_tree), Content(old_model));
    for (int value = 0; value < 3000; value += 7) {
      EXPECT_EQ(old_tree.Find(value) != nullptr, old_model.contains(value));
    }
  }
}

TEST(TreeTest, WalksFromAnyPlaceUntilToldToStop) {
  NumberTree tree;
  for (int i = 0; i < 1000; ++i) tree.Put(std::make_shared<int>(i * 2), 1);
  for (const int from : {-1, 0, 1, 63, 64, 777, 1998, 1999}) {
    std::vector<int> seen;
    tree.WalkFrom(from, [&](const std::shared_ptr<int>& v) {
      seen.push_back(*v);
      return seen.size() < 5;
    });
    std::vector<int> expected;
    for (int v = std::max(0, (from + 1) / 2 * 2); v < 2000 && expected.size() < 5; v += 2) {
      expected.push_back(v);
    }
    EXPECT_EQ(seen, expected) << "from " << from;
  }
}

TEST(TreeTest, ReplacingAnEntryIsSeenOnlyByTheNewVersion) {
  NumberTree tree;
  for (int i = 0; i < 100; ++i) tree.Put(std::make_shared<int>(i), 1);
  const NumberTree before = tree;
  const auto fresh = std::make_shared<int>(50);
  tree.Put(fresh, 2);
  EXPECT_EQ(*tree.Find(50), fresh);
  EXPECT_NE(*before.Find(50), fresh);
  EXPECT_EQ(tree.size(), 100u);
}

TEST(TreeTest, EmptyingReleasesEveryEntry) {
  const auto watched = std::make_shared<int>(5);
  NumberTree tree;
  for (int i = 0; i < 200; ++i) tree.Put(i == 5 ? watched : std::make_shared<int>(i), 1);
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(tree.Erase(i, 2 + static_cast<std::uint64_t>(i) / 50));
  EXPECT_EQ(tree.size(), 0u);
  EXPECT_EQ(watched.use_count(), 1);
}

}  // namespace
}  // namespace swarm::store
