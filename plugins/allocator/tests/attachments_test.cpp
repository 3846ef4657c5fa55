// Containers outside of services on networks of the cluster.
#include "attachments.h"

#include <gtest/gtest.h>

#include "support/manager_rig.h"
#include "swarmkit/v1/resource.pb.h"

namespace swarm::allocator {
namespace {

class AttachmentsTest : public testing::Test, public test::ManagerRig<Attachments> {
 protected:
  AttachmentsTest() : ManagerRig(3, {}, {}) {
    Start();
    AddNetwork("net1", "open", true);
    AddNetwork("net2", "closed", false);
  }

  void AddNetwork(const std::string& id, const std::string& name, bool attachable) {
    pb::Network network;
    network.set_id(id);
    network.mutable_spec()->mutable_annotations()->set_name(name);
    network.mutable_spec()->set_attachable(attachable);
    Put(network);
  }
  Result<std::string> Attach(const std::string& node, const std::string& network) {
    pb::AttachNetworkRequest request;
    request.set_container_id("container1");
    request.mutable_config()->set_target(network);
    request.mutable_config()->add_addresses("10.0.9.7");
    SWARM_ASSIGN_OR_RETURN(const auto reply, Call<pb::AttachNetworkResponse>(
                                                 As(node, "swarm-worker"),
                                                 "ResourceAllocator/AttachNetwork", request));
    return reply->attachment_id();
  }
  Status Detach(const std::string& node, const std::string& id) {
    pb::DetachNetworkRequest request;
    request.set_attachment_id(id);
    return Call<pb::DetachNetworkResponse>(As(node, "swarm-worker"),
                                           "ResourceAllocator/DetachNetwork", request)
        .status();
  }
};

TEST_F(AttachmentsTest, AnAttachmentIsATaskOfTheNodeThatAsks) {
  const auto id = Attach("worker1", "open");
  ASSERT_TRUE(id.ok()) << id.status();
  const pb::Task task = TaskToProto(*store.Read()->GetTask(*id));
  EXPECT_EQ(task.node_id(), "worker1");
  EXPECT_EQ(task.spec().attachment().container_id(), "container1");
  ASSERT_EQ(task.spec().networks_size(), 1);
  EXPECT_EQ(task.spec().networks(0).target(), "net1");
  EXPECT_EQ(task.spec().networks(0).addresses(0), "10.0.9.7");
  EXPECT_EQ(task.status().state(), pb::NEW);
  EXPECT_EQ(task.status().message(), "created");
  EXPECT_TRUE(task.status().has_timestamp());
  EXPECT_EQ(task.desired_state(), pb::RUNNING);
  EXPECT_EQ(Detach("worker1", *id), Status());
  EXPECT_FALSE(store.Read()->GetTask(*id));
}

TEST_F(AttachmentsTest, OnlyNetworksThatAllowIt) {
  EXPECT_EQ(Attach("worker1", "none").status(), Status(Code::kNotFound, "network none not found"));
  EXPECT_EQ(Attach("worker1", "net2").status(),
            Status(Code::kPermissionDenied, "network net2 not manually attachable"));
}

TEST_F(AttachmentsTest, NodesDetachTheirOwnOnly) {
  const auto id = Attach("worker1", "net1");
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_EQ(Detach("worker2", *id),
            Status(Code::kPermissionDenied, "attachment " + *id + " doesn't belong to this node"));
  EXPECT_EQ(Detach("worker1", ""), Status(Code::kInvalidArgument, "invalid argument"));
  EXPECT_EQ(Detach("worker1", "gone"), Status(Code::kNotFound, "attachment gone not found"));
  EXPECT_TRUE(store.Read()->GetTask(*id));
}

TEST_F(AttachmentsTest, TasksOfServicesCannotBeDetached) {
  Task task;
  task.id = "task1";
  task.node_id = "worker1";
  auto spec = std::make_shared<pb::TaskSpec>();
  spec->mutable_container()->set_image("busybox");
  task.spec = spec;
  PutTask(task);
  EXPECT_EQ(Detach("worker1", "task1"), Status(Code::kNotFound, "attachment task1 not found"));
  EXPECT_TRUE(store.Read()->GetTask("task1"));
}

}  // namespace
}  // namespace swarm::allocator
