// A swarm of Docker Engines whose managers are replaced by ours one by one, and back, while a
// service on the engines keeps answering.
#include <gmock/gmock.h>

#include <atomic>
#include <iostream>
#include <thread>

#include "mixed_group.h"

namespace swarm::test {
namespace {

// Asks every engine for the service again and again.
class Visitor {
 public:
  explicit Visitor(std::vector<std::string> addresses) : addresses_(std::move(addresses)) {
    thread_ = std::thread([this] {
      while (!end_) Round();
    });
  }
  ~Visitor() {
    end_ = true;
    thread_.join();
  }
  static bool Ask(const std::string& address) {
    return Execute({"timeout", "10", "bash", "-c",
                    "exec 3<>/dev/tcp/" + address +
                        "/8080 && printf 'GET /version HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"})
        .out.ends_with("\r\n\r\n1\n");
  }
  int asked() const { return asked_; }
  int failed() const { return failed_; }

 private:
  void Round() {
    for (const std::string& address : addresses_) {
      ++asked_;
      if (!Ask(address)) ++failed_;
    }
  }

  const std::vector<std::string> addresses_;
  std::atomic<bool> end_{false};
  std::atomic<int> asked_{0};
  std::atomic<int> failed_{0};
  std::thread thread_;
};

class MixedReplacementTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    for (int i = 0; i < 3; ++i) engines_.push_back(&group_.AddEngine());
    for (int i = 0; i < 3; ++i) ours_.push_back(&group_.AddOurs());
    ASSERT_TRUE(engines_[0]->Found()) << engines_[0]->log();
    const std::string token = ManagerToken(*engines_[0]);
    for (int i : {1, 2}) {
      ASSERT_TRUE(engines_[At(i)]->Join(engines_[0]->address(), token)) << engines_[At(i)]->log();
    }
    ASSERT_TRUE(group_.AwaitWell(3));
    Serve();
  }
  void TearDown() override {
    if (HasFailure()) std::cout << group_.Logs();
  }
  static std::size_t At(int i) { return static_cast<std::size_t>(i); }

  // On each engine a web server of its own.
  void Serve() {
    for (EngineMember* engine : engines_) {
      const Finished labelled = engines_[0]->engine().Docker(
          {"node", "update", "--label-add", "serves=yes", engine->NodeId()});
      ASSERT_EQ(labelled.code, 0) << labelled.err;
    }
    const Finished created = engines_[0]->engine().Docker({"service",
                                                           "create",
                                                           "--detach",
                                                           "--name",
                                                           "web",
                                                           "--mode",
                                                           "global",
                                                           "--constraint",
                                                           "node.labels.serves==yes",
                                                           "--publish",
                                                           "mode=host,published=8080,target=80",
                                                           "--no-resolve-image",
                                                           "busybox:latest",
                                                           "busybox",
                                                           "httpd",
                                                           "-f",
                                                           "-p",
                                                           "80",
                                                           "-h",
                                                           "/"});
    ASSERT_EQ(created.code, 0) << created.err;
    for (EngineMember* engine : engines_) {
      ASSERT_TRUE(Eventually([&] { return Visitor::Ask(engine->engine().ip()); }, 60s))
          << engine->log();
    }
  }
  std::set<std::string> Containers() {
    std::set<std::string> ids;
    for (EngineMember* engine : engines_) {
      for (const auto& c : engine->engine().Containers({"com.docker.swarm.service.name=web"})) {
        ids.insert(c["Id"].get<std::string>() + " " + c["State"].get<std::string>());
      }
    }
    return ids;
  }
  // One write that has to be accepted, through whoever leads.
  void Write(const std::string& service) {
    GroupMember* leader = group_.Leader();
    ASSERT_NE(leader, nullptr);
    Finished created;
    EXPECT_TRUE(Eventually(
        [&] {
          created = leader->Create(service);
          return created.code == 0 || created.err.find("conflicts") != std::string::npos;
        },
        kElection))
        << created.err;
    services_.push_back(service);
  }
  // `node` of `from` is no manager any more, as all others see it.
  void Demote(GroupMember& through, GroupMember& from, std::size_t left) {
    const std::string id = from.NodeId();
    const Finished demoted = through.Ctl({"node", "demote", id});
    ASSERT_EQ(demoted.code, 0) << demoted.err;
    group_.Retire(from);
    ASSERT_TRUE(group_.AwaitWell(left)) << through.Ctl({"node", "ls"}).out;
  }

  MixedGroup group_;
  std::vector<EngineMember*> engines_;
  std::vector<OurMember*> ours_;
  std::vector<std::string> services_;
};

TEST_F(MixedReplacementTest, ManagersAreReplacedOneByOneAndBack) {
  std::vector<std::string> addresses;
  for (EngineMember* engine : engines_) addresses.push_back(engine->engine().ip());
  const std::set<std::string> containers = Containers();
  Visitor visitor(addresses);

  std::vector<std::string> our_ids;
  for (int i = 0; i < 3; ++i) {
    GroupMember& through = i < 2 ? static_cast<GroupMember&>(*engines_[2]) : *ours_[0];
    ASSERT_TRUE(ours_[At(i)]->Join(engines_[2]->address(), ManagerToken(*engines_[2])))
        << ours_[At(i)]->log();
    ASSERT_TRUE(group_.AwaitWell(4));
    our_ids.push_back(ours_[At(i)]->NodeId());
    Demote(through, *engines_[At(i)], 3);
    Write("ours" + std::to_string(i + 1));
  }
  EXPECT_EQ(Containers(), containers) << "nothing was started anew";

  for (int i = 0; i < 3; ++i) {
    GroupMember& through = i < 2 ? static_cast<GroupMember&>(*ours_[2]) : *engines_[0];
    const std::string id = engines_[At(i)]->NodeId();
    const Finished promoted = ours_[2]->Ctl({"node", "promote", id});
    ASSERT_EQ(promoted.code, 0) << promoted.err;
    ASSERT_TRUE(Eventually(
        [&] { return engines_[At(i)]->Info("{{.Swarm.ControlAvailable}}") == "true"; }, kElection));
    group_.Recall(*engines_[At(i)]);
    ASSERT_TRUE(group_.AwaitWell(4)) << ours_[2]->Ctl({"node", "ls"}).out;
    const Finished demoted = through.Ctl({"node", "demote", our_ids[At(i)]});
    ASSERT_EQ(demoted.code, 0) << demoted.err;
    group_.Retire(*ours_[At(i)]);
    ASSERT_TRUE(group_.AwaitWell(3)) << through.Ctl({"node", "ls"}).out;
    Write("engines" + std::to_string(i + 1));
  }
  EXPECT_EQ(Containers(), containers);
  for (EngineMember* engine : engines_) {
    for (const std::string& service : services_) EXPECT_TRUE(HasService(*engine, service));
  }
  std::cout << "the service was asked " << visitor.asked() << " times, " << visitor.failed()
            << " without an answer\n";
  EXPECT_EQ(visitor.failed(), 0);
  EXPECT_GT(visitor.asked(), 20);
}

}  // namespace
}  // namespace swarm::test
