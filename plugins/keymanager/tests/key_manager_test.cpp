#include "key_manager.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "component_testing/world.h"

namespace swarm::keymanager {
namespace {

using component::testing::World;
using namespace std::chrono_literals;

class KeyManagerTest : public testing::Test {
 protected:
  void Start() {
    world_.Start({"keymanager", {Table::kCluster}}, [](component::Env& env) {
      return std::make_unique<KeyManager>(env, KeyManagerOptions{12h});
    });
    world_.sim().Settle();
  }
  std::shared_ptr<const pb::Cluster> Cluster() {
    const auto found = world_.view()->Find<pb::Cluster>(By::Name("default"));
    return found->front();
  }
  // The times of each subsystem's keys, in order. Checks what engines insist on.
  std::map<std::string, std::vector<std::uint64_t>> Times() {
    std::map<std::string, std::vector<std::uint64_t>> out;
    std::set<std::uint64_t> all;
    std::set<std::string> keys;
    const auto cluster = Cluster();
    for (const auto& key : cluster->network_bootstrap_keys()) {
      out[key.subsystem()].push_back(key.lamport_time());
      EXPECT_TRUE(all.insert(key.lamport_time()).second) << "an engine takes them for one";
      EXPECT_TRUE(keys.insert(key.key()).second);
      EXPECT_EQ(key.key().size(), 16u);
      EXPECT_EQ(key.algorithm(), pb::EncryptionKey::AES_128_GCM);
    }
    for (auto& [subsystem, times] : out) {
      EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
      EXPECT_EQ(times.size(), 3u) << subsystem;
    }
    EXPECT_EQ(out.size(), 2u);
    EXPECT_TRUE(out.contains("networking:gossip") && out.contains("networking:ipsec"));
    EXPECT_EQ(Cluster()->encryption_key_lamport_clock(), *all.rbegin());
    return out;
  }
  World world_;
};

// Pinned by SwarmKit: three keys a subsystem, one clock over both.
TEST_F(KeyManagerTest, AClusterGetsThreeKeysASubsystem) {
  Start();
  world_.AddCluster();
  const auto times = Times();
  EXPECT_EQ(times.at("networking:ipsec").front(), times.at("networking:gossip").back() + 1);
  EXPECT_LE(times.at("networking:gossip").front(), 65536u);
}

// Pinned by SwarmKit: a rotation drops the oldest key of each subsystem and adds one.
TEST_F(KeyManagerTest, ARotationReplacesTheOldest) {
  world_.AddCluster();
  Start();
  const auto before = Times();
  world_.sim().RunFor(12h);
  world_.sim().Settle();
  const auto after = Times();
  std::set<std::uint64_t> fresh;
  for (const auto& [subsystem, times] : after) {
    EXPECT_EQ(times[0], before.at(subsystem)[1]);
    EXPECT_EQ(times[1], before.at(subsystem)[2]);
    fresh.insert(times[2]);
  }
  EXPECT_EQ(fresh.size(), 2u);
  EXPECT_GT(*fresh.begin(), before.at("networking:ipsec")[2]);
  world_.sim().RunFor(24h);
  world_.sim().Settle();
  EXPECT_GT(Times().at("networking:gossip")[0], after.at("networking:gossip")[1]);
}

TEST_F(KeyManagerTest, ALaterLeaderKeepsTheKeys) {
  world_.AddCluster();
  Start();
  const std::string before = Cluster()->SerializeAsString();
  world_.Stop();
  Start();
  EXPECT_EQ(Cluster()->SerializeAsString(), before);
}

TEST_F(KeyManagerTest, WrongKeysArePutRight) {
  world_.AddCluster([](pb::Cluster& cluster) {
    const auto add = [&cluster](const char* subsystem, std::uint64_t time, std::size_t size) {
      auto* key = cluster.add_network_bootstrap_keys();
      key->set_subsystem(subsystem);
      key->set_lamport_time(time);
      key->set_key(std::string(size, static_cast<char>('a' + time)));
    };
    for (std::uint64_t time = 1; time <= 4; ++time) add("networking:gossip", time, 16);
    add("networking:ipsec", 9, 32);
    cluster.set_encryption_key_lamport_clock(5);
  });
  Start();
  const auto times = Times();
  EXPECT_EQ(times.at("networking:gossip"), (std::vector<std::uint64_t>{2, 3, 4}));
  EXPECT_EQ(times.at("networking:ipsec"), (std::vector<std::uint64_t>{10, 11, 12}));
}

TEST_F(KeyManagerTest, KeysOfOthersStay) {
  world_.AddCluster([](pb::Cluster& cluster) {
    auto* key = cluster.add_network_bootstrap_keys();
    key->set_subsystem("other");
    key->set_key("short");
  });
  Start();
  ASSERT_EQ(Cluster()->network_bootstrap_keys_size(), 7);
  EXPECT_EQ(Cluster()->network_bootstrap_keys(6).key(), "short");
}

}  // namespace
}  // namespace swarm::keymanager
