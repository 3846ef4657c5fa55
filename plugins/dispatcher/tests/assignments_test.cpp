#include <gmock/gmock.h>

#include "rig.h"

namespace swarm::dispatcher {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

using Names = std::set<std::string>;

std::shared_ptr<const pb::TaskSpec> SpecWith(std::vector<std::string> secrets,
                                             std::vector<std::string> configs = {},
                                             std::vector<std::string> referenced_secrets = {}) {
  auto spec = std::make_shared<pb::TaskSpec>();
  spec->mutable_container()->set_image("i");
  for (auto& id : secrets) spec->mutable_container()->add_secrets()->set_secret_id(id);
  for (auto& id : configs) spec->mutable_container()->add_configs()->set_config_id(id);
  for (auto& id : referenced_secrets) {
    auto* reference = spec->add_resource_references();
    reference->set_resource_id(id);
    reference->set_resource_type(pb::SECRET);
  }
  return spec;
}

class AssignmentsTest : public testing::Test {
 protected:
  void SetUp() override {
    rig.Start();
    session = rig.Connect("n1");
    for (const char* id : {"s1", "s2", "s3"}) {
      pb::Secret secret;
      secret.set_id(id);
      secret.mutable_spec()->mutable_annotations()->set_name(id);
      secret.mutable_spec()->set_data("payload");
      rig.Put(secret);
    }
    pb::Config config;
    config.set_id("c1");
    config.mutable_spec()->mutable_annotations()->set_name("c1");
    rig.Put(config);
  }
  void PutTask(const std::string& id, pb::TaskState state,
               std::shared_ptr<const pb::TaskSpec> spec = nullptr) {
    Task task = MakeTask(id, "n1", state);
    task.spec = std::move(spec);
    rig.PutTask(std::move(task));
  }
  void SetState(const std::string& id, pb::TaskState state) {
    rig.EditTask(id, [&](Task& t) { t.status.state = state; });
  }
  // What has been told since the last call, each message on its own.
  std::vector<Names> Told() {
    std::vector<Names> out;
    for (const auto& message : stream->Take()) out.push_back(Changes(*message));
    return out;
  }

  Rig rig;
  std::string session;
  std::unique_ptr<Received<pb::AssignmentsMessage>> stream;
};

TEST_F(AssignmentsTest, NeedsASession) {
  for (const char* id : {"", "wrong"}) {
    stream = rig.Assignments("n1", id);
    ASSERT_TRUE(stream->end);
    EXPECT_EQ(*stream->end, Status(Code::kInvalidArgument, "session invalid"));
  }
  stream = rig.Assignments("n2", "x");
  EXPECT_EQ(stream->end->code(), Code::kNotFound);
}

TEST_F(AssignmentsTest, FirstMessageIsCompleteEvenWhenEmpty) {
  stream = rig.Assignments("n1", session);
  ASSERT_EQ(stream->messages.size(), 1u);
  EXPECT_EQ(stream->messages[0]->type(), pb::AssignmentsMessage::COMPLETE);
  EXPECT_EQ(stream->messages[0]->applies_to(), "");
  EXPECT_EQ(stream->messages[0]->results_in(), "1");
  EXPECT_EQ(stream->messages[0]->changes_size(), 0);
}

TEST_F(AssignmentsTest, MessagesFormAChain) {
  stream = rig.Assignments("n1", session);
  for (int i = 0; i < 3; ++i) PutTask("t" + std::to_string(i), pb::ASSIGNED);
  ASSERT_EQ(stream->messages.size(), 4u);
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(stream->messages[i]->type(), pb::AssignmentsMessage::INCREMENTAL);
    EXPECT_EQ(stream->messages[i]->applies_to(), stream->messages[i - 1]->results_in());
  }
}

// Pinned by SwarmKit.
TEST_F(AssignmentsTest, FirstMessageHasTasksFromAssignedAndDependenciesOfLiveOnes) {
  PutTask("pending", pb::PENDING, SpecWith({"s1"}));
  PutTask("assigned", pb::ASSIGNED, SpecWith({"s2"}, {"c1"}, {"s2"}));
  PutTask("running", pb::RUNNING, SpecWith({"s2", "absent"}));
  PutTask("failed", pb::FAILED, SpecWith({"s3"}));
  stream = rig.Assignments("n1", session);
  ASSERT_EQ(stream->messages.size(), 1u);
  const auto& message = *stream->messages[0];
  EXPECT_EQ(Changes(message),
            (Names{"+config:c1", "+secret:s2", "+task:assigned", "+task:failed", "+task:running"}));
  EXPECT_EQ(message.changes_size(), 5) << "each only once";
  EXPECT_EQ(message.changes(0).assignment().secret().spec().data(), "payload");
}

TEST_F(AssignmentsTest, DependenciesComeBeforeTasks) {
  PutTask("a", pb::ASSIGNED, SpecWith({"s1"}, {"c1"}));
  stream = rig.Assignments("n1", session);
  const auto& changes = stream->messages.at(0)->changes();
  ASSERT_EQ(changes.size(), 3);
  EXPECT_TRUE(changes[2].assignment().has_task());
}

// Pinned by SwarmKit.
TEST_F(AssignmentsTest, StatusOfARunningTaskIsNotToldBack) {
  PutTask("t", pb::RUNNING);
  stream = rig.Assignments("n1", session);
  stream->Take();
  rig.EditTask("t", [](Task& t) { t.status.message = "new"; });
  rig.sim.RunFor(1s);
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(AssignmentsTest, AssignedTaskIsToldAgainAtEveryChange) {
  PutTask("t", pb::ASSIGNED);
  stream = rig.Assignments("n1", session);
  stream->Take();
  rig.EditTask("t", [](Task& t) { t.status.message = "new"; });
  EXPECT_THAT(Told(), UnorderedElementsAre(Names{"+task:t"}));
}

TEST_F(AssignmentsTest, DesiredStateIsTold) {
  PutTask("t", pb::RUNNING);
  stream = rig.Assignments("n1", session);
  stream->Take();
  rig.EditTask("t", [](Task& t) { t.desired_state = pb::SHUTDOWN; });
  ASSERT_EQ(stream->messages.size(), 1u);
  EXPECT_EQ(stream->messages[0]->changes(0).assignment().task().desired_state(), pb::SHUTDOWN);
}

TEST_F(AssignmentsTest, EndOfTheLastUserReleasesADependency) {
  PutTask("a", pb::RUNNING, SpecWith({"s1", "absent"}));
  PutTask("b", pb::RUNNING, SpecWith({"s1"}));
  stream = rig.Assignments("n1", session);
  stream->Take();
  SetState("b", pb::COMPLETE);
  EXPECT_THAT(Told(), IsEmpty());
  SetState("a", pb::FAILED);
  // What was missing is withdrawn too: it may have been sent under another manager.
  EXPECT_THAT(Told(), UnorderedElementsAre(Names{"-secret:absent", "-secret:s1"}));
  rig.EditTask("a", [](Task& t) { t.status.message = "again"; });
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(AssignmentsTest, RemovalWithdrawsTaskAndDependencies) {
  PutTask("a", pb::RUNNING, SpecWith({"s1"}, {"c1"}));
  stream = rig.Assignments("n1", session);
  stream->Take();
  rig.Write([](Transaction& tx) { return tx.Delete(Table::kTask, "a"); });
  EXPECT_THAT(Told(), UnorderedElementsAre(Names{"-config:c1", "-secret:s1", "-task:a"}));
}

TEST_F(AssignmentsTest, NewUserOfASentSecretDoesNotSendItAgain) {
  PutTask("a", pb::RUNNING, SpecWith({"s1"}));
  stream = rig.Assignments("n1", session);
  stream->Take();
  PutTask("b", pb::ASSIGNED, SpecWith({"s1", "s2"}));
  EXPECT_THAT(Told(), UnorderedElementsAre(Names{"+secret:s2", "+task:b"}));
}

// Pinned by SwarmKit: secrets and configs of running tasks do not change.
TEST_F(AssignmentsTest, ChangesOfSecretsAreNotTold) {
  PutTask("a", pb::RUNNING, SpecWith({"s1"}));
  stream = rig.Assignments("n1", session);
  stream->Take();
  rig.Edit<pb::Secret>("s1", [](auto& s) { s.mutable_spec()->set_data("x"); });
  rig.Write([](Transaction& tx) { return tx.Remove<pb::Secret>("s1"); });
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(AssignmentsTest, SecretsThatADriverMakesAreLeftOut) {
  rig.Edit<pb::Secret>("s1", [](auto& s) { s.mutable_spec()->mutable_driver()->set_name("d"); });
  PutTask("a", pb::ASSIGNED, SpecWith({"s1"}));
  stream = rig.Assignments("n1", session);
  EXPECT_EQ(Changes(*stream->messages.at(0)), (Names{"+task:a"}));
}

TEST_F(AssignmentsTest, OtherNodesTasksAreNotTold) {
  stream = rig.Assignments("n1", session);
  stream->Take();
  rig.PutTask(MakeTask("x", "n2", pb::ASSIGNED));
  rig.PutTask(MakeTask("y", "", pb::ASSIGNED));
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(AssignmentsTest, ChangesGatherBetweenMessages) {
  Rig slow(Rig::Texts{{"assignment_interval", "100ms"}});
  slow.Start();
  std::string id = slow.Connect("n1");
  auto messages = slow.Assignments("n1", id);
  messages->Take();
  for (int i = 0; i < 10; ++i) {
    slow.PutTask(MakeTask("t" + std::to_string(i), "n1", pb::ASSIGNED));
  }
  slow.PutTask(MakeTask("brief", "n1", pb::ASSIGNED));
  slow.Write([](Transaction& tx) { return tx.Delete(Table::kTask, "brief"); });
  EXPECT_TRUE(messages->messages.empty());
  slow.sim.RunFor(100ms);
  ASSERT_EQ(messages->messages.size(), 1u);
  EXPECT_EQ(messages->messages[0]->changes_size(), 11);
  EXPECT_TRUE(Changes(*messages->messages[0]).contains("-task:brief"));
  slow.sim.RunFor(1s);
  slow.PutTask(MakeTask("late", "n1", pb::ASSIGNED));
  EXPECT_EQ(messages->messages.size(), 2u) << "an idle stream sends at once";
}

TEST_F(AssignmentsTest, VolumeFollowsItsPublicationOnThisNode) {
  pb::Volume volume;
  volume.set_id("v1");
  volume.mutable_spec()->mutable_annotations()->set_name("v1");
  volume.mutable_spec()->mutable_driver()->set_name("csi");
  volume.mutable_spec()->add_secrets()->set_secret("s1");
  volume.mutable_volume_info()->set_volume_id("csi-1");
  auto* other = volume.add_publish_status();
  other->set_node_id("n2");
  other->set_state(pb::VolumePublishStatus::PUBLISHED);
  auto* status = volume.add_publish_status();
  status->set_node_id("n1");
  (*status->mutable_publish_context())["k"] = "v";
  rig.Put(volume);
  stream = rig.Assignments("n1", session);
  EXPECT_EQ(Changes(*stream->Take().at(0)), Names());

  auto move = [&](pb::VolumePublishStatus::State state) {
    rig.Edit<pb::Volume>("v1", [&](auto& v) { v.mutable_publish_status(1)->set_state(state); });
  };
  move(pb::VolumePublishStatus::PUBLISHED);
  ASSERT_EQ(stream->messages.size(), 1u);
  EXPECT_EQ(Changes(*stream->messages[0]), (Names{"+secret:s1", "+volume:v1"}));
  const pb::VolumeAssignment sent = stream->Take()[0]->changes(1).assignment().volume();
  EXPECT_EQ(sent.volume_id(), "csi-1");
  EXPECT_EQ(sent.publish_context().at("k"), "v");
  move(pb::VolumePublishStatus::PUBLISHED);
  EXPECT_THAT(Told(), IsEmpty());
  move(pb::VolumePublishStatus::PENDING_NODE_UNPUBLISH);
  ASSERT_EQ(stream->messages.size(), 1u);
  EXPECT_EQ(stream->messages[0]->changes(0).assignment().volume().volume_id(), "csi-1");
  EXPECT_THAT(Told(), UnorderedElementsAre(Names{"-volume:v1"}));

  pb::UpdateVolumeStatusRequest request;
  request.set_session_id(session);
  for (const char* id : {"v1", "absent"}) {
    auto* update = request.add_updates();
    update->set_id(id);
    update->set_unpublished(true);
  }
  ASSERT_TRUE(rig.Call<pb::UpdateVolumeStatusResponse>("n1", "UpdateVolumeStatus", request).ok());
  auto stored = rig.store.Read()->Get<pb::Volume>("v1");
  EXPECT_EQ(stored->publish_status(1).state(), pb::VolumePublishStatus::PENDING_UNPUBLISH);
  EXPECT_EQ(stored->publish_status(0).state(), pb::VolumePublishStatus::PUBLISHED);
  EXPECT_THAT(Told(), UnorderedElementsAre(Names{"-secret:s1"}));
}

TEST_F(AssignmentsTest, OlderProtocolIsToldAllTasksEachTime) {
  pb::TasksRequest request;
  request.set_session_id(session);
  auto tasks = rig.Open<pb::TasksMessage>("n1", "Tasks", request);
  ASSERT_EQ(tasks->messages.size(), 1u);
  EXPECT_EQ(tasks->Take()[0]->tasks_size(), 0);
  PutTask("a", pb::ASSIGNED);
  PutTask("b", pb::RUNNING);
  ASSERT_EQ(tasks->messages.size(), 2u);
  EXPECT_EQ(tasks->Take()[1]->tasks_size(), 2);
  rig.EditTask("b", [](Task& t) { t.status.message = "quiet"; });
  EXPECT_TRUE(tasks->messages.empty());
  rig.EditTask("b", [](Task& t) { t.desired_state = pb::REMOVE; });
  EXPECT_EQ(tasks->Take().at(0)->tasks_size(), 2);
  rig.Write([](Transaction& tx) {
    SWARM_RETURN_IF_ERROR(tx.Delete(Table::kTask, "a"));
    return tx.Delete(Table::kTask, "b");
  });
  EXPECT_EQ(tasks->Take().at(0)->tasks_size(), 0);
}

// Pinned by SwarmKit.
TEST_F(AssignmentsTest, ReportsOfForeignTasksAreRefusedWhole) {
  PutTask("mine", pb::ASSIGNED);
  rig.PutTask(MakeTask("foreign", "n2", pb::ASSIGNED));
  pb::UpdateTaskStatusRequest request;
  request.set_session_id(session);
  for (const char* id : {"mine", "foreign"}) {
    auto* update = request.add_updates();
    update->set_task_id(id);
    update->mutable_status()->set_state(pb::RUNNING);
  }
  EXPECT_EQ(rig.Call<pb::UpdateTaskStatusResponse>("n1", "UpdateTaskStatus", request).status(),
            Status(Code::kPermissionDenied, "cannot update a task not assigned this node"));
  EXPECT_EQ(rig.store.Read()->GetTask("mine")->status.state, pb::ASSIGNED);
}

TEST_F(AssignmentsTest, ReportsMoveATaskForwardOnly) {
  PutTask("t", pb::ASSIGNED);
  EXPECT_TRUE(rig.Report("n1", session, "t", pb::RUNNING, "started").ok());
  auto task = rig.store.Read()->GetTask("t");
  EXPECT_EQ(task->status.state, pb::RUNNING);
  EXPECT_EQ(task->status.message, "started");
  EXPECT_EQ(task->status.applied_by, "manager");
  EXPECT_TRUE(task->status.applied_at.present);
  EXPECT_TRUE(rig.Report("n1", session, "t", pb::PREPARING).ok());
  EXPECT_EQ(rig.store.Read()->GetTask("t")->status.state, pb::RUNNING);
  EXPECT_TRUE(rig.Report("n1", session, "gone", pb::RUNNING).ok()) << "unknown tasks are accepted";
}

TEST_F(AssignmentsTest, RepeatedReportsWriteNothing) {
  PutTask("t", pb::ASSIGNED);
  EXPECT_TRUE(rig.Report("n1", session, "t", pb::RUNNING, "started").ok());
  Index before = rig.store.consensus().CommitIndex();
  EXPECT_TRUE(rig.Report("n1", session, "t", pb::RUNNING, "started").ok());
  EXPECT_EQ(rig.store.consensus().CommitIndex(), before);
}

TEST_F(AssignmentsTest, ReportsGatherWhileAWriteIsUnderWay) {
  PutTask("t", pb::ASSIGNED);
  PutTask("u", pb::ASSIGNED);
  rig.store.consensus().Hold();
  EXPECT_TRUE(rig.Report("n1", session, "t", pb::ACCEPTED).ok());
  EXPECT_TRUE(rig.Report("n1", session, "t", pb::RUNNING).ok());
  EXPECT_TRUE(rig.Report("n1", session, "t", pb::PREPARING).ok()) << "late, and must not win";
  EXPECT_TRUE(rig.Report("n1", session, "u", pb::RUNNING).ok());
  EXPECT_EQ(rig.store.consensus().held(), 1u);
  Index before = rig.store.consensus().CommitIndex();
  rig.store.consensus().StopHolding();
  rig.sim.Settle();
  EXPECT_EQ(rig.store.Read()->GetTask("t")->status.state, pb::RUNNING);
  EXPECT_EQ(rig.store.Read()->GetTask("u")->status.state, pb::RUNNING);
  EXPECT_EQ(rig.store.consensus().CommitIndex().value(), before.value() + 2);
}

TEST_F(AssignmentsTest, PortStatusIsKept) {
  PutTask("t", pb::ASSIGNED);
  pb::UpdateTaskStatusRequest request;
  request.set_session_id(session);
  auto* update = request.add_updates();
  update->set_task_id("t");
  update->mutable_status()->set_state(pb::RUNNING);
  update->mutable_status()->mutable_container()->set_container_id("c");
  update->mutable_status()->mutable_port_status()->add_ports()->set_published_port(80);
  ASSERT_TRUE(rig.Call<pb::UpdateTaskStatusResponse>("n1", "UpdateTaskStatus", request).ok());
  pb::Task stored = TaskToProto(*rig.store.Read()->GetTask("t"));
  EXPECT_EQ(stored.status().port_status().ports(0).published_port(), 80u);
  EXPECT_EQ(stored.status().container().container_id(), "c");
}

}  // namespace
}  // namespace swarm::dispatcher
