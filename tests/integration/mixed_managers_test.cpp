// Managers of ours and a Docker Engine's in one raft group: each answers for all, whoever is lost,
// of either make, another one leads, and each catches up from the other's snapshots.
#include <gmock/gmock.h>

#include <iostream>
#include <map>
#include <set>
#include <thread>

#include "mixed_group.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// One write through one member while nobody, or somebody new, leads.
struct Writer {
  GroupMember* through;
  std::string service;
  double seconds = 0;                        // until it was accepted; 0: it never was
  std::map<std::string, int> refusals = {};  // how often it heard what before

  void Run(Clock::time_point since) {
    Eventually(
        [&] {
          const Finished run = through->Create(service);
          const bool taken = run.code == 0 || run.err.find("conflicts") != std::string::npos;
          if (taken) seconds = Since(since);
          if (!taken) ++refusals[run.err];
          return taken;
        },
        kElection);
  }
  std::string Told() const {
    std::string text;
    for (const auto& [refusal, times] : refusals) {
      text += "    " + std::to_string(times) + " times: " + refusal;
    }
    return text;
  }
};

class MixedManagersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
  }
  void TearDown() override {
    if (HasFailure()) std::cout << group_.Logs();
  }

  // Everybody who runs has every service that was accepted.
  void ExpectServices() {
    for (GroupMember* member : group_.members()) {
      for (const std::string& service : services_) {
        EXPECT_TRUE(Eventually([&] { return HasService(*member, service); }, kElection))
            << member->name() << " lacks " << service;
      }
    }
  }
  // How long it takes until a write through each of the others is accepted.
  void KillAndMeasure(GroupMember& leader, int round) {
    std::vector<Writer> writers;
    for (GroupMember* member : group_.members()) {
      if (member == &leader) continue;
      writers.push_back({member, "kill" + std::to_string(round) + "-" + member->name()});
    }
    leader.Kill();
    const auto killed = Clock::now();
    std::vector<std::thread> threads;
    for (Writer& writer : writers) threads.emplace_back([&writer, killed] { writer.Run(killed); });
    for (std::thread& thread : threads) thread.join();
    for (const Writer& writer : writers) {
      std::cout << "leader " << leader.name() << " killed: accepted through "
                << writer.through->name() << " after " << writer.seconds << " s\n"
                << writer.Told();
      EXPECT_GT(writer.seconds, 0) << writer.Told();
      services_.insert(writer.service);
    }
  }
  void CreateMany(GroupMember& through, const std::string& name, int count) {
    for (int i = 0; i < count; ++i) {
      const Finished made = through.Ctl({"service", "create", "--name", name + std::to_string(i),
                                         "--image", "busybox:latest", "--replicas", "0"});
      ASSERT_EQ(made.code, 0) << made.err;
    }
    services_.insert(name + std::to_string(count - 1));
  }

  MixedGroup group_;
  std::set<std::string> services_;
};

TEST_F(MixedManagersTest, EachOfThemLeadsInTurn) {
  EngineMember& engine = group_.AddEngine();
  OurMember& first = group_.AddOurs();
  OurMember& second = group_.AddOurs();
  ASSERT_TRUE(first.Found()) << first.log();
  const std::string token = ManagerToken(first);
  ASSERT_TRUE(second.Join(first.address(), token)) << second.log();
  ASSERT_TRUE(engine.Join(first.address(), token)) << engine.log();
  ASSERT_TRUE(group_.AwaitWell(3));

  // The engine's own commands work though another make leads.
  const Finished nodes =
      engine.engine().Docker({"node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}"});
  EXPECT_EQ(nodes.code, 0) << nodes.err;
  EXPECT_THAT(nodes.out, HasSubstr("m1 Leader"));
  EXPECT_THAT(nodes.out, HasSubstr("m2 Reachable"));

  std::set<GroupMember*> led;
  for (int round = 0;; ++round) {
    ASSERT_LT(round, 24) << "the same ones are elected again and again";
    GroupMember* leader = group_.Leader();
    ASSERT_NE(leader, nullptr);
    if (led.insert(leader).second) {
      const std::string name = "led-by-" + leader->name();
      const Finished created =
          leader->Ctl({"service", "create", "--name", name, "--image", "busybox:latest", "--mode",
                       "global", "--args", "serve"});
      ASSERT_EQ(created.code, 0) << created.err;
      for (GroupMember* member : group_.members()) {
        EXPECT_TRUE(Eventually([&] { return RunningTasks(*member, name) == 3; }, kElection))
            << name << " as seen by " << member->name() << ": " << member->Ctl({"task", "ls"}).out;
      }
      services_.insert(name);
    }
    if (led.size() == 3) break;
    KillAndMeasure(*leader, round);
    ASSERT_TRUE(leader->Start()) << leader->log();
    ASSERT_TRUE(group_.AwaitWell(3));
  }
  ExpectServices();
}

TEST_F(MixedManagersTest, EachCatchesUpFromTheOthersSnapshots) {
  EngineMember& engine = group_.AddEngine();
  ASSERT_TRUE(engine.Found()) << engine.log();
  // Nothing is kept in the log besides what a snapshot does not have yet.
  const auto swarm = engine.engine().Call(engine::Request::Get("/swarm"));
  ASSERT_TRUE(swarm.ok()) << swarm.status;
  auto spec = swarm.Json().value()["Spec"];
  spec["Raft"]["SnapshotInterval"] = 20;
  spec["Raft"]["LogEntriesForSlowFollowers"] = 1;
  const auto version = swarm.Json().value()["Version"]["Index"].get<std::uint64_t>();
  const auto updated = engine.engine().Call(
      engine::Request::PostJson("/swarm/update", spec).Query("version", std::to_string(version)));
  ASSERT_TRUE(updated.ok()) << updated.status;

  const std::string settings = "snapshot_interval: 20, log_entries_for_slow_followers: 1";
  OurMember& first = group_.AddOurs({.consensus = settings});
  OurMember& second = group_.AddOurs({.consensus = settings});
  const std::string token = ManagerToken(engine);
  CreateMany(engine, "before", 30);
  for (OurMember* member : {&first, &second}) {
    ASSERT_TRUE(member->Join(engine.address(), token)) << member->log();
    EXPECT_THAT(member->log(), HasSubstr("Took over a snapshot of the leader's"));
  }
  ASSERT_TRUE(group_.AwaitWell(3));
  ExpectServices();

  // The engine leads, and one of ours was away for long.
  ASSERT_EQ(group_.Leader(), &engine);
  const std::size_t seen = second.log().size();
  second.Kill();
  CreateMany(first, "engine-led", 60);
  ASSERT_TRUE(second.Start()) << second.log();
  ASSERT_TRUE(group_.AwaitWell(3));
  ExpectServices();
  EXPECT_THAT(second.log().substr(seen), HasSubstr("Took over a snapshot of the leader's"));

  // One of ours leads, and the engine was away for long.
  engine.Kill();
  OurMember* leader = dynamic_cast<OurMember*>(group_.Leader());
  ASSERT_NE(leader, nullptr);
  CreateMany(first, "ours-led", 60);
  const std::size_t said = leader->log().size();
  ASSERT_TRUE(engine.Start()) << engine.log();
  ASSERT_TRUE(group_.AwaitWell(3));
  ExpectServices();
  EXPECT_THAT(leader->log().substr(said), HasSubstr("Sends a member a snapshot"));
}

}  // namespace
}  // namespace swarm::test
