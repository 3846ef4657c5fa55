#include "bolt_tasks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "swarm/simulation.h"
#include "take_over.h"

namespace swarm::agent {
namespace {

constexpr std::size_t kPage = 4096;

template <class T>
std::string Raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

struct Item {
  std::string key;
  std::string value;
  bool bucket = false;
};

// A page's header and entries, without padding: also how a bucket lies inside of another's value.
std::string Leaf(const std::vector<Item>& items) {
  std::string head = Raw(std::uint64_t{0}) + Raw(std::uint16_t{2}) +
                     Raw(static_cast<std::uint16_t>(items.size())) + Raw(std::uint32_t{0});
  std::string entries, data;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::size_t position = (items.size() - i) * 16 + data.size();
    entries += Raw(static_cast<std::uint32_t>(items[i].bucket)) +
               Raw(static_cast<std::uint32_t>(position)) +
               Raw(static_cast<std::uint32_t>(items[i].key.size())) +
               Raw(static_cast<std::uint32_t>(items[i].value.size()));
    data += items[i].key + items[i].value;
  }
  return head + entries + data;
}

std::string Branch(const std::vector<std::uint64_t>& pages) {
  std::string head = Raw(std::uint64_t{0}) + Raw(std::uint16_t{1}) +
                     Raw(static_cast<std::uint16_t>(pages.size())) + Raw(std::uint32_t{0});
  for (const std::uint64_t page : pages) {
    head += Raw(std::uint32_t{0}) + Raw(std::uint32_t{0}) + Raw(page);
  }
  return head;
}

std::string BucketAt(std::uint64_t page) { return Raw(page) + Raw(std::uint64_t{0}); }
std::string Inline(const std::vector<Item>& items) { return BucketAt(0) + Leaf(items); }

std::string Meta(std::uint64_t root, std::uint64_t transaction) {
  const std::string meta = Raw(std::uint32_t{0xED0CDAED}) + Raw(std::uint32_t{2}) +
                           Raw(static_cast<std::uint32_t>(kPage)) + Raw(std::uint32_t{0}) +
                           Raw(root) + Raw(std::uint64_t{0}) + Raw(std::uint64_t{2}) +
                           Raw(std::uint64_t{9}) + Raw(transaction);
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : meta) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return std::string(8, '\0') + Raw(std::uint16_t{4}) + std::string(6, '\0') + meta + Raw(hash);
}

std::string File(std::vector<std::string> pages) {
  std::string file;
  for (std::string& page : pages) {
    page.resize((page.size() + kPage - 1) / kPage * kPage);
    file += page;
  }
  return file;
}

// Two metas, a free list, the root, v1, tasks as two pages of leaves.
std::string Database() {
  const Item one{"one", Inline({{"assigned", "\xff"}, {"data", "task one"}, {"status", "running"}}),
                 true};
  const Item two{"two", Inline({{"assigned", "\xff"}, {"data", "task two"}}), true};
  const Item left{"left", Inline({{"data", "not assigned"}}), true};
  return File({Meta(99, 6), Meta(3, 7), std::string(kPage, '\0'), Leaf({{"v1", BucketAt(4), true}}),
               Leaf({{"other", "value"}, {"tasks", BucketAt(5), true}}), Branch({6, 7}),
               Leaf({one}), Leaf({left, two})});
}

TEST(BoltTasksTest, ReadsWhatIsAssigned) {
  const auto tasks = ReadBoltTasks(Database());
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  ASSERT_EQ(tasks->size(), 2U);
  EXPECT_EQ(tasks->at("one").task, "task one");
  EXPECT_EQ(tasks->at("one").status, "running");
  EXPECT_EQ(tasks->at("two").task, "task two");
  EXPECT_EQ(tasks->at("two").status, "");
  EXPECT_TRUE(tasks->at("two").assigned);
}

TEST(BoltTasksTest, OtherFilesAreSaidToBeOther) {
  for (const std::string& file : {std::string(), std::string(100'000, 'x'), File({Meta(3, 1)})}) {
    EXPECT_FALSE(ReadBoltTasks(file).ok());
  }
  EXPECT_EQ(ReadBoltTasks("").status().code(), Code::kInvalidArgument);
}

// Pages that refer to themselves, and every kind of damage: an answer, always.
TEST(BoltTasksTest, DamageIsAnAnswer) {
  EXPECT_EQ(ReadBoltTasks(File({Meta(3, 6), Meta(3, 7), "", Branch({3, 3, 3})})).status().code(),
            Code::kDataLoss);
  Simulation simulation(8);
  const std::string good = Database();
  for (int i = 0; i < 20'000; ++i) {
    std::string bad = good;
    for (int flips = 0; flips < 3; ++flips) {
      bad[2 * kPage + simulation.random().Below(bad.size() - 2 * kPage)] =
          static_cast<char>(simulation.random().Next());
    }
    if (i % 10 == 0) bad.resize(simulation.random().Below(bad.size()));
    static_cast<void>(ReadBoltTasks(bad));
  }
}

class TakeOverTest : public testing::Test {
 protected:
  Result<StoredTasks> Open() {
    TaskLog log(machine_.runtime().files(), "/worker");
    return OpenOrTakeOver(machine_.runtime().files(), "/worker", log, Logger());
  }
  void Put(const std::string& bytes) {
    ASSERT_TRUE(machine_.runtime().files().CreateDirectory("/worker", 0700).ok());
    ASSERT_TRUE(
        WriteFileAtomically(machine_.runtime().files(), "/worker/tasks.db", bytes, 0600).ok());
  }
  Simulation simulation_{8};
  Machine& machine_ = simulation_.AddMachine("node");
};

TEST_F(TakeOverTest, OnceAndForGood) {
  Put(Database());
  EXPECT_EQ(Open()->size(), 2U);
  machine_.Crash();
  ASSERT_TRUE(machine_.runtime().files().Remove("/worker/tasks.db").ok());
  const auto again = Open();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->size(), 2U);
  EXPECT_EQ(again->at("one").status, "running");
}

TEST_F(TakeOverTest, AnOldDatabaseDoesNotComeBack) {
  EXPECT_TRUE(Open()->empty());
  Put(Database());
  EXPECT_TRUE(Open()->empty());
}

TEST_F(TakeOverTest, ADamagedDatabaseDoesNotStopTheAgent) {
  Put("garbage");
  const auto tasks = Open();
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  EXPECT_TRUE(tasks->empty());
}

}  // namespace
}  // namespace swarm::agent
