// What arguments and filters ask the manager for.
#include "fake_manager.h"
#include "objects.h"

namespace swarm::ctl {
namespace {

class ArgumentsTest : public CommandTest {
 protected:
  // A manager that keeps these services.
  void Keep(const std::string& text) {
    const auto kept = Make<pb::ListServicesResponse>(text);
    manager_->answers["GetService"] = [kept](const Payload& payload) -> Result<Payload> {
      const auto request = *payload.As<pb::GetServiceRequest>();
      pb::GetServiceResponse out;
      for (const pb::Service& service : kept.services()) {
        if (service.id() == request->service_id()) *out.mutable_service() = service;
      }
      if (!out.has_service()) return Status(Code::kNotFound, "service not found");
      return Payload::Of(out);
    };
    manager_->answers["ListServices"] = [kept](const Payload& payload) -> Result<Payload> {
      const auto filters = (*payload.As<pb::ListServicesRequest>())->filters();
      pb::ListServicesResponse out;
      for (const pb::Service& service : kept.services()) {
        bool fits = false;
        for (const auto& name : filters.names()) {
          fits = fits || service.spec().annotations().name() == name;
        }
        for (const auto& prefix : filters.id_prefixes()) {
          fits = fits || service.id().starts_with(prefix);
        }
        if (fits) *out.add_services() = service;
      }
      return Payload::Of(out);
    };
    Answer("RemoveService", pb::RemoveServiceResponse());
  }
  std::string Removed(const std::string& text) {
    manager_->requests.clear();
    const Outcome outcome = Run({"service", "rm", text});
    if (outcome.exit_code != 0) return outcome.err;
    EXPECT_EQ(outcome.out, text + "\n");
    return Request<pb::RemoveServiceRequest>("RemoveService").service_id();
  }
};

TEST_F(ArgumentsTest, FindsByIdThenNameThenShortenedId) {
  Keep(R"(services { id: "aaaa1" spec { annotations { name: "web" } } }
          services { id: "aaaa2" spec { annotations { name: "db" } } }
          services { id: "bbbb1" spec { annotations { name: "aaaa1x" } } }
          services { id: "cccc1" spec { annotations { name: "bbbb" } } })");
  EXPECT_EQ(Removed("aaaa1"), "aaaa1");
  EXPECT_EQ(Removed("web"), "aaaa1");
  EXPECT_EQ(Removed("bbbb"), "cccc1") << "a name wins over an id cut short";
  EXPECT_EQ(Removed("bbbb1"), "bbbb1");
  EXPECT_EQ(Removed("cccc"), "cccc1");
  EXPECT_EQ(Removed("aaaa"), "Error: service aaaa is ambiguous (2 matches found)\n");
  EXPECT_EQ(Removed("ccc"), "Error: service ccc not found\n") << "three characters are no id";
  EXPECT_EQ(Removed("Web"), "Error: service Web not found\n");
}

TEST_F(ArgumentsTest, FindsTasksByServiceAndSlot) {
  Keep(R"(services { id: "s" spec { annotations { name: "web" } } })");
  Refuse("GetTask", {Code::kNotFound, "task web.2 not found"});
  manager_->answers["ListTasks"] = [](const Payload& payload) -> Result<Payload> {
    const auto request = *payload.As<pb::ListTasksRequest>();
    if (request->filters().service_ids().empty()) return Payload::Of(pb::ListTasksResponse());
    return Payload::Of(Make<pb::ListTasksResponse>(R"(
      tasks { id: "old" service_id: "s" slot: 2 desired_state: SHUTDOWN }
      tasks { id: "one" service_id: "s" slot: 1 desired_state: RUNNING }
      tasks { id: "two" service_id: "s" slot: 2 desired_state: RUNNING })"));
  };
  Answer("RemoveTask", pb::RemoveTaskResponse());
  EXPECT_EQ(Run({"task", "rm", "web.2"}).out, "web.2\n");
  EXPECT_EQ(Request<pb::RemoveTaskRequest>("RemoveTask").task_id(), "two");
  EXPECT_EQ(Run({"task", "rm", "web.3"}).err, "Error: task web.3 not found\n");
}

TEST_F(ArgumentsTest, RemovesNoSecretByAShortPrefix) {
  Answer("ListSecrets", Make<pb::ListSecretsResponse>(
                            R"(secrets { id: "abcdef" spec { annotations { name: "pw" } } })"));
  Answer("RemoveSecret", pb::RemoveSecretResponse());
  EXPECT_EQ(Run({"secret", "rm", "ab"}).err, "Error: secret ab not found\n");
  EXPECT_EQ(Run({"secret", "rm", "abcd"}).out, "abcdef\n");
  EXPECT_EQ(Run({"secret", "rm", "pw"}).out, "abcdef\n");
  EXPECT_EQ(Run({"secret", "inspect", "ab", "--format", "json"}).exit_code, 0);
}

TEST_F(ArgumentsTest, AsksForWhatTheFiltersSay) {
  Answer("ListNodes", pb::ListNodesResponse());
  EXPECT_EQ(Run({"node", "ls", "--filter", "role=manager", "--filter", "label=a=b", "-f",
                 "node.label=k", "--filter=id=abc", "--filter", "membership=ACCEPTED"})
                .exit_code,
            0);
  const auto nodes = Request<pb::ListNodesRequest>("ListNodes").filters();
  EXPECT_EQ(nodes.roles(0), pb::MANAGER);
  EXPECT_EQ(nodes.labels().at("a"), "b");
  EXPECT_EQ(nodes.node_labels().at("k"), "");
  EXPECT_EQ(nodes.id_prefixes(0), "abc");
  EXPECT_EQ(nodes.memberships(0), pb::NodeSpec::ACCEPTED);

  Keep(R"(services { id: "s" spec { annotations { name: "web" } } })");
  Answer("ListTasks", Make<pb::ListTasksResponse>(R"(tasks { id: "t" desired_state: SHUTDOWN })"));
  EXPECT_EQ(Run({"task", "ls", "-q", "--filter", "service=web"}).out, "");
  EXPECT_EQ(Run({"task", "ls", "-q", "--filter", "service=web", "--filter",
                 "desired-state=shutdown", "--filter", "up-to-date=true"})
                .out,
            "t\n");
  const auto tasks = Request<pb::ListTasksRequest>("ListTasks").filters();
  EXPECT_EQ(tasks.service_ids(0), "s");
  EXPECT_EQ(tasks.desired_states(0), pb::SHUTDOWN);
  EXPECT_TRUE(tasks.up_to_date());
}

TEST_F(ArgumentsTest, SaysWhichFiltersThereAre) {
  EXPECT_TRUE(Run({"cluster", "ls", "--filter", "nome=x"})
                  .err.starts_with("Error: unknown filter \"nome\"; keys: id, name, name-prefix, "
                                   "label\nUsage:\n"));
  EXPECT_TRUE(Run({"node", "ls", "--filter", "role=boss"})
                  .err.starts_with("Error: filter role: \"boss\" is none of worker, manager\n"));
}

TEST_F(ArgumentsTest, ListsTheTasksOfOneServiceAndOneNode) {
  Keep(R"(services { id: "s" spec { annotations { name: "web" } } })");
  Answer("ListTasks", Make<pb::ListTasksResponse>(R"(
    tasks { id: "t" service_id: "s" slot: 1 desired_state: RUNNING status { state: RUNNING } })"));
  EXPECT_EQ(Run({"service", "ps", "web"}).out,
            "ID  Service  Desired State  Last State  Node\n"
            "--  -------  -------------  ----------  ----\n"
            "t   web.1    RUNNING        RUNNING     \n");
  EXPECT_EQ(Request<pb::ListTasksRequest>("ListTasks").filters().service_ids(0), "s");
  pb::GetNodeResponse node;
  node.mutable_node()->set_id("n");
  Answer("GetNode", node);
  EXPECT_EQ(Run({"node", "ps", "n", "-q"}).out, "t\n");
  EXPECT_EQ(Request<pb::ListTasksRequest>("ListTasks").filters().node_ids(0), "n");
}

TEST_F(ArgumentsTest, CreatesSecretsAndConfigsFromFilesAndInput) {
  pb::CreateSecretResponse secret;
  secret.mutable_secret()->set_id("sid");
  Answer("CreateSecret", secret);
  files_[""] = "from input";
  files_["/f"] = "from a file";
  EXPECT_EQ(Run({"secret", "create", "pw"}).out, "sid\n");
  EXPECT_EQ(Request<pb::CreateSecretRequest>("CreateSecret").spec().data(), "from input");
  EXPECT_EQ(Run({"secret", "create", "pw", "-f", "/f", "--label", "a=b"}).out, "sid\n");
  const auto spec = Request<pb::CreateSecretRequest>("CreateSecret").spec();
  EXPECT_EQ(spec.data(), "from a file");
  EXPECT_EQ(spec.annotations().labels().at("a"), "b");
  EXPECT_EQ(Run({"secret", "create", "pw", "-d", "vault"}).out, "sid\n");
  EXPECT_EQ(Request<pb::CreateSecretRequest>("CreateSecret").spec().data(), "");
  EXPECT_TRUE(Run({"config", "create", "c", "-f", "/nope"})
                  .err.starts_with("Error: Error reading from file '/nope': open /nope: no such "
                                   "file or directory"));
  EXPECT_TRUE(Run({"config", "create"})
                  .err.starts_with("Error: create command takes a unique config name as an "
                                   "argument, and accepts config data via stdin or via a file\n"));
}

TEST_F(ArgumentsTest, CreatesNetworks) {
  pb::CreateNetworkResponse created;
  created.mutable_network()->set_id("nid");
  Answer("CreateNetwork", created);
  EXPECT_EQ(Run({"network", "create", "--name", "net", "--driver", "overlay", "--opts", "a=b",
                 "--subnet", "10.1.0.0/16,fd00::/64", "--gateway", "fd00::1,10.2.0.1,10.1.0.1",
                 "--ip-range", "10.1.5.0/24", "--ipam-driver", "default", "--attachable"})
                .out,
            "nid\n");
  const auto spec = Request<pb::CreateNetworkRequest>("CreateNetwork").spec();
  EXPECT_EQ(spec.driver_config().options().at("a"), "b");
  EXPECT_TRUE(spec.attachable());
  ASSERT_EQ(spec.ipam().configs_size(), 2);
  EXPECT_EQ(spec.ipam().configs(0).family(), pb::IPAMConfig::IPV4);
  EXPECT_EQ(spec.ipam().configs(0).gateway(), "10.1.0.1");
  EXPECT_EQ(spec.ipam().configs(0).range(), "10.1.5.0/24");
  EXPECT_EQ(spec.ipam().configs(1).family(), pb::IPAMConfig::IPV6);
  EXPECT_EQ(spec.ipam().configs(1).gateway(), "fd00::1");
  const auto error = [this](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"network", "create"});
    const std::string err = Run(flags).err;
    return err.substr(0, err.find('\n'));
  };
  EXPECT_EQ(error({}), "Error: --name is required");
  EXPECT_EQ(error({"x"}), "Error: create command takes no arguments");
  EXPECT_EQ(error({"--name", "n", "--subnet", "10.0.0.0"}),
            "Error: invalid CIDR address: 10.0.0.0");
  EXPECT_EQ(error({"--name", "n", "--driver", "d", "--opts", "a=b=c"}),
            "Error: Malformed opts: a=b=c");
}

TEST_F(ArgumentsTest, UpdatesAClusterByEachFlag) {
  Answer("GetCluster", Make<pb::GetClusterResponse>(R"(cluster {
    id: "id" meta { version { index: 7 } }
    spec { task_defaults { log_driver { name: "journald" } } } })"));
  pb::UpdateClusterResponse updated;
  updated.mutable_cluster()->set_id("id");
  Answer("UpdateCluster", updated);
  const auto update = [this](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"cluster", "update", "default"});
    EXPECT_EQ(Run(flags).out, "id\n");
    return Request<pb::UpdateClusterRequest>("UpdateCluster");
  };
  const auto request = update({"--taskhistory", "3"});
  EXPECT_EQ(request.cluster_version().index(), 7U);
  EXPECT_EQ(request.spec().orchestration().task_history_retention_limit(), 3);
  EXPECT_EQ(request.spec().task_defaults().log_driver().name(), "journald");
  EXPECT_EQ(update({"--certexpiry", "2h"}).spec().ca_config().node_cert_expiry().seconds(), 7200);
  EXPECT_EQ(update({"--heartbeatperiod", "3s"}).spec().dispatcher().heartbeat_period().seconds(),
            3);
  EXPECT_EQ(update({"--external-ca", "protocol=cfssl,url=https://x"})
                .spec()
                .ca_config()
                .external_cas(0)
                .url(),
            "https://x");
  const auto driver =
      update({"--log-driver", "syslog", "--log-opt", "a=b"}).spec().task_defaults().log_driver();
  EXPECT_EQ(driver.name(), "syslog");
  EXPECT_EQ(driver.options().at("a"), "b");
  EXPECT_TRUE(update({"--rotate-join-token", "Worker"}).rotation().worker_join_token());
  EXPECT_TRUE(update({"--rotate-join-token", "manager"}).rotation().manager_join_token());
  EXPECT_TRUE(update({"--autolock"}).spec().encryption_config().auto_lock_managers());
  EXPECT_FALSE(update({"--autolock=false"}).spec().encryption_config().auto_lock_managers());
  EXPECT_TRUE(Run({"cluster", "update", "default", "--rotate-join-token", "x"})
                  .err.starts_with("Error: --rotate-join-token flag must be followed by 'worker' "
                                   "or 'manager'\n"));
}

TEST_F(ArgumentsTest, ReturnsAServiceToItsPreviousSpec) {
  Keep(
      R"(services { id: "s" meta { version { index: 9 } } spec { annotations { name: "web" } } })");
  pb::UpdateServiceResponse updated;
  updated.mutable_service()->set_id("s");
  Answer("UpdateService", updated);
  EXPECT_EQ(Run({"service", "rollback", "web"}).out, "s\n");
  const auto request = Request<pb::UpdateServiceRequest>("UpdateService");
  EXPECT_EQ(request.rollback(), pb::UpdateServiceRequest::PREVIOUS);
  EXPECT_EQ(request.service_version().index(), 9U);
  EXPECT_EQ(request.spec().annotations().name(), "web");
}

TEST_F(ArgumentsTest, RepeatsAfterSomebodyElseChangedTheObject) {
  Keep(R"(services { id: "s" spec { annotations { name: "web" } } })");
  Refuse("UpdateService", {Code::kUnknown, "update out of sequence"});
  EXPECT_EQ(Run({"service", "update", "web", "--image", "b"}).err,
            "Error: update out of sequence\nthe object was changed by somebody else meanwhile: run "
            "the command again\n");
}

}  // namespace
}  // namespace swarm::ctl
