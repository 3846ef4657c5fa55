// Nodes, tasks and the cluster.
#include <gtest/gtest.h>

#include "api_fixture.h"
#include "swarmkit/v1/health.pb.h"

namespace swarm::controlapi {
namespace {

class NodesTest : public ApiTest {
 protected:
  void AddNode(const std::string& id, pb::NodeStatus::State state, pb::NodeRole role = pb::WORKER) {
    pb::Node node;
    node.set_id(id);
    node.mutable_description()->set_hostname("host-" + id);
    node.mutable_status()->set_state(state);
    node.set_role(role);
    node.mutable_spec()->set_desired_role(role);
    Put(node);
  }
  void AddMember(const std::string& id, bool reachable, bool self = false) {
    Member member;
    member.node_id = id;
    member.raft_id = RaftId(members_.members.size() + 1);
    member.address = id + ":4242";
    member.reachable = reachable;
    member.self = self;
    members_.members.push_back(member);
  }
  void AddCluster() {
    pb::Cluster cluster;
    cluster.set_id("cluster");
    cluster.mutable_spec()->mutable_annotations()->set_name("default");
    cluster.mutable_root_ca()->set_ca_cert("not read");
    cluster.mutable_root_ca()->set_ca_key("PRIVATE");
    cluster.mutable_root_ca()->mutable_root_rotation()->set_ca_key("PRIVATE");
    cluster.mutable_spec()->mutable_ca_config()->set_signing_ca_key("PRIVATE");
    cluster.add_network_bootstrap_keys()->set_key("PRIVATE");
    cluster.add_unlock_keys()->set_key("PRIVATE");
    cluster.mutable_spec()->mutable_ca_config()->set_signing_ca_cert("PRIVATE");
    Put(cluster);
  }
  void AddTask(const std::string& id, const std::string& node, pb::TaskState state) {
    pb::Task task;
    task.set_id(id);
    task.set_node_id(node);
    task.set_service_id("service");
    task.mutable_service_annotations()->set_name("web");
    task.set_slot(1);
    task.mutable_spec()->mutable_container()->set_image("busybox");
    task.mutable_status()->set_state(state);
    task.set_desired_state(pb::RUNNING);
    PutTask(task);
  }
  Status Demote(const std::string& id) {
    pb::UpdateNodeRequest request;
    request.set_node_id(id);
    *request.mutable_node_version() = Stored<pb::Node>(id)->meta().version();
    request.mutable_spec()->set_desired_role(pb::WORKER);
    return Call<pb::UpdateNodeResponse>("UpdateNode", request).status();
  }
  Status Remove(const std::string& id, bool force = false) {
    pb::RemoveNodeRequest request;
    request.set_node_id(id);
    request.set_force(force);
    return Call<pb::RemoveNodeResponse>("RemoveNode", request).status();
  }
};

TEST_F(NodesTest, ShowsWhatConsensusKnows) {
  AddNode("m", pb::NodeStatus::READY, pb::MANAGER);
  AddNode("w", pb::NodeStatus::READY);
  AddMember("m", false, true);
  pb::GetNodeRequest request;
  request.set_node_id("m");
  const auto node = Call<pb::GetNodeResponse>("GetNode", request);
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(node->node().manager_status().reachability(), pb::RaftMemberStatus::REACHABLE);
  EXPECT_FALSE(Stored<pb::Node>("m")->has_manager_status());
  const auto all = Call<pb::ListNodesResponse>("ListNodes", pb::ListNodesRequest());
  ASSERT_EQ(all->nodes_size(), 2);
  EXPECT_FALSE(all->nodes(1).has_manager_status());
}

// Pinned by SwarmKit: demotion while a member is down.
TEST_F(NodesTest, KeepsTheQuorumAndTheLastManager) {
  for (const char* id : {"a", "b", "c"}) AddNode(id, pb::NodeStatus::READY, pb::MANAGER);
  AddMember("a", true, true);
  AddMember("b", true);
  AddMember("c", false);
  EXPECT_EQ(Demote("b"),
            Status(Code::kFailedPrecondition,
                   "can't remove member from the raft: this would result in a loss of quorum"));
  members_.members[2].reachable = true;
  EXPECT_TRUE(Demote("b").ok());
  // The group follows later; of two members one may still go.
  members_.members.erase(members_.members.begin() + 1);
  Write([](Transaction& tx) {
    auto node = std::make_shared<pb::Node>(*tx.Get<pb::Node>("b"));
    node->set_role(pb::WORKER);
    return tx.Update(std::move(node));
  });
  EXPECT_TRUE(Demote("c").ok());
}

// Pinned by SwarmKit: the last manager stays one, and can still be changed.
TEST_F(NodesTest, NeverDemotesTheOnlyManager) {
  AddNode("a", pb::NodeStatus::READY, pb::MANAGER);
  AddMember("a", true, true);
  EXPECT_EQ(Demote("a"), Status(Code::kFailedPrecondition,
                                "attempting to demote the last manager of the swarm"));
  pb::UpdateNodeRequest request;
  request.set_node_id("a");
  *request.mutable_node_version() = Stored<pb::Node>("a")->meta().version();
  request.mutable_spec()->set_desired_role(pb::MANAGER);
  request.mutable_spec()->set_availability(pb::NodeSpec::DRAIN);
  EXPECT_TRUE(Call<pb::UpdateNodeResponse>("UpdateNode", request).ok());
}

TEST_F(NodesTest, PromotesOnlyWhereThereCanBeMoreManagers) {
  AddNode("a", pb::NodeStatus::READY, pb::MANAGER);
  AddNode("w", pb::NodeStatus::READY);
  AddMember("a", true, true);
  const auto promote = [this] {
    pb::UpdateNodeRequest request;
    request.set_node_id("w");
    *request.mutable_node_version() = Stored<pb::Node>("w")->meta().version();
    request.mutable_spec()->set_desired_role(pb::MANAGER);
    return Call<pb::UpdateNodeResponse>("UpdateNode", request).status();
  };
  members_.can_grow = false;
  const Status refused = promote();
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.message().find("hint: restart the manager with plugins.consensus"),
            std::string::npos);
  EXPECT_EQ(Stored<pb::Node>("w")->spec().desired_role(), pb::WORKER);
  members_.can_grow = true;
  EXPECT_TRUE(promote().ok());
  EXPECT_EQ(Stored<pb::Node>("w")->spec().desired_role(), pb::MANAGER);
  const Status unjoined = Demote("w");
  EXPECT_EQ(unjoined.code(), Code::kNotFound);
  EXPECT_TRUE(unjoined.message().starts_with("can't find manager in raft memberlist\nhint: "));
}

// Pinned by SwarmKit: an update is made once.
TEST_F(NodesTest, RefusesIncompleteAndRepeatedUpdates) {
  AddNode("w", pb::NodeStatus::READY);
  pb::UpdateNodeRequest request;
  request.set_node_id("w");
  EXPECT_EQ(Call<pb::UpdateNodeResponse>("UpdateNode", request).status().code(),
            Code::kInvalidArgument);
  *request.mutable_node_version() = Stored<pb::Node>("w")->meta().version();
  request.mutable_spec()->set_availability(pb::NodeSpec::DRAIN);
  EXPECT_TRUE(Call<pb::UpdateNodeResponse>("UpdateNode", request).ok());
  EXPECT_EQ(Call<pb::UpdateNodeResponse>("UpdateNode", request).status().message(),
            "update out of sequence");
}

// Pinned by SwarmKit: what may be removed, and what the blacklist holds then.
TEST_F(NodesTest, RemovesOnlyWhatIsDownUnlessForced) {
  AddCluster();
  AddNode("w", pb::NodeStatus::READY);
  AddNode("u", pb::NodeStatus::UNKNOWN);
  EXPECT_EQ(Remove("w"),
            Status(Code::kFailedPrecondition, "node w is not down and can't be removed"));
  EXPECT_TRUE(Remove("u").ok());
  EXPECT_TRUE(Remove("w", true).ok());
  EXPECT_EQ(Remove("w", true), Status(Code::kNotFound, "node w not found"));
  const auto cluster = Stored<pb::Cluster>("cluster");
  EXPECT_EQ(cluster->blacklisted_certificates_size(), 2);
  EXPECT_TRUE(cluster->blacklisted_certificates().contains("w"));
}

TEST_F(NodesTest, NeverRemovesAMember) {
  AddCluster();
  AddNode("m", pb::NodeStatus::DOWN, pb::MANAGER);
  AddMember("m", true);
  EXPECT_EQ(Remove("m", true).code(), Code::kFailedPrecondition);
}

// Pinned by SwarmKit: tasks of a removed node.
TEST_F(NodesTest, OrphansOnlyTasksThatHaveNotEnded) {
  AddCluster();
  AddNode("w", pb::NodeStatus::DOWN);
  AddTask("running", "w", pb::RUNNING);
  AddTask("complete", "w", pb::COMPLETE);
  AddTask("elsewhere", "x", pb::RUNNING);
  ASSERT_TRUE(Remove("w").ok());
  const ViewPtr view = store_.Read();
  EXPECT_EQ(view->GetTask("running")->status.state, pb::ORPHANED);
  EXPECT_EQ(view->GetTask("running")->status.message,
            "Task belonged to a node that has been deleted");
  EXPECT_EQ(view->GetTask("complete")->status.state, pb::COMPLETE);
  EXPECT_EQ(view->GetTask("elsewhere")->status.state, pb::RUNNING);
}

TEST_F(NodesTest, RemovalNeedsTheCluster) {
  AddNode("w", pb::NodeStatus::DOWN);
  EXPECT_EQ(Remove("w"), Status(Code::kInternal, "could not fetch cluster object"));
}

// Pinned by SwarmKit: tasks by prefix of their ids and by desired states.
TEST_F(NodesTest, ListsTasksAsTheStoreHasThem) {
  AddTask("aa1", "n", pb::RUNNING);
  AddTask("aa2", "n", pb::FAILED);
  AddTask("b", "m", pb::RUNNING);
  const auto all = Call<pb::ListTasksResponse>("ListTasks", pb::ListTasksRequest());
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->tasks_size(), 3);
  for (const pb::Task& task : all->tasks()) {
    const pb::Task stored = TaskToProto(*store_.Read()->GetTask(task.id()));
    EXPECT_EQ(task.SerializeAsString(), stored.SerializeAsString()) << task.id();
  }
  pb::ListTasksRequest request;
  request.mutable_filters()->add_id_prefixes("aa");
  EXPECT_EQ(Call<pb::ListTasksResponse>("ListTasks", request)->tasks_size(), 2);
  request.mutable_filters()->add_desired_states(pb::SHUTDOWN);
  EXPECT_EQ(Call<pb::ListTasksResponse>("ListTasks", request)->tasks_size(), 0);
  request.mutable_filters()->add_desired_states(pb::RUNNING);
  EXPECT_EQ(Call<pb::ListTasksResponse>("ListTasks", request)->tasks_size(), 2);
  request.mutable_filters()->add_names("web.1.aa1");
  EXPECT_EQ(Call<pb::ListTasksResponse>("ListTasks", request)->tasks_size(), 1);
}

TEST_F(NodesTest, RemovesATaskOnce) {
  AddTask("t", "n", pb::RUNNING);
  pb::RemoveTaskRequest request;
  EXPECT_EQ(Call<pb::RemoveTaskResponse>("RemoveTask", request).status().code(),
            Code::kInvalidArgument);
  request.set_task_id("t");
  EXPECT_TRUE(Call<pb::RemoveTaskResponse>("RemoveTask", request).ok());
  EXPECT_EQ(Call<pb::RemoveTaskResponse>("RemoveTask", request).status(),
            Status(Code::kNotFound, "task t not found"));
}

// Pinned by SwarmKit: what is shown of a cluster.
TEST_F(NodesTest, ShowsNoKeysOfTheCluster) {
  AddCluster();
  pb::GetClusterRequest request;
  request.set_cluster_id("cluster");
  const auto got = Call<pb::GetClusterResponse>("GetCluster", request);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->SerializeAsString().find("PRIVATE"), std::string::npos);
  EXPECT_EQ(got->cluster().vxlanudpport(), 4789U);
  EXPECT_EQ(got->cluster().defaultaddresspool(0), "10.0.0.0/8");
  const auto all = Call<pb::ListClustersResponse>("ListClusters", pb::ListClustersRequest());
  ASSERT_EQ(all->clusters_size(), 1);
  EXPECT_EQ(all->clusters(0).SerializeAsString(), got->cluster().SerializeAsString());
  EXPECT_EQ(Stored<pb::Cluster>("cluster")->root_ca().ca_key(), "PRIVATE");
}

// Pinned by SwarmKit: what a cluster may be set to.
TEST_F(NodesTest, ChecksTheClustersSpec) {
  AddCluster();
  const auto error = [this](const std::function<void(pb::ClusterSpec*)>& change) {
    pb::UpdateClusterRequest request;
    request.set_cluster_id("cluster");
    request.mutable_cluster_version();
    request.mutable_spec()->mutable_annotations()->set_name("default");
    change(request.mutable_spec());
    const Status status = Call<pb::UpdateClusterResponse>("UpdateCluster", request).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(error([](auto* s) {
              s->mutable_ca_config()->mutable_node_cert_expiry()->set_seconds(29 * 60);
            }),
            "minimum certificate expiry time is: 1h0m0s");
  EXPECT_EQ(
      error([](auto* s) { s->mutable_dispatcher()->mutable_heartbeat_period()->set_seconds(-1); }),
      "heartbeat time period cannot be a negative duration");
  EXPECT_EQ(error([](auto* s) { s->mutable_annotations()->set_name("other"); }),
            "modification of cluster name is not allowed");
  EXPECT_EQ(error([](auto* s) { s->mutable_annotations()->clear_name(); }),
            "modification of cluster name is not allowed");
}

TEST_F(NodesTest, AnswersHealth) {
  pb::HealthCheckRequest request;
  for (const char* name : {"", "Raft", "ControlAPI"}) {
    request.set_service(name);
    const auto health = Call<pb::HealthCheckResponse>("/docker.swarmkit.v1.Health/Check", request);
    ASSERT_TRUE(health.ok());
    EXPECT_EQ(health->status(), pb::HealthCheckResponse::SERVING);
  }
  request.set_service("Other");
  EXPECT_EQ(Call<pb::HealthCheckResponse>("/docker.swarmkit.v1.Health/Check", request).status(),
            Status(Code::kNotFound, "unknown service"));
}

}  // namespace
}  // namespace swarm::controlapi
