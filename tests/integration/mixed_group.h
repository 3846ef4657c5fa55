// Managers of both makes in one group, seen alike: ours are swarmd processes on this machine, the
// others Docker Engines in namespaces of their own.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/cluster.h"
#include "support/docker_engine.h"

namespace swarm::test {

class GroupMember {
 public:
  virtual ~GroupMember() = default;

  virtual const std::string& name() const = 0;
  virtual bool ours() const = 0;
  // The address that other managers are told.
  virtual std::string address() const = 0;
  // Makes a cluster, joins one, or goes on with what it has; true once it takes part.
  virtual bool Found() = 0;
  virtual bool Join(const std::string& address, const std::string& token) = 0;
  virtual bool Start() = 0;
  virtual void Kill() = 0;
  virtual void Stop() = 0;
  virtual bool running() = 0;
  // Our swarmctl on its control socket.
  virtual Finished Ctl(std::vector<std::string> arguments) = 0;
  // One write: a service without tasks, with the member's own client (an engine's is `docker`).
  virtual Finished Create(const std::string& service) = 0;
  virtual std::string log() const = 0;
  virtual std::string NodeId() = 0;
};

struct OurSettings {
  // Entries of the `consensus` section besides `use`.
  std::string consensus = "";
  std::string executor = "{use: sim, default: true}";
};

class OurMember final : public GroupMember, public Manager {
 public:
  OurMember(std::string name, std::string address, OurSettings settings = {});

  const std::string& name() const override { return name_; }
  bool ours() const override { return true; }
  std::string address() const override { return address_; }
  bool Found() override { return Run({}); }
  bool Join(const std::string& address, const std::string& token) override {
    return Run({"--join-addr", address, "--join-token", token});
  }
  bool Start() override { return Run({}); }
  bool Run(std::vector<std::string> arguments);
  void Kill() override;
  void Stop() override;
  bool running() override { return started_ && process().running(); }
  Finished Ctl(std::vector<std::string> arguments) override;
  Finished Create(const std::string& service) override;
  std::string log() const override { return Manager::log(); }
  std::string NodeId() override;

 private:
  const std::string name_;
  const std::string address_;
  const OurSettings settings_;
  bool started_ = false;
};

class EngineMember final : public GroupMember {
 public:
  explicit EngineMember(std::string name) : name_(std::move(name)) {}

  const std::string& name() const override { return name_; }
  bool ours() const override { return false; }
  std::string address() const override { return engine_.ip() + ":2377"; }
  bool Found() override;
  bool Join(const std::string& address, const std::string& token) override;
  // Whether the engine answers; its manager takes a little longer.
  bool Start() override { return engine_.Start(std::exchange(arguments_, {})); }
  void Kill() override { engine_.Kill(); }
  void Stop() override { engine_.Stop(); }
  bool running() override { return engine_.running(); }
  Finished Ctl(std::vector<std::string> arguments) override;
  Finished Create(const std::string& service) override;
  std::string log() const override { return engine_.log(); }
  std::string NodeId() override { return Info("{{.Swarm.NodeID}}"); }

  DockerEngine& engine() { return engine_; }
  std::string Info(const std::string& format);
  std::string state() const { return engine_.folder() + "/data/swarm"; }

 private:
  const std::string name_;
  std::vector<std::string> arguments_{"-D"};  // of the first start; the engine remembers them
  DockerEngine engine_;
};

// The members of one group; ours listen where every engine reaches them. Kills what still runs.
class MixedGroup {
 public:
  MixedGroup() = default;
  ~MixedGroup();

  // Not started. The first engine comes before the first of ours, which needs its network.
  EngineMember& AddEngine();
  OurMember& AddOurs(OurSettings settings = {});
  const std::vector<GroupMember*>& members() const { return members_; }

  // A member that is no manager for a while, and one that is again.
  void Retire(GroupMember& member) { retired_.insert(&member); }
  void Recall(GroupMember& member) { retired_.erase(&member); }

  // Every manager that runs sees `managers` managers, all of them ready and reachable.
  bool Well(std::size_t managers);
  bool AwaitWell(std::size_t managers);
  // Who leads and runs, as any of them tells; null: nobody for a long time.
  GroupMember* Leader();
  std::string Logs() const;

 private:
  std::vector<std::unique_ptr<EngineMember>> engines_;
  std::vector<std::unique_ptr<OurMember>> ours_;
  std::vector<GroupMember*> members_;
  bool Answers(GroupMember* member) { return member->running() && !retired_.contains(member); }

  std::set<GroupMember*> retired_;
  std::map<std::string, GroupMember*> ids_;
};

// How long an election and what follows it may take in a group with engines, on a busy machine.
inline constexpr std::chrono::seconds kElection{150};

// What `node ls` says of one node.
struct NodeRow {
  std::string id;
  std::string host;
  std::string state;
  std::string manager;  // "REACHABLE", "UNREACHABLE" or "" for a worker
  bool leader = false;
};
std::vector<NodeRow> Nodes(GroupMember& through);
// Who leads, as `through` sees it, by node id; empty: nobody, or it does not tell.
std::string LeaderSeen(GroupMember& through);
// Tasks of the service that are running, as `through` sees it.
int RunningTasks(GroupMember& through, const std::string& service);
// The secret that makes managers, as `through` tells it.
std::string ManagerToken(GroupMember& through);
bool HasService(GroupMember& through, const std::string& service);

}  // namespace swarm::test
