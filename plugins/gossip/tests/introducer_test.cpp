// The introducer among engines made of tables: each keeps a view, and whoever is told of others by
// a message with Join passes it on within its group, as gossip does.
#include "introducer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <map>

#include "component_testing/world.h"
#include "frame.h"

namespace swarm::gossip {
namespace {

using component::testing::World;
using namespace std::chrono_literals;

const std::vector<std::string> kKeys = {std::string(16, 'a'), std::string(16, 'b'),
                                        std::string(16, 'c')};

std::string Packed(const std::string& address) {
  in_addr bytes{};
  inet_pton(AF_INET, address.c_str(), &bytes);
  return {reinterpret_cast<const char*>(&bytes), sizeof bytes};
}

class Engines final {
 public:
  struct Engine {
    std::string name;
    std::map<std::string, Member> alive;
    std::vector<Attachment> attachments;
    bool up = true;
  };

  void Add(const std::string& address) {
    Engine engine;
    engine.name = "name-" + address;
    engine.alive[engine.name] = {engine.name, Packed(address),     7946, "",
                                 1,           MemberState::kAlive, "v"};
    engine.attachments.push_back(
        {engine.name,
         "\x1a" + std::string(1, static_cast<char>(engine.name.size())) + engine.name});
    all[address] = std::move(engine);
  }
  bool Know(const std::string& a, const std::string& b) {
    return all.at(a).alive.contains(all.at(b).name) && all.at(b).alive.contains(all.at(a).name);
  }
  bool AllKnowEachOther() {
    for (const auto& [a, engine] : all) {
      for (const auto& [b, other] : all) {
        if (!Know(a, b)) return false;
      }
    }
    return true;
  }
  // As a member does: answers with what it knew, then takes what it was told.
  Result<std::string> Answer(const std::string& address, const std::string& frame) {
    Engine& engine = all.at(address);
    if (!engine.up) return Status(Code::kUnavailable, "refused");
    SWARM_ASSIGN_OR_RETURN(const std::string plain, OpenFrame(frame, kKeys));
    SWARM_ASSIGN_OR_RETURN(const PushPull told, Decode(plain));
    PushPull reply;
    for (const auto& [name, member] : engine.alive) reply.members.push_back(member);
    reply.node_name = engine.name;
    reply.attachments = engine.attachments;
    if (told.join) ++joins;
    if (!deaf) Merge(engine, told);
    // With another of the ring's keys than the one it was asked with.
    return Seal(Encode(reply), kKeys[2], Nonce{});
  }

  std::map<std::string, Engine> all;
  int joins = 0;
  int asked = 0;
  bool deaf = false;

 private:
  void Merge(Engine& engine, const PushPull& told) {
    for (const Member& member : told.members) {
      EXPECT_EQ(member.state, MemberState::kAlive) << "deaths are the members' business";
      const auto known = engine.alive;
      for (auto& [address, other] : all) {
        if (!known.contains(other.name)) continue;
        other.alive.emplace(member.name, member);
        // The newcomer announces itself to whoever it learns of.
        for (auto& [far, newcomer] : all) {
          if (newcomer.name == member.name) newcomer.alive.insert(known.begin(), known.end());
        }
      }
    }
    told_attachments.insert(told_attachments.end(), told.attachments.begin(),
                            told.attachments.end());
  }

 public:
  std::vector<Attachment> told_attachments;
};

class TableDialer final : public Dialer {
 public:
  TableDialer(Engines& engines, Loop& loop) : engines_(engines), loop_(loop) {}
  void Ask(std::vector<Question> questions,
           Function<void(std::vector<swarm::gossip::Answer>)> done) noexcept override {
    std::vector<swarm::gossip::Answer> answers;
    for (const Question& question : questions) {
      ++engines_.asked;
      answers.push_back({question.address, engines_.Answer(question.address, question.frame)});
    }
    loop_.Post([answers = std::move(answers), done = std::move(done)]() mutable {
      done(std::move(answers));
    });
  }

 private:
  Engines& engines_;
  Loop& loop_;
};

class IntroducerTest : public testing::Test {
 protected:
  void Start() {
    world_.Start({"gossip", {Table::kCluster, Table::kNode}}, [this](component::Env& env) {
      return std::make_unique<Introducer>(env, IntroducerOptions{30s},
                                          std::make_unique<TableDialer>(engines_, env.loop()));
    });
  }
  void AddCluster() {
    world_.AddCluster([](pb::Cluster& cluster) {
      std::uint64_t time = 1;
      for (const std::string& key : kKeys) {
        auto* entry = cluster.add_network_bootstrap_keys();
        entry->set_subsystem("networking:gossip");
        entry->set_key(key);
        entry->set_lamport_time(time++);
      }
    });
  }
  void AddEngine(const std::string& address) {
    engines_.Add(address);
    world_.AddNode(address, [&address](pb::Node& node) {
      auto* plugin = node.mutable_description()->mutable_engine()->add_plugins();
      plugin->set_type("Network");
      plugin->set_name("overlay");
      node.mutable_status()->set_state(pb::NodeStatus::READY);
      node.mutable_status()->set_addr(address);
    });
  }
  Engines engines_;
  World world_;
};

TEST_F(IntroducerTest, EnginesLearnOfEachOther) {
  AddCluster();
  for (const char* address : {"10.1.0.1", "10.1.0.2", "10.1.0.3"}) AddEngine(address);
  Start();
  EXPECT_TRUE(world_.Until([this] { return engines_.AllKnowEachOther(); }, 2s));
  // With their attachments, so that networks need not wait for a second meeting.
  EXPECT_FALSE(engines_.told_attachments.empty());
}

TEST_F(IntroducerTest, ALateEngineIsIntroducedWhenItBecomesReady) {
  AddCluster();
  AddEngine("10.1.0.1");
  AddEngine("10.1.0.2");
  Start();
  ASSERT_TRUE(world_.Until([this] { return engines_.AllKnowEachOther(); }, 5s));
  world_.sim().RunFor(10min);
  AddEngine("10.1.0.3");
  EXPECT_FALSE(engines_.AllKnowEachOther());
  EXPECT_TRUE(world_.Until([this] { return engines_.AllKnowEachOther(); }, 5s));
}

// Where the engines know each other already, as under a manager of Docker's, it only reads.
TEST_F(IntroducerTest, ItKeepsQuietWhereAllKnowEachOther) {
  AddCluster();
  AddEngine("10.1.0.1");
  AddEngine("10.1.0.2");
  for (auto& [address, engine] : engines_.all) {
    for (auto& [other, member] : engines_.all) {
      engine.alive[member.name] = member.alive.at(member.name);
    }
  }
  Start();
  world_.sim().RunFor(5min);
  EXPECT_EQ(engines_.joins, 0);
  EXPECT_GE(engines_.asked, 2 * 9);
}

TEST_F(IntroducerTest, OneEngineAloneIsLeftAlone) {
  AddCluster();
  AddEngine("10.1.0.1");
  Start();
  world_.sim().RunFor(5min);
  EXPECT_EQ(engines_.asked, 0);
}

TEST_F(IntroducerTest, AnEngineThatIsNotUpYetIsAskedAgainSoon) {
  AddCluster();
  AddEngine("10.1.0.1");
  AddEngine("10.1.0.2");
  engines_.all.at("10.1.0.2").up = false;
  Start();
  world_.sim().RunFor(5s);
  engines_.all.at("10.1.0.2").up = true;
  EXPECT_TRUE(world_.Until([this] { return engines_.AllKnowEachOther(); }, 10s));
}

TEST_F(IntroducerTest, EnginesThatAreTornApartAreBroughtTogetherAgain) {
  AddCluster();
  AddEngine("10.1.0.1");
  AddEngine("10.1.0.2");
  Start();
  ASSERT_TRUE(world_.Until([this] { return engines_.AllKnowEachOther(); }, 5s));
  for (auto& [address, engine] : engines_.all) {
    std::erase_if(engine.alive,
                  [&engine](const auto& entry) { return entry.first != engine.name; });
  }
  EXPECT_TRUE(world_.Until([this] { return engines_.AllKnowEachOther(); }, 35s));
}

TEST_F(IntroducerTest, ItDoesNotInsistWithoutEnd) {
  AddCluster();
  AddEngine("10.1.0.1");
  AddEngine("10.1.0.2");
  engines_.deaf = true;
  Start();
  world_.sim().RunFor(60min);
  EXPECT_LT(engines_.joins, 2 * 75) << "at most once a minute";
}

// An address that is none of the cluster's nodes could be anybody's.
TEST(IntroductionTest, OnlyNodesAreIntroduced) {
  Views views;
  for (const char* address : {"10.1.0.1", "10.1.0.2"}) {
    PushPull view;
    view.node_name = address;
    view.members.push_back({address, Packed(address), 7946, "", 1, MemberState::kAlive, "v"});
    views[address] = view;
  }
  EXPECT_EQ(Introduce(views, {"10.1.0.1", "10.1.0.2"}).size(), 2u);
  const auto some = Introduce(views, {"10.1.0.1"});
  ASSERT_EQ(some.size(), 1u);
  EXPECT_EQ(some[0].to, "10.1.0.2");
  EXPECT_TRUE(Introduce(views, {}).empty());
  views["10.1.0.2"].members[0].state = MemberState::kDead;
  EXPECT_EQ(Introduce(views, {"10.1.0.1", "10.1.0.2"}).size(), 1u);
}

TEST(IntroductionTest, SomeAddressesAreNobodys) {
  for (const char* bad : {"", "x", "0.0.0.0", "127.0.0.1", "224.0.0.1", "::", "::1", "ff02::1"}) {
    EXPECT_FALSE(IsUsable(bad)) << bad;
  }
  EXPECT_TRUE(IsUsable("10.0.0.1"));
  EXPECT_TRUE(IsUsable("fd00::1"));
  EXPECT_EQ(AddressText(Packed("10.1.2.3")), "10.1.2.3");
  EXPECT_EQ(AddressText(std::string(10, '\0') + "\xff\xff" + Packed("10.1.2.3")), "10.1.2.3");
  EXPECT_EQ(AddressText("abc"), "");
}

}  // namespace
}  // namespace swarm::gossip
