// Removing a node: it is shut out, its tasks are orphaned, its object goes.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "blacklist.h"
#include "node_methods.h"
#include "pki/certificate.h"

namespace swarm::controlapi {
namespace {

constexpr const char* kDefaultCluster = "default";
constexpr const char* kOrphaned = "Task belonged to a node that has been deleted";
constexpr auto kKeepExpired = std::chrono::hours(7 * 24);

Status CheckManager(const Backend& backend, const pb::Node& node,
                    const std::vector<Member>& members) {
  if (node.spec().desired_role() != pb::MANAGER) return Status::Ok();
  if (!backend.consensus()) {
    return Precondition("node " + node.id() +
                        " is a manager but cannot access node information from the raft "
                        "memberlist");
  }
  const bool member = std::any_of(members.begin(), members.end(),
                                  [&node](const Member& m) { return m.node_id == node.id(); });
  if (!member) return Status::Ok();
  return Precondition("node " + node.id() +
                      " is a cluster manager and is a member of the raft cluster. It must be "
                      "demoted to worker before removal");
}

Status Blacklist(const Backend& backend, const pb::Node& node, Transaction& tx) {
  SWARM_ASSIGN_OR_RETURN(const auto clusters, tx.Find<pb::Cluster>(By::Name(kDefaultCluster)));
  if (clusters.size() != 1) return {Code::kInternal, "could not fetch cluster object"};
  auto cluster = std::make_shared<pb::Cluster>(*clusters.front());
  pb::BlacklistedCertificate& entry = (*cluster->mutable_blacklisted_certificates())[node.id()];
  entry.Clear();
  if (const auto chain = pki::ParseCertificates(node.certificate().certificate()); chain.ok()) {
    const auto expiry = chain->front().not_after().time_since_epoch();
    entry.mutable_expiry()->set_seconds(std::chrono::floor<std::chrono::seconds>(expiry).count());
  }
  PurgeBlacklist(cluster.get(), backend.Now());
  return tx.Update(std::move(cluster));
}

Status OrphanTasks(const Backend& backend, const pb::Node& node, Transaction& tx) {
  SWARM_ASSIGN_OR_RETURN(const auto tasks, tx.FindTasks(By::Node(node.id())));
  pb::TaskStatus status;
  backend.SetNow(status.mutable_timestamp());
  status.set_state(pb::ORPHANED);
  status.set_message(kOrphaned);
  for (const TaskPtr& task : tasks) {
    if (task->status.state >= pb::COMPLETE) continue;
    auto orphan = std::make_shared<Task>(*task);
    orphan->status = StatusFromProto(status);
    if (orphan->extras && orphan->extras->has_port_status) {
      auto extras = std::make_shared<TaskExtras>(*orphan->extras);
      extras->has_port_status = false;
      extras->port_status.Clear();
      orphan->extras = std::move(extras);
    }
    SWARM_RETURN_IF_ERROR(tx.UpdateTask(std::move(orphan)));
  }
  return Status::Ok();
}

Status Remove(const Backend& backend, const pb::RemoveNodeRequest& request,
              const std::vector<Member>& members, Transaction& tx) {
  const auto node = tx.Get<pb::Node>(request.node_id());
  if (!node) return NotFound("node", request.node_id());
  SWARM_RETURN_IF_ERROR(CheckManager(backend, *node, members));
  if (!request.force() && node->status().state() == pb::NodeStatus::READY) {
    return Precondition("node " + node->id() + " is not down and can't be removed");
  }
  SWARM_RETURN_IF_ERROR(Blacklist(backend, *node, tx));
  SWARM_RETURN_IF_ERROR(OrphanTasks(backend, *node, tx));
  return tx.Remove<pb::Node>(node->id());
}

}  // namespace

void PurgeBlacklist(pb::Cluster* cluster, WallTime now) {
  auto* entries = cluster->mutable_blacklisted_certificates();
  for (auto it = entries->begin(); it != entries->end();) {
    const auto& expiry = it->second.expiry();
    const WallTime at(std::chrono::seconds(expiry.seconds()) +
                      std::chrono::nanoseconds(expiry.nanos()));
    if (it->second.has_expiry() && at + kKeepExpired < now) {
      it = entries->erase(it);
    } else {
      ++it;
    }
  }
}

void RemoveNode(Call call, std::shared_ptr<const pb::RemoveNodeRequest> request) {
  if (request->node_id().empty()) return call.reply(InvalidRequest());
  const auto backend = call.backend;
  auto members = backend->consensus() ? backend->consensus()->Members() : std::vector<Member>();
  Transact(
      std::move(call),
      [backend, request = std::move(request), members = std::move(members)](Transaction& tx) {
        return Remove(*backend, *request, members, tx);
      },
      [] { return Payload::Of(pb::RemoveNodeResponse()); });
}

}  // namespace swarm::controlapi
