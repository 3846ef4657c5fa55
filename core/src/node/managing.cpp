#include <algorithm>
#include <utility>

#include "node/addresses.h"
#include "node/life.h"
#include "swarm/consensus.h"
#include "swarm/files.h"
#include "swarm/proxy.h"

namespace swarm::node {
namespace {

using std::chrono_literals::operator""s;

// SwarmKit's: for the certificate of a worker, once the group does without this node.
constexpr Duration kRolePatience = 16s;
constexpr Duration kPromotionPause = 5s;
constexpr Duration kLongestPromotionPause = 60s;

}  // namespace

void Node::Life::StartManager(Function<void(Life&)> then) {
  TryManager(std::move(then), [](Life& life, const Status& why) {
    life.End(why.WithContext("manager stopped"), StopMode::kDetach);
  });
}

void Node::Life::TryManager(Function<void(Life&)> then,
                            Function<void(Life&, const Status&)> failed) {
  managing_ = Managing::kStarting;
  const auto fail = [&](const Status& why) {
    listeners_->Stop();
    managing_ = Managing::kNo;
    failed(*this, why);
  };
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
  host_->manager().Start(info_, Then<Status>([then = std::move(then), failed = std::move(failed)](
                                                 Life& life, const Status& status) mutable {
                           if (!status.ok()) {
                             life.listeners_->Stop();
                             life.managing_ = Managing::kNo;
                             return failed(life, status);
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
  if (auto* consensus = host_->manager().FindAs<Consensus>(kConsensusRole)) {
    consensus->WatchRemoval(Then<>([](Life& life) { life.OnRemoved(); }));
  }
}

void Node::Life::MatchRole() {
  const bool manages = identity_.role == pb::MANAGER;
  if (!manages) {
    role_timer_.reset();
    failed_promotions_ = 0;
    if (managing_ == Managing::kNo) put_out_ = PutOut::kNo;
  }
  if (managing_ == Managing::kNo && manages && role_timer_ == nullptr) {
    logger_.Info("this node becomes a manager");
    put_out_ = PutOut::kNo;
    return Promote();
  }
  if (managing_ == Managing::kYes && !manages) {
    logger_.Info("this node is no longer a manager");
    StopManager();
  }
}

// What it runs does not depend on it: a node that cannot manage yet goes on as it is.
void Node::Life::Promote() {
  // Alone it would begin a group of its own, with nothing in it.
  if (!managers_->Other(identity_.node_id)) {
    return PromoteLater(
        {Code::kUnavailable, "no other manager is known whose group it could join"});
  }
  TryManager([](Life& life) { life.failed_promotions_ = 0; },
             [](Life& life, const Status& why) { life.PromoteLater(why); });
}

void Node::Life::PromoteLater(const Status& why) {
  const Duration pause =
      std::min(kPromotionPause * (1 << std::min(failed_promotions_++, 4)), kLongestPromotionPause);
  logger_.Error(
      "this node cannot become a manager yet; it works on as a worker",
      {{"error", why.message()}, {"retry_in_s", std::to_string(pause / std::chrono::seconds(1))}});
  role_timer_ = loop_->After(pause, Then<>([](Life& life) {
                               life.role_timer_.reset();
                               life.MatchRole();
                             }));
}

// Most probably it is about to become a worker; then its certificate says so soon.
void Node::Life::OnRemoved() {
  if (managing_ != Managing::kYes) return;
  logger_.Warn("the managers have taken this node out of their group");
  removed_from_group_ = true;
  put_out_ = last_desired_ == pb::WORKER ? PutOut::kDemoted : PutOut::kYes;
  StopManager();
}

// Longer than that it is not waited for: the node asks what it is, and joins anew at last.
void Node::Life::AwaitRole(bool asked) {
  if (identity_.role != pb::MANAGER) return MatchRole();
  // The certificate that this asked for may have come while the manager was stopping.
  if (put_out_ == PutOut::kWantedAgain && renewal_) renewal_->Renew(pb::MANAGER);
  role_timer_ = loop_->After(
      kRolePatience, Then<>([asked](Life& life) {
        if (asked || !life.renewal_) {
          life.role_timer_.reset();
          return life.MatchRole();
        }
        life.logger_.Warn("no worker's certificate has come; asking what this node is");
        life.renewal_->Renew(std::nullopt);
        life.AwaitRole(true);
      }));
}

void Node::Life::StopManager() {
  managing_ = Managing::kStopping;
  // Only the first start makes the cluster, or makes it anew.
  info_.root_key_pem.clear();
  info_.force_new_cluster = false;
  RememberManagers();
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

// From now on it needs the others, also those that came a moment ago: the list that its agent was
// sent may be older, and only managers tell of managers.
void Node::Life::RememberManagers() {
  const auto* consensus = host_->manager().FindAs<Consensus>(kConsensusRole);
  if (consensus == nullptr) return;
  std::vector<Peer> others;
  for (const Member& member : consensus->Members()) {
    if (!member.self && !member.address.empty()) others.push_back({member.node_id, member.address});
  }
  if (!others.empty()) managers_->SetManagers(std::move(others));
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
        if (std::exchange(life.removed_from_group_, false)) return life.AwaitRole(false);
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
