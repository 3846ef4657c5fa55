#include "node/leader_scope.h"

namespace swarm::node {

struct LeaderScope::State : std::enable_shared_from_this<State> {
  State(host::ScopeRunner& r, Logger l, NodeInfo n, Function<void(Status)> f)
      : runner(r), logger(std::move(l)), node(std::move(n)), failed(std::move(f)) {}

  host::ScopeRunner& runner;
  const Logger logger;
  const NodeInfo node;
  Function<void(Status)> failed;
  std::optional<LeaderEpoch> wanted;
  std::optional<LeaderEpoch> begun;  // the epoch the scope was last started for, until it stopped
  bool stopping = false;
  bool closed = false;

  void Reconcile() {
    if (stopping || wanted == begun) return;
    if (begun) return StopScope([] {});
    begun = wanted;
    logger.Info("leading: starting the components", {{"epoch", std::to_string(begun->value())}});
    runner.Start(node, [self = weak_from_this(), epoch = *begun](const Status& status) {
      if (auto state = self.lock()) state->Started(epoch, status);
    });
  }

  void Started(LeaderEpoch epoch, const Status& status) {
    if (status.ok() || closed || wanted != epoch) return;
    failed(status);
  }

  void StopScope(Function<void()> done) {
    stopping = true;
    logger.Info("no longer leading: stopping the components");
    runner.Stop([self = shared_from_this(), done = std::move(done)]() mutable {
      self->stopping = false;
      self->begun.reset();
      done();
      self->Reconcile();
    });
  }
};

LeaderScope::LeaderScope(host::ScopeRunner& runner, Logger logger, NodeInfo node,
                         Function<void(Status)> failed)
    : state_(
          std::make_shared<State>(runner, std::move(logger), std::move(node), std::move(failed))) {}

LeaderScope::~LeaderScope() { state_->closed = true; }

void LeaderScope::OnLeadership(std::optional<LeaderEpoch> epoch) {
  if (state_->closed) return;
  state_->wanted = epoch;
  state_->Reconcile();
}

void LeaderScope::Stop(Function<void()> done) {
  state_->closed = true;
  state_->wanted.reset();
  if (!state_->begun) return done();
  // The runner takes a second Stop while one is under way, and answers both.
  state_->StopScope(std::move(done));
}

}  // namespace swarm::node
