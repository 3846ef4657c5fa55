// What a controller asks of the engine in each of its steps.
#include "controller_fixture.h"

namespace swarm::executor_docker {
namespace {

using ControllerTest = ControllerFixture;

// --- Prepare ---

// Pinned by SwarmKit.
TEST_F(ControllerTest, PrepareOfAFreshTaskPullsAndCreatesOnce) {
  Controller& task = Control(TaskOf("t1"));
  EXPECT_TRUE(Run(task, &Controller::Prepare).status.ok());
  EXPECT_EQ(Calls("POST /images/create"), 1);
  EXPECT_EQ(Calls("POST /containers/create"), 1);
  ASSERT_EQ(engine().containers.size(), 1u);
  EXPECT_EQ(engine().containers.begin()->second.name, "web.1.t1");
}

// Pinned by SwarmKit.
TEST_F(ControllerTest, ATakenNameOfTheTasksOwnContainerMeansPrepared) {
  engine().LoseNext("POST /containers/create");
  Controller& task = Control(TaskOf("t1"));
  const StepResult lost = Run(task, &Controller::Prepare);
  EXPECT_TRUE(lost.temporary) << "nobody knows what became of it";
  EXPECT_TRUE(Run(task, &Controller::Prepare).status.ok());
  EXPECT_EQ(engine().containers.size(), 1u);
}

TEST_F(ControllerTest, ATakenNameOfAnotherContainerIsAnError) {
  FakeContainer other;
  other.id = "other";
  other.name = "web.1.t1";
  other.body = {{"Labels", {{"com.docker.swarm.task.id", "t0"}}}};
  engine().containers.emplace("other", std::move(other));
  const StepResult result = Run(Control(TaskOf("t1")), &Controller::Prepare);
  EXPECT_THAT(result.status.message(),
              HasSubstr("\"/web.1.t1\" is already in use by container \"other\""));
  EXPECT_FALSE(result.temporary);
}

TEST_F(ControllerTest, ARenamedContainerIsStillTheTasks) {
  Controller& first = Control(TaskOf("t1"));
  Launch(first);
  engine().OfTask("t1")->name = "renamed";
  Controller& second = Control(TaskOf("t1"));
  Launch(second);
  EXPECT_EQ(engine().containers.size(), 1u);
}

TEST_F(ControllerTest, TasksOfOneImageShareAPull) {
  std::vector<Pending> all;
  for (const char* id : {"t1", "t2", "t3"})
    all.push_back(Begin(Control(TaskOf(id)), &Controller::Prepare));
  for (const Pending& one : all) EXPECT_TRUE(Await(one).status.ok());
  EXPECT_EQ(Calls("POST /images/create"), 1);
}

TEST_F(ControllerTest, TheRegistrysPasswordGoesWithThePull) {
  Controller& task = Control(TaskOf("t1", "forever", [](pb::Task& t) {
    t.mutable_spec()->mutable_container()->mutable_pull_options()->set_registry_auth("c2VjcmV0");
  }));
  EXPECT_TRUE(Run(task, &Controller::Prepare).status.ok());
  EXPECT_THAT(engine().auths, testing::ElementsAre("c2VjcmV0"));
}

TEST_F(ControllerTest, WithoutARegistryTheEnginesOwnImageIsUsed) {
  engine().registry["busybox:latest"] = "dial tcp: connection refused";
  EXPECT_TRUE(Run(Control(TaskOf("t1")), &Controller::Prepare).status.ok());
}

TEST_F(ControllerTest, AnImageThatIsNowhereIsRejectedWithThePullsError) {
  engine().registry["nope:1"] = "manifest for nope:1 not found";
  const StepResult result =
      Run(Control(TaskOf(
              "t1", "",
              [](pb::Task& t) { t.mutable_spec()->mutable_container()->set_image("nope:1"); })),
          &Controller::Prepare);
  EXPECT_EQ(result.status.message(), "pulling nope:1 failed: manifest for nope:1 not found");
  EXPECT_FALSE(result.temporary);
}

TEST_F(ControllerTest, AKnownDigestNeedsNoRegistry) {
  const std::string image = "busybox@sha256:" + std::string(64, 'a');
  engine().images.insert(image);
  EXPECT_TRUE(Run(Control(TaskOf("t1", "",
                                 [&](pb::Task& t) {
                                   t.mutable_spec()->mutable_container()->set_image(image);
                                 })),
                  &Controller::Prepare)
                  .status.ok());
  EXPECT_EQ(Calls("POST /images/create"), 0);
}

TEST_F(ControllerTest, AShutdownDuringAPullEndsThePull) {
  engine().pull_time = 24h;
  Controller& task = Control(TaskOf("t1"));
  const Pending prepare = Begin(task, &Controller::Prepare);
  ASSERT_TRUE(rig.Until([&] { return Calls("POST /images/create") == 1; }));
  task.Cancel();
  EXPECT_EQ(Await(prepare).status.code(), Code::kCancelled);
  EXPECT_TRUE(Run(task, &Controller::Shutdown).status.ok());
  EXPECT_TRUE(engine().containers.empty());
}

TEST_F(ControllerTest, APullWithoutProgressEnds) {
  engine().pull_time = 24h;
  const SteadyTime before = rig.sim().Now();
  EXPECT_TRUE(Run(Control(TaskOf("t1")), &Controller::Prepare).status.ok()) << "busybox is there";
  EXPECT_GE(rig.sim().Now() - before, 5min);
}

TEST_F(ControllerTest, VolumesWithADriverAreMadeBeforeTheContainer) {
  Controller& task = Control(TaskOf("t1", "forever", [](pb::Task& t) {
    auto* mount = t.mutable_spec()->mutable_container()->add_mounts();
    mount->set_type(pb::Mount::VOLUME);
    mount->set_source("data");
    mount->set_target("/data");
    mount->mutable_volume_options()->mutable_driver_config()->set_name("local");
  }));
  EXPECT_TRUE(Run(task, &Controller::Prepare).status.ok());
  ASSERT_EQ(engine().volumes.size(), 1u);
  EXPECT_EQ(engine().volumes[0]["Name"], "data");
}

TEST_F(ControllerTest, SecretsOfRemoteEnginesAreRefusedUnlessAllowed) {
  pb::Task task = TaskOf("t1");
  auto* secret = task.mutable_spec()->mutable_container()->add_secrets();
  secret->set_secret_id("s");
  secret->mutable_file()->set_name("key");
  EXPECT_THAT(Run(Control(task), &Controller::Prepare).status.message(), HasSubstr("secret s"));
}

// --- networks ---

pb::NetworkAttachment* AddNetwork(pb::Task& task, const std::string& name) {
  auto* attachment = task.add_networks();
  attachment->mutable_network()->set_id("id-" + name);
  attachment->mutable_network()->mutable_spec()->mutable_annotations()->set_name(name);
  attachment->mutable_network()->mutable_driver_state()->set_name("bridge");
  return attachment;
}

TEST_F(ControllerTest, NetworksAreMadeUsedAndRemovedWithTheLastTask) {
  const auto edit = [](pb::Task& t) {
    AddNetwork(t, "front");
    AddNetwork(t, "back");
  };
  Controller& one = Control(TaskOf("t1", "forever", edit));
  Controller& two = Control(TaskOf("t2", "forever", edit));
  Launch(one);
  Launch(two);
  EXPECT_THAT(engine().OfTask("t1")->networks, testing::ElementsAre("back", "front"));
  EXPECT_TRUE(Run(one, &Controller::Remove).status.ok());
  EXPECT_EQ(engine().networks.size(), 2u);
  Close(one);
  EXPECT_TRUE(Run(two, &Controller::Remove).status.ok());
  EXPECT_EQ(engine().networks.size(), 2u - 2u);
}

TEST_F(ControllerTest, ANetworkThatWasThereStays) {
  engine().networks["front"] = {{"Name", "front"}, {"Labels", nlohmann::json::object()}};
  Controller& task = Control(TaskOf("t1", "forever", [](pb::Task& t) { AddNetwork(t, "front"); }));
  Launch(task);
  EXPECT_EQ(Calls("POST /networks/create"), 0);
  EXPECT_TRUE(Run(task, &Controller::Remove).status.ok());
  EXPECT_EQ(engine().networks.size(), 1u);
}

TEST_F(ControllerTest, ANetworkThatNobodyCanMakeIsAnError) {
  Controller& task = Control(TaskOf("t1", "forever", [](pb::Task& t) {
    AddNetwork(t, "front")->mutable_network()->clear_driver_state();
  }));
  EXPECT_THAT(Run(task, &Controller::Prepare).status.message(),
              HasSubstr("network front is not on this engine"));
}

TEST_F(ControllerTest, ANetworkLostBeforeTheStartIsMadeAgain) {
  Controller& task = Control(TaskOf("t1", "forever", [](pb::Task& t) { AddNetwork(t, "front"); }));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  engine().networks.clear();
  EXPECT_TRUE(Run(task, &Controller::Start).status.ok());
}

// --- Start ---

// Pinned by SwarmKit.
TEST_F(ControllerTest, StartOfAContainerWithoutACheckReturnsAtOnce) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  EXPECT_EQ(Calls("POST /containers/c1/start"), 1);
}

// Pinned by SwarmKit.
TEST_F(ControllerTest, WhatHasStartedIsNotStartedAgain) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  EXPECT_TRUE(Run(task, &Controller::Start).status.ok());
  EXPECT_EQ(Calls("POST /containers/c1/start"), 1);
}

TEST_F(ControllerTest, AStartThatFailsGivesTheEnginesReason) {
  Controller& task = Control(TaskOf("t1", "broken"));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  EXPECT_EQ(Run(task, &Controller::Start).status.message(),
            "starting container failed: exec: \"broken\": executable file not found in $PATH");
  EXPECT_EQ(task.ContainerStatus()->exit_code(), 127);
}

void AddCheck(pb::Task& task) {
  auto* check = task.mutable_spec()->mutable_container()->mutable_healthcheck();
  check->add_test("CMD");
  check->add_test("true");
}

TEST_F(ControllerTest, StartWaitsUntilTheContainerIsHealthy) {
  Controller& task = Control(TaskOf("t1", "forever", AddCheck));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  const Pending start = Begin(task, &Controller::Start);
  rig.sim().RunFor(5min);
  EXPECT_FALSE(start->has_value());
  engine().SetHealth(*engine().OfTask("t1"), "healthy");
  EXPECT_TRUE(Await(start).status.ok());
}

TEST_F(ControllerTest, StartFailsWhenItNeverBecomesHealthy) {
  Controller& task = Control(TaskOf("t1", "forever", AddCheck));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  const Pending start = Begin(task, &Controller::Start);
  Settle();
  engine().SetHealth(*engine().OfTask("t1"), "unhealthy");
  const StepResult result = Await(start);
  EXPECT_EQ(result.status.message(), "dockerexec: unhealthy container");
  EXPECT_FALSE(result.temporary);
  EXPECT_EQ(engine().OfTask("t1")->state, "exited");
}

TEST_F(ControllerTest, StartTellsOfAnEndBeforeItWasHealthy) {
  Controller& task = Control(TaskOf("t1", "forever", AddCheck));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  const Pending start = Begin(task, &Controller::Start);
  Settle();
  engine().Exit(*engine().OfTask("t1"), 4);
  EXPECT_EQ(Await(start).status.message(), "task: non-zero exit (4)");
}

// --- Wait ---

// Pinned by SwarmKit.
TEST_F(ControllerTest, WaitEndsWithTheContainer) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  Settle();
  EXPECT_FALSE(wait->has_value());
  engine().Exit(*engine().OfTask("t1"), 0);
  EXPECT_TRUE(Await(wait).status.ok());
  EXPECT_EQ(engine().event_streams(), 1) << "one for all";
}

// Pinned by SwarmKit.
TEST_F(ControllerTest, WaitTellsTheExitCode) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  Settle();
  engine().Exit(*engine().OfTask("t1"), 1);
  const StepResult result = Await(wait);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.status.message(), "task: non-zero exit (1)");
}

// Pinned by SwarmKit.
TEST_F(ControllerTest, WaitForWhatHasEndedEndsAtOnce) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  engine().Exit(*engine().OfTask("t1"), 1);
  EXPECT_EQ(Run(task, &Controller::Wait).exit_code, 1);
  engine().OfTask("t1")->exit_code = 0;
  EXPECT_TRUE(Run(task, &Controller::Wait).status.ok());
}

// Pinned by SwarmKit.
TEST_F(ControllerTest, AnUnhealthyContainerIsStoppedAndItsTaskFails) {
  Controller& task = Control(TaskOf("t1", "stubborn", [](pb::Task& t) {
    AddCheck(t);
    t.mutable_spec()->mutable_container()->mutable_stop_grace_period()->set_seconds(10);
  }));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  const Pending start = Begin(task, &Controller::Start);
  Settle();
  engine().SetHealth(*engine().OfTask("t1"), "healthy");
  ASSERT_TRUE(Await(start).status.ok());
  const Pending wait = Begin(task, &Controller::Wait);
  Settle();
  const SteadyTime before = rig.sim().Now();
  engine().SetHealth(*engine().OfTask("t1"), "unhealthy");
  EXPECT_EQ(Await(wait).status.message(), "dockerexec: unhealthy container");
  EXPECT_GE(rig.sim().Now() - before, 10s) << "its grace period";
}

TEST_F(ControllerTest, AnUnhealthyContainerFailsAlsoWhenTheStopsAnswerIsLost) {
  Controller& task = Control(TaskOf("t1", "forever", AddCheck));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  const Pending start = Begin(task, &Controller::Start);
  Settle();
  engine().LoseNext("POST /containers/c1/stop");
  engine().SetHealth(*engine().OfTask("t1"), "unhealthy");
  EXPECT_TRUE(Await(start).temporary);
  EXPECT_EQ(Run(task, &Controller::Wait).status.message(), "dockerexec: unhealthy container");
}

// Pinned by SwarmKit.
TEST_F(ControllerTest, HealthThatIsWellChangesNothing) {
  Controller& task = Control(TaskOf("t1", "forever", AddCheck));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  const Pending start = Begin(task, &Controller::Start);
  Settle();
  engine().SetHealth(*engine().OfTask("t1"), "healthy");
  ASSERT_TRUE(Await(start).status.ok());
  const Pending wait = Begin(task, &Controller::Wait);
  engine().SetHealth(*engine().OfTask("t1"), "healthy");
  Settle();
  EXPECT_FALSE(wait->has_value());
}

TEST_F(ControllerTest, ACheckedContainerMayEndWell) {
  Controller& task = Control(TaskOf("t1", "forever", AddCheck));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  const Pending start = Begin(task, &Controller::Start);
  Settle();
  engine().SetHealth(*engine().OfTask("t1"), "healthy");
  ASSERT_TRUE(Await(start).status.ok());
  engine().Exit(*engine().OfTask("t1"), 0);
  EXPECT_TRUE(Run(task, &Controller::Wait).status.ok());
}

TEST_F(ControllerTest, ADestroyedContainerFailsItsTask) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  Settle();
  engine().Destroy(engine().OfTask("t1")->id);
  EXPECT_EQ(Await(wait).status.message(), "dockerexec: container destroyed");
}

TEST_F(ControllerTest, AKillForMemoryIsSaid) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  engine().OfTask("t1")->out_of_memory = true;
  engine().Exit(*engine().OfTask("t1"), 137);
  EXPECT_EQ(Run(task, &Controller::Wait).status.message(),
            "task: non-zero exit (137): out of memory");
}

TEST_F(ControllerTest, AnEventThatWasNeverToldIsFoundByLooking) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  Settle();
  engine().Mute(true);
  engine().Exit(*engine().OfTask("t1"), 2);
  EXPECT_EQ(Await(wait).exit_code, 2);
}

// --- Shutdown, Terminate, Remove ---

// Pinned by SwarmKit.
TEST_F(ControllerTest, ShutdownKeepsTheGracePeriod) {
  Controller& task = Control(TaskOf("t1", "stubborn"));
  Launch(task);
  const SteadyTime before = rig.sim().Now();
  EXPECT_TRUE(Run(task, &Controller::Shutdown).status.ok());
  EXPECT_GE(rig.sim().Now() - before, 10s) << "the default";
  EXPECT_EQ(task.ContainerStatus()->exit_code(), 137);
}

// Pinned by SwarmKit.
TEST_F(ControllerTest, TerminateKills) {
  Controller& task = Control(TaskOf("t1", "stubborn"));
  Launch(task);
  EXPECT_TRUE(Run(task, &Controller::Terminate).status.ok());
  EXPECT_EQ(Calls("POST /containers/c1/kill"), 1);
  EXPECT_TRUE(Run(task, &Controller::Terminate).status.ok()) << "ended is as good as killed";
}

// Pinned by SwarmKit.
TEST_F(ControllerTest, RemoveStopsThenDeletes) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  EXPECT_TRUE(Run(task, &Controller::Remove).status.ok());
  EXPECT_EQ(Calls("POST /containers/c1/stop"), 1);
  EXPECT_EQ(Calls("DELETE /containers/c1"), 1);
}

TEST_F(ControllerTest, ARemovalUnderWayIsWaitedFor) {
  Controller& task = Control(TaskOf("t1"));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  engine().FailNext("DELETE /containers/c1", 409, "removal of container c1 is already in progress");
  EXPECT_TRUE(Run(task, &Controller::Remove).status.ok());
  EXPECT_TRUE(engine().containers.empty());
}

TEST_F(ControllerTest, AStopThatFailsIsTriedAgain) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  engine().FailNext("POST /containers/c1/stop", 500, "did not receive an exit event");
  const StepResult result = Run(task, &Controller::Shutdown);
  EXPECT_TRUE(result.temporary) << "it still runs";
  EXPECT_TRUE(Run(task, &Controller::Shutdown).status.ok());
}

// --- what is told ---

TEST_F(ControllerTest, TellsPublishedPorts) {
  Controller& task = Control(TaskOf("t1", "forever", [](pb::Task& t) {
    auto* port = t.mutable_endpoint()->add_ports();
    port->set_target_port(80);
    port->set_publish_mode(pb::PortConfig::HOST);
  }));
  Launch(task);
  ASSERT_TRUE(task.PortStatus().has_value());
  ASSERT_EQ(task.PortStatus()->ports_size(), 1) << "once for IPv4 and IPv6";
  EXPECT_EQ(task.PortStatus()->ports(0).published_port(), 32768u) << "the engine's choice";
}

TEST_F(ControllerTest, DescribesTheEngine) {
  std::optional<Result<pb::NodeDescription>> described;
  rig.executor().Describe([&](Result<pb::NodeDescription> d) { described = std::move(d); });
  ASSERT_TRUE(rig.Until([&] { return described.has_value(); }));
  ASSERT_TRUE(described->ok()) << described->status();
  EXPECT_EQ((**described).hostname(), "engine-1");
}

// --- output ---

TEST_F(ControllerTest, GivesItsOutput) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  std::vector<LogLine> lines;
  std::optional<Status> end;
  auto& source = dynamic_cast<LogSource&>(task);
  const auto reading = source.Logs(
      true, 0, 0, [&](LogLine line) { lines.push_back(std::move(line)); },
      [&](Status status) { end = std::move(status); });
  ASSERT_TRUE(rig.Until([&] { return end.has_value(); }));
  EXPECT_TRUE(end->ok()) << *end;
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].data, "out\n");
  EXPECT_TRUE(lines[1].standard_error);
}

TEST_F(ControllerTest, OutputOfWhatHasNotStartedIsNotThereYet) {
  Controller& task = Control(TaskOf("t1"));
  std::optional<Status> end;
  auto& source = dynamic_cast<LogSource&>(task);
  const auto reading = source.Logs(
      true, 0, 0, [](const LogLine&) {}, [&](Status status) { end = std::move(status); });
  ASSERT_TRUE(rig.Until([&] { return end.has_value(); }));
  EXPECT_EQ(end->code(), Code::kNotFound);
}

TEST_F(ControllerTest, ATailFromTheBeginningIsRefused) {
  std::optional<Status> end;
  auto& source = dynamic_cast<LogSource&>(Control(TaskOf("t1")));
  EXPECT_FALSE(source.Logs(
      false, 5, 0, [](const LogLine&) {}, [&](Status status) { end = std::move(status); }));
  EXPECT_EQ(end->message(), "tail relative to start of logs not supported via docker API");
}

}  // namespace
}  // namespace swarm::executor_docker
