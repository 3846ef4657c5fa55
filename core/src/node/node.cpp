#include "node/node.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <utility>
#include <vector>

#include "node/addresses.h"
#include "node/leader_scope.h"
#include "node/own_manager.h"
#include "rpc/loopback.h"
#include "swarm/agent.h"
#include "swarm/ca.h"
#include "swarm/files.h"
#include "swarm/proxy.h"
#include "swarm/store.h"

namespace swarm::node {
namespace {

std::string MachineName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

Result<std::string> JoinToken(Runtime& runtime, const config::NodeConfig::Join& join) {
  if (!join.token.empty() || join.token_file.empty()) return join.token;
  auto text = ReadFile(runtime.files(), join.token_file);
  if (!text.ok()) return text.status().WithContext("join.token_file");
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  return std::move(*text);
}

// The folder and the name under which it is found are durable before anything is kept in it.
Status MakeStateFolder(FileSystem& files, const std::string& path) {
  SWARM_RETURN_IF_ERROR(files.CreateDirectory(path, 0700));
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return files.SyncDirectory(".");
  return files.SyncDirectory(slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace

// Everything below runs on the node's loop, which may block: identity and listeners do.
class Node::Life final : public AgentEvents, public std::enable_shared_from_this<Life> {
 public:
  explicit Life(NodeSetup setup)
      : config_(std::move(setup.config)),
        runtime_(*setup.runtime),
        network_(*setup.network),
        logger_(setup.logger.ForModule("node")),
        root_logger_(std::move(setup.logger)),
        on_ready_(std::move(setup.on_ready)),
        on_fatal_(std::move(setup.on_fatal)),
        on_closed_(std::move(setup.on_closed)),
        generic_resources_(std::move(setup.generic_resources)),
        listeners_(std::move(setup.listeners)),
        loop_(runtime_.NewLoop("node", LoopKind::kBlocking)),
        loopback_(std::make_unique<rpc::Loopback>(runtime_, router_)) {}

  ~Life() override { loop_->Stop(); }

  Status Prepare() {
    host::Environment environment{root_logger_, &runtime_, &network_, &router_};
    environment.fatal = [self = weak_from_this()](Status why) {
      auto life = self.lock();
      if (!life) return;
      life->Post([why = std::move(why)](Life& l) { l.OnFatal(why); });
    };
    auto host = host::MakePluginHost(std::move(environment), config_.plugins, *loop_);
    if (!host.ok()) return host.status();
    host_ = std::move(*host);
    return Status::Ok();
  }

  Status Start() {
    if (started_.exchange(true)) return {Code::kFailedPrecondition, "node: already started"};
    Post([](Life& life) { life.Begin(); });
    return Status::Ok();
  }

  Status Stop(StopMode mode) {
    if (!started_) return {Code::kFailedPrecondition, "node: not started"};
    Post([mode](Life& life) { life.End(Status::Ok(), mode); });
    return Status::Ok();
  }

  rpc::RouterImpl& router() { return router_; }
  void Quiesce() { loop_->Stop(); }

  // AgentEvents, on the agent's loop.
  void OnSession() noexcept override {
    Post([](Life& life) { life.Ready(); });
  }
  void OnNode(const pb::Node&) noexcept override {}
  void OnRootCa(const std::string&) noexcept override {}

 private:
  using Step = Function<void(Function<void()> next)>;

  // Stops and then drops an instance that MakeInstance made.
  struct Owned {
    std::string name;
    std::unique_ptr<Instance> instance;
  };

  void Post(Function<void(Life&)> fn) {
    loop_->Post([self = weak_from_this(), fn = std::move(fn)]() mutable {
      if (auto life = self.lock()) fn(*life);
    });
  }

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

  void Begin() {
    info_.state_dir = config_.node.state_dir;
    info_.hostname = config_.node.hostname.empty() ? MachineName() : config_.node.hostname;
    info_.auto_lock = config_.node.auto_lock;
    info_.force_new_cluster = config_.node.force_new_cluster;
    if (Status made = MakeStateFolder(runtime_.files(), info_.state_dir); !made.ok()) {
      return End(made.WithContext("node.state_dir"), StopMode::kDetach);
    }
    host_->node().Start(info_, Then<Status>([](Life& life, const Status& status) {
                          if (!status.ok()) return life.End(status, StopMode::kDetach);
                          const Status known = life.LoadIdentity();
                          if (!known.ok()) return life.End(known, StopMode::kDetach);
                          life.BecomeManager();
                        }));
  }

  Status LoadIdentity() {
    auto* provider = host_->node().FindAs<IdentityProvider>(kIdentityRole);
    if (provider == nullptr) {
      return {Code::kFailedPrecondition,
              "no plugin provides identity/1; name one under plugins.ca, as `ca: {use: ca}`"};
    }
    IdentityRequest request;
    request.state_dir = config_.node.state_dir;
    request.join_address = config_.join.address;
    request.unlock_key = config_.node.unlock_key;
    SWARM_ASSIGN_OR_RETURN(request.join_token, JoinToken(runtime_, config_.join));
    SWARM_ASSIGN_OR_RETURN(identity_, provider->LoadOrCreate(request));
    SWARM_ASSIGN_OR_RETURN(LogKeys keys, provider->LoadLogKeys(request));
    info_.node_id = identity_.node_id;
    info_.cluster_id = identity_.cluster_id;
    info_.root_certificate_pem = identity_.credentials->roots_pem;
    info_.root_key_pem = identity_.root_key_pem;
    info_.log_key = std::move(keys.current);
    info_.log_key_pending = std::move(keys.pending);
    logger_ = logger_.With("node.id", identity_.node_id);
    const bool manages = identity_.role == pb::MANAGER;
    router_.SetSelf(
        {identity_.node_id, identity_.cluster_id, {manages ? "swarm-manager" : "swarm-worker"}});
    return Status::Ok();
  }

  void BecomeManager() {
    if (identity_.role != pb::MANAGER) {
      return End({Code::kUnimplemented,
                  "this node's certificate is a worker's; this build runs managers only"},
                 StopMode::kDetach);
    }
    Status listening = listeners_->Start(config_.listen, identity_.credentials, router_);
    if (!listening.ok()) return End(listening, StopMode::kDetach);
    info_.advertise_address = config_.listen.advertise.empty()
                                  ? Dialable(listeners_->remote_address(), OwnAddresses())
                                  : config_.listen.advertise;
    host_->manager().Start(info_, Then<Status>([](Life& life, const Status& status) {
                             if (!status.ok()) {
                               return life.End(status.WithContext("manager stopped"),
                                               StopMode::kDetach);
                             }
                             life.Manage();
                           }));
  }

  void Manage() {
    router_.SetProxy(host_->manager().FindAs<Proxy>(kProxyRole));
    leader_ = std::make_unique<LeaderScope>(
        host_->leader(), logger_, info_, Then<Status>([](Life& life, const Status& status) {
          life.End(status.WithContext("manager stopped"), StopMode::kDetach);
        }));
    if (auto* store = host_->manager().FindAs<Store>(kStoreRole)) {
      leadership_ = store->WatchLeadership(
          *loop_, [self = weak_from_this()](std::optional<LeaderEpoch> epoch) {
            auto life = self.lock();
            if (life && !life->ending_ && life->leader_) life->leader_->OnLeadership(epoch);
          });
    }
    StartExecutors(0);
  }

  void StartExecutors(std::size_t next) {
    const auto executors = host_->Executors();
    if (next == executors.size()) return StartAgent();
    const std::string name = executors[next]->name;
    auto parameters = std::make_unique<ExecutorParameters>();
    parameters->state_dir = config_.node.state_dir + "/executor-" + name;
    parameters->hostname = info_.hostname;
    StartInstance(name, std::move(parameters), [next, name](Life& life, Instance& instance) {
      life.executors_.emplace_back(name, static_cast<Executor*>(instance.role()));
      life.StartExecutors(next + 1);
    });
  }

  void StartAgent() {
    auto parameters = std::make_unique<AgentParameters>();
    parameters->node_id = identity_.node_id;
    parameters->hostname = config_.node.hostname;
    parameters->state_dir = config_.node.state_dir + "/worker";
    parameters->managers =
        std::make_shared<OwnManager>(loopback_->NewChannel({Listener::kLocal, std::nullopt, "@"}));
    parameters->events = std::shared_ptr<AgentEvents>(shared_from_this());
    parameters->tls_info = identity_.tls_info;
    parameters->executors = executors_;
    parameters->generic_resources = generic_resources_;
    StartInstance("agent", std::move(parameters), [](Life& life, Instance& instance) {
      life.agent_ = static_cast<Agent*>(instance.role());
    });
  }

  void StartInstance(const std::string& name, std::unique_ptr<InstanceParameters> parameters,
                     Function<void(Life&, Instance&)> started) {
    auto made = host_->MakeInstance(name, std::move(parameters));
    if (!made.ok()) return End(made.status(), StopMode::kDetach);
    Instance& instance = **made;
    instances_.push_back({name, std::move(*made)});
    instance.Start(Then<Status>(
        [name, &instance, started = std::move(started)](Life& life, const Status& status) mutable {
          if (!status.ok()) return life.End(status.WithContext(name), StopMode::kDetach);
          started(life, instance);
        }));
  }

  void Ready() {
    if (ready_ || ending_) return;
    ready_ = true;
    logger_.Info("node is ready");
    if (on_ready_) on_ready_();
  }

  void OnFatal(const Status& why) {
    if (ending_) return;
    if (on_fatal_) on_fatal_();
    End(why, StopMode::kDetach);
  }

  // Takes everything down in reverse; the first reason counts.
  void End(Status why, StopMode mode) {
    if (ending_) return;
    ending_ = true;
    why_ = std::move(why);
    if (!why_.ok()) logger_.Error("the node cannot go on", {{"error", why_.message()}});
    const bool leave =
        mode == StopMode::kLeave || (mode == StopMode::kAsConfigured && config_.node.leave_on_stop);
    if (leave && agent_ != nullptr) {
      logger_.Info("leaving: removing this node's tasks");
      Add([this](Function<void()> next) {
        agent_->Leave([next = std::move(next)](const Status&) mutable { next(); });
      });
    }
    for (auto owned = instances_.rbegin(); owned != instances_.rend(); ++owned) {
      Add([&instance = *owned->instance](Function<void()> next) {
        instance.Stop(std::move(next));
      });
    }
    Add([this](Function<void()> next) {
      agent_ = nullptr;
      while (!instances_.empty()) instances_.pop_back();
      leadership_.reset();
      leader_ ? leader_->Stop(std::move(next)) : next();
    });
    Add([this](Function<void()> next) {
      router_.SetProxy(nullptr);
      host_->manager().Stop(std::move(next));
    });
    Add([this](Function<void()> next) {
      listeners_->Stop();
      loopback_.reset();
      host_->node().Stop(std::move(next));
    });
    NextStep();
  }

  void Add(Step step) { steps_.push_back(std::move(step)); }

  void NextStep() {
    if (steps_done_ == steps_.size()) return Close();
    // Whoever calls back may be on another loop, and must not find its own end in the call.
    steps_[steps_done_++]([self = shared_from_this()]() mutable {
      auto* life = self.get();
      life->loop_->Post([self = std::move(self)] { self->NextStep(); });
    });
  }

  void Close() {
    logger_.Info("node is closed");
    if (on_closed_) on_closed_(why_);
  }

  const config::NodeConfig config_;
  Runtime& runtime_;
  Network& network_;
  Logger logger_;
  const Logger root_logger_;
  Function<void()> on_ready_;
  Function<void()> on_fatal_;
  Function<void(Status)> on_closed_;
  const std::vector<pb::GenericResource> generic_resources_;
  std::atomic<bool> started_ = false;

  rpc::RouterImpl router_;
  std::unique_ptr<Listeners> listeners_;
  const std::unique_ptr<Loop> loop_;
  std::unique_ptr<rpc::Loopback> loopback_;
  std::unique_ptr<host::PluginHost> host_;

  NodeInfo info_;
  NodeIdentity identity_;
  std::unique_ptr<LeaderScope> leader_;
  std::unique_ptr<Subscription> leadership_;
  std::vector<Owned> instances_;  // executors, then the agent
  std::vector<std::pair<std::string, Executor*>> executors_;
  Agent* agent_ = nullptr;

  bool ready_ = false;
  bool ending_ = false;
  Status why_;
  std::vector<Step> steps_;
  std::size_t steps_done_ = 0;
};

Result<std::unique_ptr<Node>> Node::Make(NodeSetup setup) {
  auto life = std::make_shared<Life>(std::move(setup));
  SWARM_RETURN_IF_ERROR(life->Prepare());
  return std::unique_ptr<Node>(new Node(std::move(life)));
}

Node::Node(std::shared_ptr<Life> life) : life_(std::move(life)) {}
Node::~Node() {
  // A callback of the loop may hold the last other reference, and must not end its own loop.
  life_->Quiesce();
}

Status Node::Start() { return life_->Start(); }
Status Node::Stop(StopMode mode) { return life_->Stop(mode); }
rpc::RouterImpl& Node::router() { return life_->router(); }

}  // namespace swarm::node
