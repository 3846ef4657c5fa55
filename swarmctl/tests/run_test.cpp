// Whole commands against a control API that is a table of answers.
#include "run.h"

#include <gtest/gtest.h>

#include <map>

#include "swarmkit/v1/control.pb.h"

namespace swarm::ctl {
namespace {

namespace pb = ::docker::swarmkit::v1;

struct DoneCall final : PendingCall {
  void Cancel() noexcept override {}
};

class FakeChannel final : public Channel {
 public:
  std::shared_ptr<PendingCall> Call(std::string_view method, CallOptions, Payload request,
                                    Function<void(Result<Payload>)> done) noexcept override {
    const std::string name(method.substr(method.rfind('/') + 1));
    requests[name] = request.Bytes();
    const auto found = answers.find(name);
    if (found == answers.end()) {
      done(Status(Code::kNotFound, "object not found"));
    } else {
      done(found->second);
    }
    return std::make_shared<DoneCall>();
  }
  std::shared_ptr<ClientStream> Open(std::string_view, CallOptions) noexcept override {
    return nullptr;
  }
  std::map<std::string, Result<Payload>> answers;
  std::map<std::string, std::string> requests;
};

class RunTest : public testing::Test {
 protected:
  Outcome Run(std::vector<std::string> arguments) {
    Environment environment;
    environment.program = "swarmctl";
    environment.default_socket = "/var/run/swarmd.sock";
    environment.connect = [this](const std::string& socket) -> Result<std::shared_ptr<Channel>> {
      socket_ = socket;
      return std::shared_ptr<Channel>(channel_);
    };
    environment.now = [] { return WallTime(std::chrono::seconds(10'000)); };
    return RunCtl(std::move(arguments), environment);
  }
  template <class M>
  void Answer(const std::string& method, M message) {
    channel_->answers.insert_or_assign(method, Payload::Of(std::move(message)));
  }
  template <class M>
  M Request(const std::string& method) {
    M out;
    EXPECT_TRUE(out.ParseFromString(channel_->requests[method])) << method;
    return out;
  }

  std::shared_ptr<FakeChannel> channel_ = std::make_shared<FakeChannel>();
  std::string socket_;
};

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
  channel_->answers.insert_or_assign("ListNodes",
                                     Result<Payload>(Status(Code::kUnavailable, "down")));
  EXPECT_EQ(Run({"node", "ls"}).err,
            "Error: down\nis swarmd running? its control socket is taken to be "
            "/var/run/swarmd.sock: name another with --socket or in SWARM_SOCKET\n");
}

}  // namespace
}  // namespace swarm::ctl
