// Whole commands against a control API that is a table of answers.
#include "fake_manager.h"

namespace swarm::ctl {
namespace {

using RunTest = CommandTest;

TEST_F(RunTest, PrintsHelpForGroupsAndUnknownCommandsInThem) {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"node"}, {"node", "bogus"}, {"help", "node"}, {"node", "-h"}}) {
    const Outcome outcome = Run(line);
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_TRUE(outcome.out.starts_with("Node management\n\nUsage:\n")) << outcome.out;
  }
}

TEST_F(RunTest, RefusesUnknownCommands) {
  const Outcome outcome = Run({"nod"});
  EXPECT_EQ(outcome.exit_code, 255);
  EXPECT_TRUE(
      outcome.err.starts_with("Error: unknown command \"nod\" for \"swarmctl\"\n\n"
                              "Did you mean this?\n\tnode\n"))
      << outcome.err;
}

TEST_F(RunTest, ListsNodes) {
  pb::ListNodesResponse nodes;
  auto* node = nodes.add_nodes();
  node->set_id("p59740700gshbgul5aihmvle2");
  node->mutable_description()->set_hostname("node-1");
  node->mutable_spec()->set_membership(pb::NodeSpec::ACCEPTED);
  node->mutable_status()->set_state(pb::NodeStatus::READY);
  node->mutable_manager_status()->set_leader(true);
  node->mutable_manager_status()->set_reachability(pb::RaftMemberStatus::REACHABLE);
  Answer("ListNodes", nodes);
  EXPECT_EQ(Run({"node", "ls"}).out,
            "ID                         Name    Membership  Status  Availability  Manager Status\n"
            "--                         ----    ----------  ------  ------------  --------------\n"
            "p59740700gshbgul5aihmvle2  node-1  ACCEPTED    READY   ACTIVE        REACHABLE *\n");
  EXPECT_EQ(Run({"node", "ls", "-q"}).out, "p59740700gshbgul5aihmvle2\n");
}

TEST_F(RunTest, ListsTasks) {
  pb::ListTasksResponse tasks;
  auto* task = tasks.add_tasks();
  task->set_id("463m3y9gtpbdjqona7of4mr8r");
  task->set_service_id("s");
  task->set_node_id("n");
  task->set_slot(1);
  task->set_desired_state(pb::RUNNING);
  task->mutable_status()->set_state(pb::RUNNING);
  task->mutable_status()->mutable_timestamp()->set_seconds(10'000 - 13 * 60);
  tasks.add_tasks()->set_desired_state(pb::SHUTDOWN);
  Answer("ListTasks", tasks);
  pb::GetServiceResponse service;
  service.mutable_service()->mutable_spec()->mutable_annotations()->set_name("web");
  Answer("GetService", service);
  pb::GetNodeResponse node;
  node.mutable_node()->mutable_description()->set_hostname("node-1");
  Answer("GetNode", node);
  EXPECT_EQ(Run({"task", "ls"}).out,
            "ID                         Service  Desired State  Last State              Node\n"
            "--                         -------  -------------  ----------              ----\n"
            "463m3y9gtpbdjqona7of4mr8r  web.1    RUNNING        RUNNING 13 minutes ago  node-1\n");
  EXPECT_NE(Run({"-n", "task", "ls"}).out.find("  s.1 "), std::string::npos);
}

TEST_F(RunTest, PrintsHeadersOfEmptyLists) {
  Answer("ListServices", pb::ListServicesResponse());
  Answer("ListNodes", pb::ListNodesResponse());
  Answer("ListTasks", pb::ListTasksResponse());
  EXPECT_EQ(Run({"svc", "ls"}).out, "ID  Name  Image  Replicas\n--  ----  -----  --------\n");
}

TEST_F(RunTest, CreatesAService) {
  pb::CreateServiceResponse created;
  created.mutable_service()->set_id("id");
  Answer("CreateService", created);
  const Outcome outcome = Run({"-s", "/x.sock", "service", "create", "--name", "web", "--image",
                               "busybox", "--args", "sleep,3600", "--replicas", "3"});
  EXPECT_EQ(outcome.out, "id\n") << outcome.err;
  EXPECT_EQ(socket_, "/x.sock");
  const auto spec = Request<pb::CreateServiceRequest>("CreateService").spec();
  EXPECT_EQ(spec.annotations().name(), "web");
  EXPECT_EQ(spec.replicated().replicas(), 3U);
  EXPECT_EQ(spec.task().container().args_size(), 2);
  EXPECT_EQ(spec.task().restart().condition(), pb::RestartPolicy::ANY);
  EXPECT_FALSE(spec.has_update());
}

TEST_F(RunTest, SaysWhatIsMissingWithUsage) {
  const Outcome outcome = Run({"service", "create", "--name", "web"});
  EXPECT_EQ(outcome.exit_code, 255);
  EXPECT_TRUE(outcome.err.starts_with("Error: --name and --image are mandatory\nUsage:\n"));
  EXPECT_TRUE(outcome.err.ends_with("\n\n"));
}

TEST_F(RunTest, UpdateKeepsWhatNoFlagNames) {
  pb::GetServiceResponse service;
  service.mutable_service()->set_id("id");
  service.mutable_service()->mutable_meta()->mutable_version()->set_index(5);
  auto* spec = service.mutable_service()->mutable_spec();
  spec->mutable_replicated()->set_replicas(1);
  spec->mutable_task()->mutable_container()->set_image("a");
  spec->mutable_task()->mutable_restart();
  spec->mutable_task()->mutable_log_driver()->set_name("journald");
  Answer("GetService", service);
  EXPECT_EQ(Run({"service", "update", "web"}).err, "Error: no changes detected\n");
  pb::UpdateServiceResponse updated;
  updated.mutable_service()->set_id("id");
  Answer("UpdateService", updated);
  EXPECT_EQ(Run({"service", "update", "web", "--replicas", "5"}).out, "id\n");
  const auto request = Request<pb::UpdateServiceRequest>("UpdateService");
  EXPECT_EQ(request.service_version().index(), 5U);
  EXPECT_EQ(request.spec().replicated().replicas(), 5U);
  EXPECT_EQ(request.spec().task().log_driver().name(), "journald");
}

TEST_F(RunTest, NamesWhatItDoesNotFind) {
  Answer("ListServices", pb::ListServicesResponse());
  const Outcome outcome = Run({"service", "remove", "nope"});
  EXPECT_EQ(outcome.exit_code, 255);
  EXPECT_EQ(outcome.err, "Error: service nope not found\n");
  pb::ListServicesResponse two;
  two.add_services();
  two.add_services();
  Answer("ListServices", two);
  EXPECT_EQ(Run({"service", "rm", "x"}).err, "Error: service x is ambiguous (2 matches found)\n");
}

TEST_F(RunTest, SaysWhenANodeIsSoAlready) {
  pb::GetNodeResponse node;
  node.mutable_node()->mutable_spec()->set_availability(pb::NodeSpec::DRAIN);
  Answer("GetNode", node);
  EXPECT_EQ(Run({"node", "drain", "n"}).err, "Error: Node n was already drained\n");
  EXPECT_EQ(Run({"node", "demote", "n"}).err, "Error: Node n is already a worker\n");
  Answer("UpdateNode", pb::UpdateNodeResponse());
  const Outcome activated = Run({"node", "activate", "n"});
  EXPECT_EQ(activated.exit_code, 0) << activated.err;
  EXPECT_EQ(activated.out, "");
}

TEST_F(RunTest, HintsAtTheSocketWhenNobodyAnswers) {
  Refuse("ListNodes", {Code::kUnavailable, "down"});
  EXPECT_EQ(Run({"node", "ls"}).err,
            "Error: down\nis swarmd running? its control socket is taken to be "
            "/var/run/swarmd.sock; name another socket with --socket or in SWARM_SOCKET\n");
}

TEST_F(RunTest, WordsAMissingSocketAsKnownAndSaysWhatToDo) {
  Refuse("ListNodes", {Code::kUnavailable,
                       "failed to connect to all addresses: unix:/x: No such file or directory"});
  const std::string err = Run({"-s", "/x", "node", "ls"}).err;
  EXPECT_TRUE(
      err.starts_with("Error: connection error: desc = \"transport: Error while dialing "
                      "dial unix /x: connect: no such file or directory\"\n"
                      "is swarmd running?"))
      << err;
  EXPECT_EQ(err.find("Usage:"), std::string::npos);
}

TEST_F(RunTest, SaysWhoMayUseASocket) {
  Refuse("ListNodes", {Code::kUnavailable,
                       "failed to connect to all addresses: unix:/dev/null: Permission denied"});
  const std::string err = Run({"-s", "/dev/null", "node", "ls"}).err;
  EXPECT_NE(err.find("the group \"root\" of /dev/null may use it"), std::string::npos) << err;
}

TEST_F(RunTest, SendsThoseWhoAskAWorkerToAManager) {
  Refuse("ListNodes",
         {Code::kUnavailable, "Control is not served here: this node is not a manager"});
  EXPECT_NE(Run({"node", "ls"}).err.find("\nask a manager: "), std::string::npos);
}

TEST_F(RunTest, NamesTheNearestFlagBeforeTheUsage) {
  const Outcome outcome = Run({"service", "create", "--replica", "3"});
  EXPECT_EQ(outcome.exit_code, 255);
  EXPECT_TRUE(
      outcome.err.starts_with("Error: unknown flag: --replica\ndid you mean --replicas or "
                              "--replicas-max-per-node?\nUsage:\n"))
      << outcome.err;
}

TEST_F(RunTest, HelpGroupsTheFlagsOfAService) {
  const std::string help = Run({"help", "service", "create"}).out;
  std::size_t at = 0;
  for (const char* heading :
       {"\nFlags:\n", "\nContainer:\n", "\nHealth:\n", "\nResources:\n", "\nPlacement:\n",
        "\nNetwork:\n", "\nFiles:\n", "\nWaiting:\n", "\nGlobal Flags:\n"}) {
    at = help.find(heading, at);
    ASSERT_NE(at, std::string::npos) << heading << help;
  }
}

TEST_F(RunTest, TheVersionNeedsNoManager) {
  EXPECT_TRUE(Run({"version"}).out.starts_with("swarmctl swarmd "));
  EXPECT_EQ(Run({"--version"}).out, Run({"version"}).out);
  EXPECT_EQ(socket_, "");
  EXPECT_TRUE(Run({"version", "x"}).err.starts_with("Error: version command takes no arguments\n"));
}

}  // namespace
}  // namespace swarm::ctl
