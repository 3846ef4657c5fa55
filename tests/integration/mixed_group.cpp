#include "mixed_group.h"

#include <signal.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace swarm::test {
namespace {

std::string Line(std::string text) { return text.substr(0, text.find('\n')); }

using nlohmann::json;

// Discarded when the member does not answer.
json Asked(GroupMember& through, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--format", "json"});
  return json::parse(through.Ctl(std::move(arguments)).out, nullptr, false);
}

std::string Text(const json& object, const std::string& path) {
  const json::json_pointer at(path);
  return object.contains(at) && object.at(at).is_string() ? object.at(at).get<std::string>() : "";
}

}  // namespace

OurMember::OurMember(std::string name, std::string address, OurSettings settings)
    : name_(std::move(name)), address_(std::move(address)), settings_(std::move(settings)) {
  ListenOn(address_);
}

bool OurMember::Run(std::vector<std::string> arguments) {
  WriteText(folder() / "swarmd.yaml",
            "log: {level: debug}\nplugins:\n  path: [" + BuildDirectory() +
                "/plugins]\n  consensus: {use: raft" +
                (settings_.consensus.empty() ? "" : ", " + settings_.consensus) +
                "}\n  proxy: {use: proxy-raft}\n  executor:\n    - " + settings_.executor + "\n");
  arguments.insert(arguments.end(), {"--config", folder() / "swarmd.yaml", "--hostname", name_});
  started_ = true;
  return Manager::Start(arguments);
}

void OurMember::Kill() {
  process().Signal(SIGKILL);
  process().Wait();
}

void OurMember::Stop() {
  process().Signal(SIGTERM);
  process().Wait();
}

Finished OurMember::Ctl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--timeout", "30s"});
  return Manager::Ctl(std::move(arguments));
}

Finished OurMember::Create(const std::string& service) {
  return Ctl(
      {"service", "create", "--name", service, "--image", "busybox:latest", "--replicas", "0"});
}

std::string OurMember::NodeId() {
  for (const NodeRow& row : Nodes(*this)) {
    if (row.host == name_) return row.id;
  }
  return "";
}

bool EngineMember::Found() {
  return (running() || Start()) && engine_.Docker({"swarm", "init", "--advertise-addr",
                                                   engine_.ip(), "--listen-addr", address()})
                                           .code == 0;
}

bool EngineMember::Join(const std::string& address, const std::string& token) {
  if (!running() && !Start()) return false;
  return engine_
             .Docker({"swarm", "join", "--advertise-addr", engine_.ip(), "--listen-addr",
                      this->address(), "--token", token, address})
             .code == 0;
}

Finished EngineMember::Ctl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {BuildDirectory() + "/bin/swarmctl", "--timeout", "30s",
                                       "--socket", engine_.exec_root() + "/swarm/control.sock"});
  return Execute(arguments);
}

Finished EngineMember::Create(const std::string& service) {
  return engine_.Docker({"service", "create", "--detach", "--name", service, "--replicas", "0",
                         "--no-resolve-image", "busybox:latest"});
}

std::string EngineMember::Info(const std::string& format) {
  return Line(engine_.Docker({"info", "--format", format}).out);
}

MixedGroup::~MixedGroup() {
  for (const auto& member : ours_) {
    if (member->running()) member->Kill();
  }
}

EngineMember& MixedGroup::AddEngine() {
  engines_.push_back(std::make_unique<EngineMember>("e" + std::to_string(engines_.size() + 1)));
  EngineMember& added = *engines_.back();
  for (const auto& other : engines_) {
    if (other.get() != &added && !other->engine().ConnectTo(added.engine())) {
      throw std::runtime_error("no way between two engines");
    }
  }
  members_.push_back(&added);
  return added;
}

OurMember& MixedGroup::AddOurs(OurSettings settings) {
  const std::size_t number = ours_.size() + 1;
  // Not the usual port: somebody may have taken that one on every address.
  const std::string address = engines_.at(0)->engine().outside_ip() + ":" +
                              std::to_string(20000 + getpid() % 10000 + static_cast<int>(number));
  ours_.push_back(
      std::make_unique<OurMember>("m" + std::to_string(number), address, std::move(settings)));
  members_.push_back(ours_.back().get());
  return *ours_.back();
}

bool MixedGroup::Well(std::size_t managers) {
  for (GroupMember* member : members_) {
    if (!Answers(member)) continue;
    std::size_t found = 0;
    for (const NodeRow& row : Nodes(*member)) {
      if (row.manager.empty()) continue;
      if (row.state != "READY" || row.manager != "REACHABLE") return false;
      ++found;
    }
    if (found != managers) return false;
  }
  return true;
}

bool MixedGroup::AwaitWell(std::size_t managers) {
  return Eventually([&] { return Well(managers); }, kElection);
}

GroupMember* MixedGroup::Leader() {
  GroupMember* leader = nullptr;
  Eventually(
      [&] {
        for (GroupMember* member : members_) {
          if (!Answers(member)) continue;
          const std::string id = LeaderSeen(*member);
          for (GroupMember* other : members_) {
            if (id.empty() || !other->running()) continue;
            if (!ids_.contains(id) && other->NodeId() == id) ids_[id] = other;
          }
          const auto found = ids_.find(id);
          if (found == ids_.end() || !found->second->running()) continue;
          leader = found->second;
          return true;
        }
        return false;
      },
      kElection);
  return leader;
}

std::string MixedGroup::Logs() const {
  std::string all;
  for (const GroupMember* member : members_) all += "--- " + member->name() + "\n" + member->log();
  return all;
}

std::vector<NodeRow> Nodes(GroupMember& through) {
  std::vector<NodeRow> rows;
  const json nodes = Asked(through, {"node", "ls"});
  if (!nodes.is_array()) return rows;
  for (const json& node : nodes) {
    NodeRow row;
    row.id = Text(node, "/id");
    row.host = Text(node, "/description/hostname");
    row.state = Text(node, "/status/state");
    row.manager = Text(node, "/manager_status/reachability");
    const json::json_pointer leads("/manager_status/leader");
    row.leader = node.contains(leads) && node.at(leads) == true;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string LeaderSeen(GroupMember& through) {
  for (const NodeRow& row : Nodes(through)) {
    if (row.leader) return row.id;
  }
  return "";
}

int RunningTasks(GroupMember& through, const std::string& service) {
  const json tasks = Asked(through, {"task", "ls"});
  if (!tasks.is_array()) return -1;
  int running = 0;
  for (const json& task : tasks) {
    running += Text(task, "/service_annotations/name") == service &&
               Text(task, "/status/state") == "RUNNING" &&
               Text(task, "/desired_state") == "RUNNING";
  }
  return running;
}

std::string ManagerToken(GroupMember& through) {
  return Text(Asked(through, {"cluster", "inspect", "default"}), "/root_ca/join_tokens/manager");
}

bool HasService(GroupMember& through, const std::string& service) {
  return through.Ctl({"service", "inspect", service}).code == 0;
}

}  // namespace swarm::test
