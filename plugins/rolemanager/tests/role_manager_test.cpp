#include "role_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "component_testing/world.h"

namespace swarm::rolemanager {
namespace {

using component::testing::World;
using namespace std::chrono_literals;
using testing::ElementsAre;

// A group whose members leave when the test says so.
class FakeGroup final : public Consensus {
 public:
  void Add(const std::string& node_id, std::uint64_t id, bool self = false) {
    Member member;
    member.raft_id = RaftId(id);
    member.node_id = node_id;
    member.self = self;
    member.reachable = true;
    members_.push_back(member);
  }
  std::vector<std::string> Nodes() const {
    std::vector<std::string> out;
    for (const Member& member : members_) out.push_back(member.node_id);
    return out;
  }

  void Attach(ReplicatedState&) noexcept override {}
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch) noexcept override { return ProposalEpoch(1); }
  void Propose(ProposalEpoch, Sequence, std::string) noexcept override {}
  LeaderInfo Leader() const noexcept override { return {}; }
  std::vector<Member> Members() const noexcept override { return members_; }
  Index CommitIndex() const noexcept override { return {}; }
  Status TransferLeadership() noexcept override {
    ++transfers;
    return Status::Ok();
  }
  bool CanRemoveMember(RaftId) const noexcept override { return can_remove; }
  void RemoveMember(RaftId id, Function<void(Status)> done) noexcept override {
    if (hold) {
      held.push_back(std::move(done));
      return;
    }
    if (!fails.ok()) return done(fails);
    std::erase_if(members_, [&](const Member& m) { return m.raft_id == id; });
    done(Status::Ok());
  }
  void ReadLog(Index, Index,
               Function<void(Result<std::vector<CommittedEntry>>)>) noexcept override {}

  bool can_remove = true;
  bool hold = false;
  Status fails;
  int transfers = 0;
  std::vector<Function<void(Status)>> held;

 private:
  std::vector<Member> members_;
};

class RoleManagerTest : public testing::Test {
 protected:
  ~RoleManagerTest() override { world_.Stop(); }

  void Start() {
    world_.Start({"rolemanager", {Table::kNode}}, [this](component::Env& env) {
      return std::make_unique<RoleManager>(env, group_);
    });
    world_.sim().Settle();
  }
  void Node(const std::string& id, pb::NodeRole observed, pb::NodeRole desired) {
    world_.AddNode(id, [&](pb::Node& node) {
      node.set_role(observed);
      node.mutable_spec()->set_desired_role(desired);
    });
  }
  void Want(const std::string& id, pb::NodeRole desired) {
    world_.EditNode(id, [&](pb::Node& node) { node.mutable_spec()->set_desired_role(desired); });
  }
  pb::NodeRole Role(const std::string& id) { return world_.view()->Get<pb::Node>(id)->role(); }
  void ThreeManagers() {
    for (const auto& [id, raft_id] : std::map<std::string, int>{{"m1", 1}, {"m2", 2}, {"m3", 3}}) {
      Node(id, pb::MANAGER, pb::MANAGER);
      group_.Add(id, static_cast<std::uint64_t>(raft_id), id == "m1");
    }
  }

  FakeGroup group_;
  World world_;
};

// Pinned by SwarmKit: a node that was promoted gets its role without joining the group.
TEST_F(RoleManagerTest, APromotedNodeIsAManagerAtOnceAndJoinsByItself) {
  ThreeManagers();
  Node("w", pb::WORKER, pb::WORKER);
  Start();
  EXPECT_EQ(Role("w"), pb::WORKER);
  Want("w", pb::MANAGER);
  EXPECT_EQ(Role("w"), pb::MANAGER);
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1", "m2", "m3"));
}

// Pinned by SwarmKit: a demoted node leaves the group, and then is a worker.
TEST_F(RoleManagerTest, ADemotedNodeLeavesTheGroupBeforeItIsAWorker) {
  ThreeManagers();
  Start();
  group_.hold = true;
  Want("m2", pb::WORKER);
  ASSERT_EQ(group_.held.size(), 1U);
  EXPECT_EQ(Role("m2"), pb::MANAGER) << "the group has not agreed yet";
  world_.sim().RunFor(20s);
  EXPECT_EQ(group_.held.size(), 1U) << "one removal at a time";
  group_.hold = false;
  std::exchange(group_.held, {}).front()(Status(Code::kUnknown, "raft proposal dropped"));
  world_.sim().RunFor(6s);
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1", "m3"));
  EXPECT_EQ(Role("m2"), pb::WORKER);
}

// Pinned by SwarmKit: what happened before it leads counts too.
TEST_F(RoleManagerTest, FindsAtItsStartWhatHappenedBefore) {
  ThreeManagers();
  Node("m4", pb::MANAGER, pb::WORKER);
  group_.Add("m4", 4);
  group_.Add("removed", 5);
  group_.Add("", 6);
  Node("w", pb::WORKER, pb::MANAGER);
  Node("done", pb::MANAGER, pb::WORKER);
  Start();
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1", "m2", "m3", ""));
  EXPECT_EQ(Role("m4"), pb::WORKER);
  EXPECT_EQ(Role("w"), pb::MANAGER);
  EXPECT_EQ(Role("done"), pb::WORKER);
}

// Pinned by SwarmKit: a node that is removed while it is a member leaves the group.
TEST_F(RoleManagerTest, ARemovedNodeLeavesTheGroup) {
  ThreeManagers();
  Start();
  group_.fails = Status(Code::kDeadlineExceeded, "not now");
  world_.RemoveNode("m3");
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1", "m2", "m3"));
  group_.fails = Status::Ok();
  world_.sim().RunFor(6s);
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1", "m2"));
}

TEST_F(RoleManagerTest, WaitsUntilTheOthersAreAMajority) {
  ThreeManagers();
  group_.can_remove = false;
  Start();
  Want("m2", pb::WORKER);
  world_.sim().RunFor(30s);
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1", "m2", "m3"));
  EXPECT_EQ(Role("m2"), pb::MANAGER);
  group_.can_remove = true;
  world_.sim().RunFor(6s);
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1", "m3"));
  EXPECT_EQ(Role("m2"), pb::WORKER);
}

TEST_F(RoleManagerTest, TheLeaderItselfGivesLeadershipAwayAndIsTakenOutByItsSuccessor) {
  ThreeManagers();
  Start();
  Want("m1", pb::WORKER);
  EXPECT_EQ(group_.transfers, 1);
  world_.sim().RunFor(6s);
  EXPECT_EQ(group_.transfers, 2) << "nobody has taken over";
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1", "m2", "m3"));
  EXPECT_EQ(Role("m1"), pb::MANAGER);
}

TEST_F(RoleManagerTest, AChangeOfMindBeforeTheGroupHasAgreedIsHeard) {
  ThreeManagers();
  group_.can_remove = false;
  Start();
  Want("m2", pb::WORKER);
  Want("m2", pb::MANAGER);
  group_.can_remove = true;
  world_.sim().RunFor(30s);
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1", "m2", "m3"));
  EXPECT_EQ(Role("m2"), pb::MANAGER);
}

TEST_F(RoleManagerTest, ALeaderWithoutAnObjectIsNotPutOut) {
  group_.Add("m1", 1, true);
  Start();
  world_.sim().RunFor(30s);
  EXPECT_THAT(group_.Nodes(), ElementsAre("m1"));
  EXPECT_EQ(group_.transfers, 0);
}

TEST_F(RoleManagerTest, AnAnswerAfterItsEndIsForgotten) {
  ThreeManagers();
  Start();
  group_.hold = true;
  Want("m2", pb::WORKER);
  ASSERT_EQ(group_.held.size(), 1U);
  world_.Stop();
  group_.held.front()(Status::Ok());
  world_.sim().RunFor(10s);
  EXPECT_EQ(Role("m2"), pb::MANAGER);
}

}  // namespace
}  // namespace swarm::rolemanager
