#include "manager_group.h"

#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <stdexcept>
#include <utility>

#include "rpc/network.h"
#include "swarm/rpc_typed.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::test {
namespace {

namespace pb = ::docker::swarmkit::v1;

std::string MakeFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "swarm-group-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  return name;
}

template <class Response, class Request>
Result<std::shared_ptr<const Response>> Ask(Network& network, const std::string& socket,
                                            const char* method, Request request) {
  SWARM_ASSIGN_OR_RETURN(const std::shared_ptr<Channel> channel,
                         network.Dial("unix://" + socket, {}));
  std::promise<Result<std::shared_ptr<const Response>>> answer;
  auto future = answer.get_future();
  CallOptions options;
  options.timeout = std::chrono::seconds(3);
  CallUnary<Response>(*channel, method, std::move(options), std::move(request),
                      [&answer](auto reply) { answer.set_value(std::move(reply)); });
  return future.get();
}

}  // namespace

std::optional<std::string> NoManagerGroup() { return CutNetwork::Unavailable(); }

ManagerGroup::ManagerGroup(int size)
    : folder_(MakeFolder()),
      network_(std::make_unique<CutNetwork>(size, folder_)),
      hosts_(static_cast<std::size_t>(size)),
      client_(rpc::MakeNetwork({})) {
  for (int at = 0; at < size; ++at) {
    const std::string disk = folder_ + "/disk" + std::to_string(at + 1);
    host(at).disk = std::make_unique<SmallDisk>(disk, "32m");
    if (!host(at).disk->mounted()) throw std::runtime_error("cannot mount " + disk);
    host(at).manager = std::make_unique<Manager>(disk + "/state");
    host(at).manager->ListenOn(network_->Ip(at) + ":4242");
    host(at).manager->RunThrough(network_->On(at));
  }
}

// Not in good order: a group that lost its majority would wait for one.
ManagerGroup::~ManagerGroup() {
  for (Host& host : hosts_) {
    if (host.manager->started()) host.manager->process().Signal(SIGKILL);
  }
}

bool ManagerGroup::Start(int at, std::vector<std::string> arguments) {
  // Files of the log that are soon full, so that a full disk is soon met; snapshots soon, so that
  // whoever was away gets one.
  const std::string config = host(at).manager->folder() / "swarmd.yaml";
  WriteText(config, "plugins:\n  path: [" + BuildDirectory() +
                        "/plugins]\n  consensus: {use: raft, segment_bytes: 1000000, "
                        "zero_ahead_bytes: 0, snapshot_interval: 300, "
                        "log_entries_for_slow_followers: 50}\n  proxy: {use: proxy-raft}\n"
                        "  executor:\n    - {use: sim, default: true}\n");
  arguments.insert(arguments.end(),
                   {"--config", config, "--hostname", "m" + std::to_string(at + 1)});
  return host(at).manager->Start(arguments);
}

bool ManagerGroup::Form() {
  if (!Start(0)) return false;
  std::string token;
  if (!Eventually([&] { return !(token = Token()).empty(); })) return false;
  for (int at = 1; at < size(); ++at) {
    if (!Start(at, {"--join-addr", network_->Ip(0) + ":4242", "--join-token", token})) return false;
  }
  return Eventually([&] { return Listed(0) == size(); });
}

bool ManagerGroup::Says(int at, const std::string& text, std::size_t from) const {
  return log(at).find(text, from) != std::string::npos;
}

std::string ManagerGroup::Token() {
  const auto reply = Ask<pb::ListClustersResponse>(
      *client_, socket(0), "/docker.swarmkit.v1.Control/ListClusters", pb::ListClustersRequest());
  if (!reply.ok() || (*reply)->clusters().empty()) return "";
  return (*reply)->clusters(0).root_ca().join_tokens().manager();
}

int ManagerGroup::LeaderSeenBy(int at) {
  const auto reply = Ask<pb::ListNodesResponse>(
      *client_, socket(at), "/docker.swarmkit.v1.Control/ListNodes", pb::ListNodesRequest());
  if (!reply.ok()) return -1;
  for (const pb::Node& node : (*reply)->nodes()) {
    if (!node.manager_status().leader()) continue;
    for (int host = 0; host < size(); ++host) {
      if (node.description().hostname() == "m" + std::to_string(host + 1)) return host;
    }
  }
  return -1;
}

int ManagerGroup::Listed(int at) {
  const auto reply = Ask<pb::ListNodesResponse>(
      *client_, socket(at), "/docker.swarmkit.v1.Control/ListNodes", pb::ListNodesRequest());
  int managers = 0;
  if (!reply.ok()) return 0;
  for (const pb::Node& node : (*reply)->nodes()) {
    managers += node.manager_status().reachability() == pb::RaftMemberStatus::REACHABLE ? 1 : 0;
  }
  return managers;
}

int ManagerGroup::Leader() {
  for (int at = 0; at < size(); ++at) {
    if (const int leader = running(at) ? LeaderSeenBy(at) : -1; leader >= 0) return leader;
  }
  return -1;
}

bool ManagerGroup::AwaitLeader() {
  return Eventually([this] { return Leader() >= 0; }, std::chrono::minutes(1));
}

void ManagerGroup::Kill(int at) {
  host(at).manager->process().Signal(SIGKILL);
  host(at).manager->process().Wait();
}

bool ManagerGroup::Restart(int at) { return Start(at); }

}  // namespace swarm::test
