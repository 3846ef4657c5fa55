#include "role_manager.h"

#include <algorithm>
#include <utility>

namespace swarm::rolemanager {
namespace {

// SwarmKit's.
constexpr std::chrono::seconds kRetry{5};

}  // namespace

RoleManager::RoleManager(component::Env& env, Consensus& consensus)
    : env_(env), consensus_(consensus), alive_(std::make_shared<RoleManager*>(this)) {}

RoleManager::~RoleManager() = default;

void RoleManager::Begin(const ViewPtr& view) {
  // Who was removed or changed while nobody led is found here.
  for (const Member& member : consensus_.Members()) {
    // Whose it is may not be known yet.
    if (!member.node_id.empty()) pending_.insert(member.node_id);
  }
  const auto nodes = view->Find<pb::Node>(By::All());
  if (nodes.ok()) {
    for (const auto& node : *nodes) pending_.insert(node->id());
  }
  ReconcileAll();
}

void RoleManager::OnCommit(const Commit& commit) {
  for (const Event& event : commit.events) {
    if (event.table != Table::kNode) continue;
    const auto& node = static_cast<const pb::Node&>(*event.object);
    pending_.insert(node.id());
    Reconcile(node.id());
  }
}

void RoleManager::ReconcileAll() {
  const std::set<std::string> all = pending_;
  for (const std::string& node_id : all) Reconcile(node_id);
}

std::optional<Member> RoleManager::MemberOf(const std::string& node_id) const {
  for (Member& member : consensus_.Members()) {
    if (member.node_id == node_id) return std::move(member);
  }
  return std::nullopt;
}

void RoleManager::Reconcile(const std::string& node_id) {
  if (busy_.contains(node_id)) return;
  const auto node = env_.Read()->Get<pb::Node>(node_id);
  const bool wanted = node && node->spec().desired_role() == pb::MANAGER;
  if (wanted && node->role() != pb::MANAGER) return SetRole(node_id, pb::MANAGER);
  if (!wanted) {
    const auto member = MemberOf(node_id);
    // Who leads is not put out for want of an object.
    const bool leaves = member && (node || !member->self);
    if (leaves) return TakeOut(node_id, *member);
    if (node && node->role() != pb::WORKER) return SetRole(node_id, pb::WORKER);
  }
  pending_.erase(node_id);
}

void RoleManager::TakeOut(const std::string& node_id, const Member& member) {
  Later();
  if (!consensus_.CanRemoveMember(member.raft_id)) {
    return env_.logger().Warn(
        "a manager is not taken out of the group, which would lose its quorum",
        {{"node.id", node_id}});
  }
  if (member.self) {
    // Who leads next takes this one out.
    const Status moving = consensus_.TransferLeadership();
    if (moving.ok()) return env_.logger().Info("this manager is to leave: another one should lead");
    return env_.logger().Warn("leadership cannot be given away", {{"error", moving.message()}});
  }
  env_.logger().Info("taking a manager out of the group", {{"node.id", node_id}});
  busy_.insert(node_id);
  consensus_.RemoveMember(member.raft_id, [weak = std::weak_ptr(alive_),
                                           env = env_.weak_from_this(), node_id](Status outcome) {
    const auto held = env.lock();
    if (!held) return;
    held->loop().Post([weak, node_id, outcome = std::move(outcome)] {
      if (const auto self = weak.lock()) (*self)->Finished(node_id, outcome);
    });
  });
}

void RoleManager::SetRole(const std::string& node_id, pb::NodeRole role) {
  busy_.insert(node_id);
  env_.logger().Info("a node changes its role",
                     {{"node.id", node_id}, {"role", role == pb::MANAGER ? "manager" : "worker"}});
  env_.Update(
      [node_id, role](Transaction& tx) -> Status {
        const auto node = tx.Get<pb::Node>(node_id);
        // Somebody has changed his mind meanwhile.
        if (!node || node->spec().desired_role() != role || node->role() == role) return {};
        auto changed = std::make_shared<pb::Node>(*node);
        changed->set_role(role);
        return tx.Update(std::move(changed));
      },
      [this, node_id](const Status& outcome) { Finished(node_id, outcome); });
}

void RoleManager::Finished(const std::string& node_id, const Status& outcome) {
  busy_.erase(node_id);
  if (outcome.ok()) return Reconcile(node_id);
  env_.logger().Warn("a node's role has not been changed yet",
                     {{"node.id", node_id}, {"error", outcome.message()}});
  Later();
}

void RoleManager::Later() {
  if (retry_) return;
  retry_ = env_.loop().After(kRetry, [this] {
    const auto fired = std::move(retry_);
    ReconcileAll();
  });
}

}  // namespace swarm::rolemanager
