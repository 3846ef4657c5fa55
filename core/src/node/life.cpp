#include "node/life.h"

#include <unistd.h>

#include <array>

#include "node/refusal_log.h"
#include "swarm/files.h"

namespace swarm::node {
namespace {

std::string MachineName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// The folder and the name under which it is found are durable before anything is kept in it.
Status MakeStateFolder(FileSystem& files, const std::string& path) {
  SWARM_RETURN_IF_ERROR(files.CreateDirectory(path, 0700));
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return files.SyncDirectory(".");
  return files.SyncDirectory(slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace

Node::Life::Life(NodeSetup setup)
    : config_(std::move(setup.config)),
      runtime_(*setup.runtime),
      network_(*setup.network),
      logger_(setup.logger.ForModule("node")),
      root_logger_(std::move(setup.logger)),
      on_ready_(std::move(setup.on_ready)),
      on_fatal_(std::move(setup.on_fatal)),
      on_closed_(std::move(setup.on_closed)),
      on_credentials_(std::move(setup.on_credentials)),
      generic_resources_(std::move(setup.generic_resources)),
      listeners_(std::move(setup.listeners)),
      loop_(runtime_.NewLoop("node", LoopKind::kBlocking)),
      loopback_(std::make_unique<rpc::Loopback>(runtime_, router_)) {
  // From the first call on: that it is not implemented is what other makes answer.
  router_.Declare("swarmd.v1.Managers");
  router_.OnRefusal(
      [log = std::make_shared<RefusalLog>(runtime_.clock(), root_logger_.ForModule("rpc"))](
          const CallContext& context, const Status& why) { log->Note(context, why); });
}

Node::Life::~Life() { loop_->Stop(); }

Status Node::Life::Prepare() {
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

Status Node::Life::Start() {
  if (started_.exchange(true)) return {Code::kFailedPrecondition, "node: already started"};
  Post([](Life& life) { life.Begin(); });
  return Status::Ok();
}

Status Node::Life::Stop(StopMode mode) {
  if (!started_) return {Code::kFailedPrecondition, "node: not started"};
  Post([mode](Life& life) { life.End(Status::Ok(), mode); });
  return Status::Ok();
}

void Node::Life::OnSession() noexcept {
  Post([](Life& life) {
    life.had_session_ = true;
    life.Ready();
  });
}

void Node::Life::Post(Function<void(Life&)> fn) {
  loop_->Post([self = weak_from_this(), fn = std::move(fn)]() mutable {
    if (auto life = self.lock()) fn(*life);
  });
}

void Node::Life::Begin() {
  info_.state_dir = config_.node.state_dir;
  info_.hostname = config_.node.hostname.empty() ? MachineName() : config_.node.hostname;
  info_.auto_lock = config_.node.auto_lock;
  info_.force_new_cluster = config_.node.force_new_cluster;
  info_.external_cas = config_.node.external_cas;
  if (Status made = MakeStateFolder(runtime_.files(), info_.state_dir); !made.ok()) {
    return End(made.WithContext("node.state_dir"), StopMode::kDetach);
  }
  host_->node().Start(info_, Then<Status>([](Life& life, const Status& status) {
                        if (!status.ok()) return life.End(status, StopMode::kDetach);
                        const Status known = life.Identify();
                        if (!known.ok()) life.End(known, StopMode::kDetach);
                      }));
}

void Node::Life::StartExecutors(std::size_t next) {
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

void Node::Life::StartAgent() {
  auto parameters = std::make_unique<AgentParameters>();
  parameters->node_id = identity_.node_id;
  parameters->hostname = config_.node.hostname;
  parameters->state_dir = config_.node.state_dir + "/worker";
  parameters->managers = managers_;
  parameters->events = std::shared_ptr<AgentEvents>(shared_from_this());
  parameters->tls_info = identity_.tls_info;
  parameters->executors = executors_;
  parameters->generic_resources = generic_resources_;
  StartInstance("agent", std::move(parameters), [](Life& life, Instance& instance) {
    life.agent_ = static_cast<Agent*>(instance.role());
    // It may have changed while the agent was made.
    life.agent_->SetTlsInfo(life.identity_.tls_info);
  });
}

void Node::Life::StartInstance(const std::string& name,
                               std::unique_ptr<InstanceParameters> parameters,
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

void Node::Life::Ready() {
  if (ready_ || ending_) return;
  ready_ = true;
  logger_.Info("node is ready");
  if (on_ready_) on_ready_();
}

void Node::Life::OnFatal(const Status& why) {
  if (ending_) return;
  if (on_fatal_) on_fatal_();
  End(why, StopMode::kDetach);
}

void Node::Life::End(Status why, StopMode mode) {
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
  renewal_.reset();
  role_timer_.reset();
  for (auto owned = instances_.rbegin(); owned != instances_.rend(); ++owned) {
    Add([&instance = *owned->instance](Function<void()> next) { instance.Stop(std::move(next)); });
  }
  Add([this](Function<void()> next) {
    agent_ = nullptr;
    while (!instances_.empty()) instances_.pop_back();
    next();
  });
  AddManagerSteps();
  Add([this](Function<void()> next) {
    listeners_->Stop();
    if (managers_) managers_->SetLocal(nullptr);
    loopback_.reset();
    host_->node().Stop(std::move(next));
  });
  NextStep();
}

void Node::Life::NextStep() {
  if (steps_done_ == steps_.size()) return Close();
  // Whoever calls back may be on another loop, and must not find its own end in the call.
  steps_[steps_done_++]([self = shared_from_this()]() mutable {
    auto* life = self.get();
    life->loop_->Post([self = std::move(self)] { self->NextStep(); });
  });
}

void Node::Life::Close() {
  logger_.Info("node is closed");
  if (on_closed_) on_closed_(why_);
}

}  // namespace swarm::node
