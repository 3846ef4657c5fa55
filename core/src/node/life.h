// The inside of a node: see node.h.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/known_managers.h"
#include "node/leader_scope.h"
#include "node/node.h"
#include "node/removed_nodes.h"
#include "rpc/loopback.h"
#include "swarm/agent.h"
#include "swarm/ca.h"
#include "swarm/store.h"

namespace swarm::node {

// Everything but the constructor, Prepare, Start, Stop and what AgentEvents demand runs on the
// node's loop, which may block: identity and listeners do.
class Node::Life final : public AgentEvents, public std::enable_shared_from_this<Life> {
 public:
  explicit Life(NodeSetup setup);
  ~Life() override;

  Status Prepare();
  Status Start();
  Status Stop(StopMode mode);
  rpc::RouterImpl& router() { return router_; }
  void Quiesce() { loop_->Stop(); }

  // AgentEvents, on the agent's loop.
  void OnSession() noexcept override;
  void OnSessionEnd(const Status& why) noexcept override;
  void OnNode(const pb::Node& node) noexcept override;
  void OnRootCa(const std::string& roots_pem) noexcept override;

 private:
  using Step = Function<void(Function<void()> next)>;
  // Where this node is on the way to being a manager, or back.
  enum class Managing : unsigned char { kNo, kStarting, kYes, kStopping };
  // What the node's object has said since the group has put this node out: nothing new yet, that
  // it is to be a worker, and after that that it is to be a manager again.
  enum class PutOut : unsigned char { kNo, kYes, kDemoted, kWantedAgain };

  // Stops and then drops an instance that MakeInstance made.
  struct Owned {
    std::string name;
    std::unique_ptr<Instance> instance;
  };

  void Post(Function<void(Life&)> fn);
  // A continuation for callbacks that come from anywhere; dropped once the node ends.
  template <class... Args, class Fn>
  auto Then(Fn fn) {
    return [self = weak_from_this(), fn = std::move(fn)](Args... args) mutable {
      auto life = self.lock();
      if (!life) return;
      life->Post([fn = std::move(fn), ... args = std::move(args)](Life& l) mutable {
        if (!l.ending_) fn(l, std::move(args)...);
      });
    };
  }
  // The same for callbacks that come more than once.
  template <class... Args, class Fn>
  auto Each(Fn fn) {
    return [self = weak_from_this(), fn](Args... args) {
      auto life = self.lock();
      if (!life) return;
      life->Post([fn, ... args = std::move(args)](Life& l) mutable {
        if (!l.ending_) fn(l, std::move(args)...);
      });
    };
  }

  // life.cpp: beginning and end
  void Begin();
  void StartExecutors(std::size_t next);
  void StartAgent();
  void StartInstance(const std::string& name, std::unique_ptr<InstanceParameters> parameters,
                     Function<void(Life&, Instance&)> started);
  void Ready();
  void OnFatal(const Status& why);
  // Takes everything down in reverse; the first reason counts.
  void End(Status why, StopMode mode);
  void Add(Step step) { steps_.push_back(std::move(step)); }
  void NextStep();
  void Close();

  // identity.cpp: who this node is, and whom it knows
  Status Identify();
  Result<IdentityRequest> Request();
  void Identified(NodeIdentity identity);
  Status LoadManagers();
  void SaveManagers(const std::vector<Peer>& peers);
  void KeepIdentityValid();
  void UseIdentity(NodeIdentity identity);
  void OnIdentityChanged(NodeIdentity identity);
  void FollowNode(const pb::Node& node);
  bool IsWantedAgain(const pb::Node& node);

  // managing.cpp: being a manager, and no longer
  void StartManager(Function<void(Life&)> then);
  // `failed`: the manager could not be started, and nothing of it is left.
  void TryManager(Function<void(Life&)> then, Function<void(Life&, const Status&)> failed);
  void Manage();
  void MatchRole();
  void Promote();
  void PromoteLater(const Status& why);
  void OnRemoved();
  void AwaitRole(bool asked);
  void StopManager();
  void RememberManagers();
  void ForgetLog();
  void AddManagerSteps();

  const config::NodeConfig config_;
  Runtime& runtime_;
  Network& network_;
  Logger logger_;
  const Logger root_logger_;
  Function<void()> on_ready_;
  Function<void()> on_fatal_;
  Function<void(Status)> on_closed_;
  Function<void(std::shared_ptr<const Credentials>)> on_credentials_;
  const std::vector<pb::GenericResource> generic_resources_;
  std::atomic<bool> started_ = false;

  rpc::RouterImpl router_;
  std::unique_ptr<Listeners> listeners_;
  const std::unique_ptr<Loop> loop_;
  std::unique_ptr<rpc::Loopback> loopback_;
  std::unique_ptr<host::PluginHost> host_;

  NodeInfo info_;
  IdentityProvider* identities_ = nullptr;
  NodeIdentity identity_;
  std::shared_ptr<KnownManagers> managers_;
  std::unique_ptr<Renewal> renewal_;
  pb::NodeRole last_desired_ = pb::WORKER;
  bool had_session_ = false;

  Managing managing_ = Managing::kNo;
  // While it runs, a manager's certificate does not start the manager.
  std::unique_ptr<Timer> role_timer_;
  bool removed_from_group_ = false;  // its log is worthless
  PutOut put_out_ = PutOut::kNo;     // until it has become what it is to be
  int failed_promotions_ = 0;
  std::unique_ptr<LeaderScope> leader_;
  std::unique_ptr<Subscription> leadership_;
  std::unique_ptr<RemovedNodes> removed_;
  std::vector<Owned> instances_;  // executors, then the agent
  std::vector<std::pair<std::string, Executor*>> executors_;
  Agent* agent_ = nullptr;

  bool ready_ = false;
  bool ending_ = false;
  Status why_;
  std::vector<Step> steps_;
  std::size_t steps_done_ = 0;
};

}  // namespace swarm::node
