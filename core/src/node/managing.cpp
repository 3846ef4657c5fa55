#include <utility>

#include "node/addresses.h"
#include "node/life.h"
#include "swarm/files.h"
#include "swarm/proxy.h"

namespace swarm::node {

void Node::Life::StartManager(Function<void(Life&)> then) {
  managing_ = Managing::kStarting;
  const auto fail = [this](const Status& why) { End(why, StopMode::kDetach); };
  const auto request = Request();
  if (!request.ok()) return fail(request.status());
  auto keys = identities_->LoadLogKeys(*request);
  if (!keys.ok()) return fail(keys.status());
  info_.log_key = std::move(keys->current);
  info_.log_key_pending = std::move(keys->pending);
  const Status listening = listeners_->Start(config_.listen, identity_.credentials, router_);
  if (!listening.ok()) return fail(listening);
  info_.advertise_address = config_.listen.advertise.empty()
                                ? Dialable(listeners_->remote_address(), OwnAddresses())
                                : config_.listen.advertise;
  const auto other = managers_->Other(identity_.node_id);
  info_.join_address = other ? other->address : "";
  info_.force_join = !config_.join.address.empty();
  host_->manager().Start(
      info_, Then<Status>([then = std::move(then)](Life& life, const Status& status) mutable {
        if (!status.ok()) {
          return life.End(status.WithContext("manager stopped"), StopMode::kDetach);
        }
        life.Manage();
        then(life);
        life.MatchRole();
      }));
}

void Node::Life::Manage() {
  managing_ = Managing::kYes;
  router_.SetProxy(host_->manager().FindAs<Proxy>(kProxyRole));
  leader_ = std::make_unique<LeaderScope>(
      host_->leader(), logger_, info_, Each<Status>([](Life& life, const Status& status) {
        life.End(status.WithContext("manager stopped"), StopMode::kDetach);
      }));
  if (auto* store = host_->manager().FindAs<Store>(kStoreRole)) {
    removed_ = std::make_unique<RemovedNodes>(*store, *loop_, router_, *listeners_, logger_);
    leadership_ =
        store->WatchLeadership(*loop_, [self = weak_from_this()](std::optional<LeaderEpoch> epoch) {
          auto life = self.lock();
          if (life && !life->ending_ && life->leader_) life->leader_->OnLeadership(epoch);
        });
  }
  managers_->SetLocal(loopback_->NewChannel({Listener::kLocal, std::nullopt, "@"}));
}

void Node::Life::MatchRole() {
  if (managing_ == Managing::kNo && identity_.role == pb::MANAGER) {
    logger_.Info("this node becomes a manager");
    return StartManager([](Life&) {});
  }
  if (managing_ == Managing::kYes && identity_.role != pb::MANAGER) {
    logger_.Info("this node is no longer a manager");
    StopManager();
  }
}

void Node::Life::StopManager() {
  managing_ = Managing::kStopping;
  // Only the first start makes the cluster.
  info_.root_key_pem.clear();
  managers_->SetLocal(nullptr);
  leadership_.reset();
  removed_.reset();
  leader_->Stop(Then<>([](Life& life) {
    life.router_.SetProxy(nullptr);
    life.host_->manager().Stop(life.Then<>([](Life& l) {
      l.leader_.reset();
      l.listeners_->Stop();
      l.ForgetLog();
    }));
  }));
}

// The log is of a group that this node has left. At a promotion it joins with an empty one.
void Node::Life::ForgetLog() {
  const Status removed = runtime_.files().RemoveAll(config_.node.state_dir + "/raft");
  if (!removed.ok()) logger_.Warn("the log was not removed", {{"error", removed.message()}});
  identities_->SaveLogKeys(
      config_.node.state_dir, {}, Then<Status>([](Life& life, const Status& saved) {
        if (!saved.ok()) {
          life.logger_.Warn("the key of the log was not removed", {{"error", saved.message()}});
        }
        life.managing_ = Managing::kNo;
        life.MatchRole();
      }));
}

void Node::Life::AddManagerSteps() {
  Add([this](Function<void()> next) {
    leadership_.reset();
    removed_.reset();
    leader_ ? leader_->Stop(std::move(next)) : next();
  });
  Add([this](Function<void()> next) {
    router_.SetProxy(nullptr);
    host_->manager().Stop(std::move(next));
  });
}

}  // namespace swarm::node
