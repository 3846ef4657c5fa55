// What lists and summaries look like, byte for byte, and the same objects as JSON.
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include "fake_manager.h"
#include "objects.h"
#include "swarmkit/v1/ca.pb.h"

namespace swarm::ctl {
namespace {

using OutputTest = CommandTest;
using google::protobuf::util::MessageDifferencer;

constexpr const char* kService = R"(
  id: "bmf2mbxd9jrek4vk4t1flww0h"
  spec {
    annotations { name: "h5-b" labels { key: "x" value: "y" } }
    task {
      container {
        image: "busybox" command: "sh -c" args: "date" args: "x"
        env: "A=B" env: "C=D" env: "E=F"
        mounts { type: BIND source: "/a" target: "/b" }
        secrets { secret_id: "2o8y258bxhvotwhw5adw3a7cu" secret_name: "h5-s1" file { name: "tgt" } }
        configs { config_id: "r98joq9x19wlo8bs1e9d8u74a" config_name: "h5-c1" file { name: "cf" } }
      }
      placement { constraints: "node.role==manager" }
      resources {
        reservations {
          memory_bytes: 33554432
          generic { discrete_resource_spec { kind: "gpu" value: 1 } }
        }
        limits { nano_cpus: 500000000 memory_bytes: 67108864 }
      }
      networks { target: "v21wxc2evd08t93cn92rp1uca" }
      log_driver {
        name: "json-file"
        options { key: "max-size" value: "1m" }
        options { key: "foo" value: "" }
      }
    }
    replicated { replicas: 2 }
  }
  update_status { state: UPDATING started_at { seconds: 10000 } message: "update in progress" }
  endpoint { ports { name: "http" target_port: 80 published_port: 8080 } }
)";

TEST_F(OutputTest, SummarisesAService) {
  pb::GetServiceResponse response;
  *response.mutable_service() = Make<pb::Service>(kService);
  Answer("GetService", response);
  Answer("ListTasks", pb::ListTasksResponse());
  EXPECT_EQ(Run({"service", "inspect", "h5-b"}).out,
            R"(ID                             : bmf2mbxd9jrek4vk4t1flww0h
Name                           : h5-b
Labels                         
  x                            : y
Replicas                       : 0/2
Update Status                  
 State                         : UPDATING
 Started                       : now
 Message                       : update in progress
Template                       
 Container                     
  Image                        : busybox
  Command                      : "sh -c"
  Args                         : [date, x]
  Env                          : [A=B, C=D, E=F]
  Constraints                  : node.role==manager
  Resources                    
    Reservations:              
      Memory                   : 32 MiB
      Generic Resources        
        gpu                    : 1
    Limits:                    
      CPU                      : 0.5
      Memory                   : 64 MiB
  Networks: v21wxc2evd08t93cn92rp1uca
Ports:
    - Name             = http
      Protocol         = TCP
      Port             = 80
      SwarmPort        = 8080
  Mounts:
    - target = /b
      source = /a
      readonly = false
      type = bind
  Secrets:
    [FILE] h5-s1@2o8y258bxhvotwhw5adw3a7cu:tgt
  Configs:
    [FILE] h5-c1@r98joq9x19wlo8bs1e9d8u74a:cf
  LogDriver         : json-file
    foo             
    max-size        : 1m
)");
}

TEST_F(OutputTest, TellsAServiceAsJson) {
  pb::GetServiceResponse response;
  *response.mutable_service() = Make<pb::Service>(kService);
  Answer("GetService", response);
  const std::string json = Run({"service", "inspect", "h5-b", "--format", "json"}).out;
  // Nothing is lost, and names are those of the protocol.
  pb::Service read;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &read).ok()) << json;
  EXPECT_TRUE(MessageDifferencer::Equals(read, response.service()));
  EXPECT_NE(json.find("\"update_status\": {\n"), std::string::npos) << json;
  EXPECT_NE(json.find("\"nano_cpus\": \"500000000\""), std::string::npos) << json;
  EXPECT_LT(json.find("\"foo\""), json.find("\"max-size\"")) << "map entries are not in order";
  EXPECT_EQ(Run({"service", "inspect", "h5-b", "--format", "xml"}).exit_code, 255);
}

TEST_F(OutputTest, ListsAsJsonArrays) {
  Answer("ListClusters", pb::ListClustersResponse());
  EXPECT_EQ(Run({"cluster", "ls", "--format=json"}).out, "[]\n");
  Answer("ListSecrets", Make<pb::ListSecretsResponse>(R"(
    secrets { id: "a" spec { annotations { name: "x" } } }
    secrets { id: "b" })"));
  EXPECT_EQ(Run({"secret", "ls", "--format=json"}).out, R"([
{
 "id": "a",
 "spec": {
  "annotations": {
   "name": "x",
   "labels": {},
   "indices": []
  },
  "data": ""
 },
 "internal": false
},
{
 "id": "b",
 "internal": false
}
]
)");
  EXPECT_TRUE(Run({"secret", "ls", "-q", "--format=json"})
                  .err.starts_with("Error: --quiet and --format json exclude each other\n"));
}

TEST_F(OutputTest, SummarisesANode) {
  Answer("GetNode", Make<pb::GetNodeResponse>(R"(node {
    id: "p59740700gshbgul5aihmvle2"
    spec { annotations { labels { key: "b" value: "2" } labels { key: "a" value: "1" } } }
    status { state: READY addr: "127.0.0.1" }
    manager_status { addr: "127.0.0.1:4242" leader: true reachability: REACHABLE }
    description {
      hostname: "node-1"
      platform { os: "linux" architecture: "x86_64" }
      resources {
        nano_cpus: 2900000000 memory_bytes: 25769803776
        generic { named_resource_spec { kind: "gpu" value: "u1" } }
      }
      engine {
        engine_version: "20.10"
        labels { key: "k" value: "v" }
        plugins { type: "Network" name: "host" }
        plugins { type: "Network" name: "bridge" }
      }
    }
  })"));
  Answer("ListTasks", pb::ListTasksResponse());
  EXPECT_EQ(Run({"node", "inspect", "node-1"}).out,
            R"(ID                          : p59740700gshbgul5aihmvle2
Hostname                    : node-1
Node Labels                 : a=1 b=2
Status:                     
  State                     : READY
  Availability              : ACTIVE
  Address                   : 127.0.0.1
Manager status:             
  Address                   : 127.0.0.1:4242
  Raft status               : REACHABLE
  Leader                    : yes
Platform:                   
  Operating System          : linux
  Architecture              : x86_64
Resources:                  
  CPUs                      : 2
  Memory                    : 24 GiB
  Generic Resources:        
    gpu                     : u1
Plugins:                    
  Network                   : [bridge host]
Engine Version              : 20.10
Engine Labels               : k=v
)");
}

TEST_F(OutputTest, SummarisesACluster) {
  Answer("GetCluster", Make<pb::GetClusterResponse>(R"(cluster {
    id: "ks55r0ep3rynyfcsocbz7xou3"
    spec {
      annotations { name: "default" }
      orchestration { task_history_retention_limit: 5 }
      dispatcher { heartbeat_period { seconds: 5 } }
      ca_config { node_cert_expiry { seconds: 7776000 } external_cas { url: "https://x" } }
      task_defaults { log_driver { name: "journald"
        options { key: "a" value: "b" } options { key: "c" } } }
    }
    root_ca { join_tokens { worker: "SWMTKN-1-w" manager: "SWMTKN-1-m" } }
  })"));
  EXPECT_EQ(Run({"cluster", "inspect", "default"}).out,
            R"(ID          : ks55r0ep3rynyfcsocbz7xou3
Name        : default
Orchestration settings:
  Task history entries: 5
Dispatcher settings:
  Dispatcher heartbeat period: 5s
Certificate Authority settings:
  Certificate Validity Duration: 2160h0m0s
  External CAs:
    CFSSL: https://x
  Join Tokens:
    Worker: SWMTKN-1-w
    Manager: SWMTKN-1-m
Default Log Driver        : journald
  a                       : b
  c                       
)");
}

TEST_F(OutputTest, SummarisesANetwork) {
  Answer("GetNetwork", Make<pb::GetNetworkResponse>(R"(network {
    id: "lqifauin92d4kfrn2wvm7lhsn"
    spec { annotations { name: "ingress" } }
    driver_state { name: "overlay"
      options { key: "com.docker.network.driver.overlay.vxlanid_list" value: "4096" } }
    ipam { driver { name: "default" }
      configs { family: IPV4 subnet: "10.0.0.0/24" gateway: "10.0.0.1" } }
  })"));
  EXPECT_EQ(Run({"network", "inspect", "ingress"}).out,
            R"(ID                   : lqifauin92d4kfrn2wvm7lhsn
Name                 : ingress
Spec:                
  IPv6Enabled        : false
  Internal           : false
Driver:              
  Name               : overlay
  Options:           
    com.docker.network.driver.overlay.vxlanid_list = 4096
IPAM:                 
  Driver:             
    Name              : default
  IPAM Config:        
    Family            : IPV4
    Subnet            : 10.0.0.0/24
    Gateway           : 10.0.0.1
)");
}

// Neither panics where the driver is not known yet.
TEST_F(OutputTest, ListsNetworksAndSecrets) {
  Answer("ListNetworks", Make<pb::ListNetworksResponse>(R"(
    networks { id: "lqif" spec { annotations { name: "ingress" } }
               driver_state { name: "overlay" } }
    networks { id: "none" spec { annotations { name: "n" } } })"));
  EXPECT_EQ(
      Run({"network", "ls"}).out,
      "ID    Name     Driver\n--    ----     ------\nlqif  ingress  overlay\nnone  n        \n");
  Answer("ListSecrets", Make<pb::ListSecretsResponse>(R"(
    secrets { id: "old" meta { created_at { seconds: 1000 } } spec { annotations { name: "a" } } }
    secrets { id: "new" meta { created_at { seconds: 10000 } }
              spec { annotations { name: "b" } driver { name: "d" } } })"));
  EXPECT_EQ(Run({"secret", "ls"}).out,
            "ID     Name    Driver    Created\n"
            "--     ----    ------    -------\n"
            "new    b       d         now\n"
            "old    a                 2 hours ago\n");
  Answer("ListConfigs", pb::ListConfigsResponse());
  EXPECT_EQ(Run({"config", "ls"}).out, "ID    Name    Created\n--    ----    -------\n");
}

TEST_F(OutputTest, ShowsConfigsWithTheirPayloadAndSecretsWithout) {
  Answer("ListConfigs", Make<pb::ListConfigsResponse>(R"(configs {
    id: "c" meta { created_at { seconds: 1600000000 } }
    spec { annotations { name: "app" labels { key: "k" value: "v" } } data: "a=1" } })"));
  EXPECT_EQ(Run({"config", "inspect", "app"}).out,
            "ID             : c\nName           : app\nLabels         \n  k            : v\n"
            "Created        : 2020-09-13T12:26:40Z\nPayload:\n\na=1\n");
  Answer("ListSecrets", Make<pb::ListSecretsResponse>(R"(secrets {
    id: "s" meta { created_at { seconds: 1600000000 } } spec { annotations { name: "pw" } } })"));
  EXPECT_EQ(Run({"secret", "inspect", "pw"}).out,
            "ID             : s\nName           : pw\nCreated        : 2020-09-13T12:26:40Z\n");
}

TEST_F(OutputTest, SummarisesATaskWithThoseBeforeIt) {
  const auto task = Make<pb::Task>(R"(
    id: "t2" service_id: "s" node_id: "n" slot: 1 desired_state: RUNNING
    meta { created_at { seconds: 9000 } } service_annotations { name: "web" }
    spec { container { image: "busybox" args: "date" } }
    status { state: RUNNING timestamp { seconds: 9940 } message: "started"
             container { container_id: "c1" pid: 42 }
             port_status { ports { target_port: 80 published_port: 8080 } } })");
  pb::GetTaskResponse response;
  *response.mutable_task() = task;
  Answer("GetTask", response);
  pb::ListTasksResponse tasks;
  *tasks.add_tasks() = Make<pb::Task>(R"(
    id: "t1" service_id: "s" slot: 1 desired_state: SHUTDOWN meta { created_at { seconds: 100 } }
    service_annotations { name: "web" } spec { container { image: "busybox" } }
    status { state: FAILED timestamp { seconds: 8800 } })");
  *tasks.add_tasks() = task;
  tasks.add_tasks()->set_slot(2);
  Answer("ListTasks", tasks);
  EXPECT_EQ(Run({"task", "inspect", "t2"}).out,
            R"(ID                     : t2
Slot                   : 1
Service                : s
Status                 
  Desired State        : RUNNING
  Last State           : RUNNING
  Timestamp            : 1970-01-01T02:45:40Z (1 minute ago)
  Message              : started
  ContainerID:         : c1
  Pid                  : 42
Ports                  : 0.0.0.0:8080->80/tcp
Node                   : n
Spec                   
  Image                : busybox
  Args                 : [date]

===> Task Parents
Task ID    Service    Slot    Image      Desired State    Last State               Node
-------    -------    ----    -----      -------------    ----------               ----
t2         web        1       busybox    RUNNING          RUNNING 1 minute ago     n
t1         web        1       busybox    SHUTDOWN         FAILED 20 minutes ago    
)");
}

TEST_F(OutputTest, TellsTheUnlockKey) {
  pb::GetUnlockKeyResponse response;
  Answer("GetUnlockKey", response);
  EXPECT_EQ(Run({"cluster", "unlock-key", "default"}).out, "Managers not auto-locked\n");
  response.set_unlock_key(
      std::string("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25"
                  "\26\27\30\31\32\33\34\35\36\37",
                  32));
  Answer("GetUnlockKey", response);
  const std::string key =
      "Managers auto-locked.  Unlock key: SWMKEY-1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n";
  EXPECT_EQ(Run({"cluster", "unlock-key", "default"}).out, key);
  pb::GetClusterResponse cluster;
  cluster.mutable_cluster()->set_id("id");
  Answer("GetCluster", cluster);
  pb::UpdateClusterResponse updated;
  updated.mutable_cluster()->set_id("id");
  Answer("UpdateCluster", updated);
  EXPECT_EQ(Run({"cluster", "update", "default", "--rotate-unlock-key"}).out, "id\n" + key);
}

}  // namespace
}  // namespace swarm::ctl
