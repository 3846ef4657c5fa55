// The state that a Docker Engine's manager has left, gone on with by a manager of ours: the same
// node with every object as it was; and the way back.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "mixed_group.h"
#include "raft_folder.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kKinds[] = {"service", "network", "secret", "config", "node", "task"};

class TakeoverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    engine_ = std::make_unique<EngineMember>("e1");
  }
  void TearDown() override {
    if (HasFailure()) std::cout << engine_->log() << (ours_ ? ours_->log() : "");
  }

  std::string Address(int i) const {
    return engine_->engine().outside_ip() + ":" + std::to_string(20000 + getpid() % 10000 + i);
  }
  // `line`: words for the engine's own client.
  void Good(const std::string& line) {
    std::istringstream words(line);
    const Finished done = engine_->engine().Docker({std::istream_iterator<std::string>(words), {}});
    ASSERT_EQ(done.code, 0) << line << ": " << done.err;
  }
  // Some of everything, enough of it for a snapshot and a log behind it.
  void Fill() {
    Good("swarm update --snapshot-interval 30");
    Good("network create --driver overlay --subnet 10.99.0.0/24 mesh");
    const std::string text = engine_->engine().folder() + "/text";
    WriteText(text, "hidden words");
    Good("secret create --label kind=text words " + text);
    Good("config create settings " + text);
    Good("node update --label-add place=here " + engine_->NodeId());
    Good(
        "service create --detach --name web --replicas 2 --secret words --config settings --env "
        "A=b "
        "--constraint node.labels.place==here --no-resolve-image busybox:latest serve");
    ASSERT_TRUE(Eventually([&] { return RunningTasks(*engine_, "web") == 2; }, 60s));
    // Without tasks: an engine that is not in swarm mode has no such network.
    Good(
        "service create --detach --name meshed --replicas 0 --network mesh --no-resolve-image "
        "busybox:latest serve");
    for (int i = 0; i < 40; ++i) {
      const Finished made = engine_->Create("idle" + std::to_string(i));
      ASSERT_EQ(made.code, 0) << made.err;
    }
  }
  // Every object as a manager's control API shows it, by kind.
  static std::map<std::string, json> Everything(GroupMember& through) {
    std::map<std::string, json> all;
    for (const char* kind : kKinds) {
      std::vector<std::string> arguments = {kind, "ls", "--format", "json"};
      if (std::string(kind) == "task") arguments.insert(arguments.begin() + 2, "--all");
      const Finished listed = through.Ctl(std::move(arguments));
      json objects = json::parse(listed.out, nullptr, false);
      EXPECT_TRUE(objects.is_array()) << kind << ": " << listed.err;
      for (json& object : objects) {
        const std::string id = object.value("id", "");
        EXPECT_NE(id, "") << kind << object;
        all[kind][id] = std::move(object);
      }
    }
    return all;
  }
  // What nobody but a user may change: everything but what managers and agents keep up to date.
  static json Lasting(const std::string& kind, json object) {
    if (kind == "node") return {{"id", object["id"]}, {"spec", object["spec"]}};
    if (kind != "task") return object;
    return {{"id", object["id"]},
            {"spec", object["spec"]},
            {"slot", object["slot"]},
            {"service", object["service_id"]},
            {"networks", object["networks"]},
            {"node", object["node_id"]}};
  }
  static void ExpectIntact(const std::map<std::string, json>& before,
                           const std::map<std::string, json>& after) {
    for (const auto& [kind, objects] : before) {
      for (const auto& [id, object] : objects.items()) {
        ASSERT_TRUE(after.at(kind).contains(id)) << kind << " " << id << " is lost";
        EXPECT_EQ(Lasting(kind, object), Lasting(kind, after.at(kind).at(id))) << kind << " " << id;
      }
    }
  }
  // Nor what a leader does by itself.
  static std::map<std::string, json> WithoutProgress(std::map<std::string, json> all) {
    for (auto& [kind, objects] : all) {
      for (auto& [id, object] : objects.items()) {
        object.erase("meta");
        object.erase("update_status");
      }
    }
    return all;
  }
  // The folder holds what the manager has shown, no more and no less.
  template <class Object>
  static void ExpectStored(const RaftFolder& folder, const std::string& kind, const json& objects) {
    std::size_t stored = 0;
    for (const auto& [key, bytes] : folder.objects) stored += key.first == kind;
    EXPECT_EQ(stored, objects.size()) << kind;
    for (const auto& [id, object] : objects.items()) {
      const auto found = folder.objects.find({kind, id});
      ASSERT_NE(found, folder.objects.end()) << kind << " " << id;
      Object shown;
      Object kept;
      ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(object.dump(), &shown).ok());
      ASSERT_TRUE(kept.ParseFromString(found->second));
      EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(kept, shown))
          << kind << " " << kept.DebugString() << shown.DebugString();
    }
  }
  void ExpectStored(const RaftFolder& folder, const std::map<std::string, json>& shown) {
    namespace pb = docker::swarmkit::v1;
    ExpectStored<pb::Service>(folder, "service", shown.at("service"));
    ExpectStored<pb::Network>(folder, "network", shown.at("network"));
    ExpectStored<pb::Config>(folder, "config", shown.at("config"));
  }
  static void Copy(const std::string& from, const std::string& to) {
    std::filesystem::copy(from, to,
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
  }
  std::string DockerExecutor() const {
    return "{use: docker, default: true, engine: \"" + engine_->engine().address() +
           "\", pull: missing, payload_dir: \"" + engine_->engine().folder() + "/payload\"}";
  }

  std::unique_ptr<EngineMember> engine_;
  std::unique_ptr<OurMember> ours_;
};

TEST_F(TakeoverTest, InPlaceAsTheSameNodeAndBack) {
  ASSERT_TRUE(engine_->Found()) << engine_->log();
  Fill();
  const std::string id = engine_->NodeId();
  const auto before = Everything(*engine_);
  engine_->Stop();

  ours_ = std::make_unique<OurMember>("e1", Address(0), OurSettings{"", DockerExecutor()});
  Copy(engine_->state(), ours_->state());
  const auto folder = ReadRaftFolder(ours_->state());
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_GT(folder->snapshot_objects, 0u);
  EXPECT_GT(folder->entries, 0u);
  EXPECT_EQ(folder->voters, 1u);
  ExpectStored(*folder, before);

  const std::string kept = engine_->engine().folder() + "/kept";
  std::filesystem::rename(engine_->state(), kept);
  ASSERT_TRUE(engine_->Start()) << engine_->log();
  ASSERT_TRUE(ours_->Start()) << ours_->log();
  const auto taken = Everything(*ours_);
  ExpectIntact(before, taken);
  EXPECT_EQ(LeaderSeen(*ours_), id);
  EXPECT_TRUE(Eventually([&] { return RunningTasks(*ours_, "web") == 2; }, 60s))
      << ours_->Ctl({"task", "ls"}).out;
  EXPECT_EQ(ours_->Create("added").code, 0);
  ASSERT_EQ(ours_->Ctl({"service", "update", "web", "--replicas", "3"}).code, 0);
  ASSERT_EQ(ours_->Ctl({"service", "remove", "idle0"}).code, 0);
  EXPECT_TRUE(Eventually([&] { return RunningTasks(*ours_, "web") == 3; }, 60s));
  auto ours = Everything(*ours_);
  ours_->Stop();

  // What ours has written in turn.
  const auto written = ReadRaftFolder(ours_->state());
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_TRUE(written->objects.contains({"service", ours.at("service").begin().key()}));
  engine_->Stop();
  std::filesystem::remove_all(engine_->state());
  Copy(ours_->state(), engine_->state());
  std::filesystem::copy(kept + "/docker-state.json", engine_->state() + "/docker-state.json",
                        std::filesystem::copy_options::overwrite_existing);
  ASSERT_TRUE(engine_->Start()) << engine_->log();
  ASSERT_TRUE(Eventually([&] { return LeaderSeen(*engine_) == id; }, 60s)) << engine_->log();
  ours.erase("task");  // those of containers that ended with the engine are replaced
  // A Docker manager that begins to lead writes what it has allocated once more as it was.
  ExpectIntact(WithoutProgress(ours), WithoutProgress(Everything(*engine_)));
  EXPECT_FALSE(HasService(*engine_, "idle0"));
  EXPECT_TRUE(Eventually([&] { return RunningTasks(*engine_, "web") == 3; }, 60s))
      << engine_->Ctl({"task", "ls"}).out;
}

// The engine's manager was one of three, the others are lost for good.
TEST_F(TakeoverTest, ForceNewClusterFromAnEnginesFolder) {
  ASSERT_TRUE(engine_->Found()) << engine_->log();
  const std::string token = ManagerToken(*engine_);
  std::vector<std::unique_ptr<OurMember>> lost;
  for (int i = 1; i <= 2; ++i) {
    lost.push_back(std::make_unique<OurMember>("lost" + std::to_string(i), Address(i)));
    ASSERT_TRUE(lost.back()->Join(engine_->address(), token)) << lost.back()->log();
  }
  Fill();
  const auto before = Everything(*engine_);
  for (auto& member : lost) member->Kill();
  engine_->Stop();

  ours_ = std::make_unique<OurMember>("e1", Address(0));
  Copy(engine_->state(), ours_->state());
  const auto folder = ReadRaftFolder(ours_->state());
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->voters, 3u);
  ASSERT_TRUE(ours_->Run({"--force-new-cluster"})) << ours_->log();
  ExpectIntact(before, Everything(*ours_));
  const auto managers = [&] {
    std::size_t count = 0;
    for (const NodeRow& row : Nodes(*ours_)) count += !row.manager.empty();
    return count;
  };
  EXPECT_EQ(managers(), 1u) << ours_->Ctl({"node", "ls"}).out;
  EXPECT_EQ(ours_->Create("alone").code, 0);

  OurMember joined("joined", Address(3));
  ASSERT_TRUE(joined.Join(ours_->address(), ManagerToken(*ours_))) << joined.log();
  EXPECT_TRUE(Eventually([&] { return managers() == 2; }, kElection));
  EXPECT_EQ(joined.Create("together").code, 0);
  EXPECT_TRUE(HasService(*ours_, "together"));
  ExpectIntact(before, Everything(joined));
  joined.Kill();
  ours_->Kill();
}

}  // namespace
}  // namespace swarm::test
