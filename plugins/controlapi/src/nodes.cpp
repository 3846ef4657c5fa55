// Reading and changing nodes.
#include <memory>
#include <utility>
#include <vector>

#include "answer.h"
#include "filters.h"
#include "node_methods.h"
#include "registrar.h"

namespace swarm::controlapi {
namespace {

using Members = std::vector<Member>;

Members MembersOf(const Backend& backend) {
  return backend.consensus() ? backend.consensus()->Members() : Members();
}

void SetManagerStatus(const Member& member, pb::ManagerStatus* out) {
  out->set_raft_id(member.raft_id.value());
  out->set_addr(member.address);
  out->set_leader(member.leader);
  out->set_reachability(member.self || member.reachable ? pb::RaftMemberStatus::REACHABLE
                                                        : pb::RaftMemberStatus::UNREACHABLE);
}

// The node, with what consensus knows of it when it is a member.
std::shared_ptr<const pb::Node> WithManagerStatus(std::shared_ptr<const pb::Node> node,
                                                  const Members& members) {
  for (const Member& member : members) {
    if (member.node_id != node->id()) continue;
    auto copy = std::make_shared<pb::Node>(*node);
    SetManagerStatus(member, copy->mutable_manager_status());
    return copy;
  }
  return node;
}

Result<Payload> GetNode(const Backend& backend, const pb::GetNodeRequest& request) {
  if (request.node_id().empty()) return InvalidRequest();
  auto node = backend.store().Read()->Get<pb::Node>(request.node_id());
  if (!node) return NotFound("node", request.node_id());
  return AnswerWith<pb::GetNodeResponse, pb::Node>(
      WithManagerStatus(std::move(node), MembersOf(backend)),
      &pb::GetNodeResponse::unsafe_arena_set_allocated_node,
      &pb::GetNodeResponse::unsafe_arena_release_node);
}

bool Fits(const pb::ListNodesRequest::Filters& f, const pb::Node& node) {
  const bool by_name = !f.names().empty() || !f.name_prefixes().empty();
  if (by_name && !node.has_description()) return false;
  const auto& description = node.description();
  if (!f.labels().empty() && !description.has_engine()) return false;
  return FitsAny(f.names(), description.hostname()) &&
         FitsPrefix(f.name_prefixes(), description.hostname()) &&
         FitsPrefix(f.id_prefixes(), node.id()) &&
         FitsLabels(f.labels(), description.engine().labels()) &&
         FitsLabels(f.node_labels(), node.spec().annotations().labels()) &&
         FitsEnum(f.roles(), node.role()) && FitsEnum(f.memberships(), node.spec().membership());
}

Result<Payload> ListNodes(const Backend& backend, const pb::ListNodesRequest& request) {
  const auto& f = request.filters();
  const By by = Query()
                    .Or(f.names(), By::Name)
                    .Or(f.name_prefixes(), By::NamePrefix)
                    .Or(f.id_prefixes(), By::IdPrefix)
                    .OrEnum<pb::NodeRole>(f.roles(), By::Role)
                    .OrEnum<pb::NodeSpec::Membership>(f.memberships(), By::Membership)
                    .Done();
  SWARM_ASSIGN_OR_RETURN(auto found,
                         Select<pb::Node>(*backend.store().Read(), by,
                                          [&f](const pb::Node& node) { return Fits(f, node); }));
  const Members members = MembersOf(backend);
  for (auto& node : found) node = WithManagerStatus(std::move(node), members);
  return AnswerWithAll<pb::ListNodesResponse, pb::Node>(std::move(found),
                                                        &pb::ListNodesResponse::mutable_nodes);
}

Status LossOfQuorum() {
  return Precondition("can't remove member from the raft: this would result in a loss of quorum");
}

// Whether the others could go on without `id`.
Status CheckQuorumWithout(const std::string& id, const Members& members) {
  bool is_member = false;
  std::size_t reachable = 0;
  for (const Member& member : members) {
    if (member.node_id == id) {
      is_member = true;
    } else if (member.self || member.reachable) {
      ++reachable;
    }
  }
  if (!is_member) {
    return {Code::kNotFound,
            "can't find manager in raft memberlist\nhint: node " + id +
                " was promoted and has not joined the managers; its log says why. It joins once "
                "that is mended, or can be removed with --force and join anew as a worker"};
  }
  return reachable < (members.size() - 1) / 2 + 1 ? LossOfQuorum() : Status::Ok();
}

Status CheckDemotion(const pb::Node& node, const Members& members, const Reader& reader) {
  std::size_t managers = 0;
  bool among = false;
  SWARM_RETURN_IF_ERROR(
      reader.FindMessages(Table::kNode, By::Role(pb::MANAGER), [&](const MessagePtr& message) {
        ++managers;
        among = among || static_cast<const pb::Node&>(*message).id() == node.id();
        return true;
      }));
  if (managers == 1 && among) {
    return Precondition("attempting to demote the last manager of the swarm");
  }
  return CheckQuorumWithout(node.id(), members);
}

// A node that could never join the managers would be a manager of nothing.
Status CheckPromotion(const Backend& backend) {
  if (!backend.consensus() || backend.consensus()->CanGrow()) return Status::Ok();
  return Precondition(
      "this cluster's consensus has one manager only, and takes no further ones\nhint: restart the "
      "manager with plugins.consensus: {use: raft} and plugins.proxy: {use: proxy-raft}, which "
      "keeps everything there is; then promote the node");
}

Status CheckRole(const pb::Node& stored, const pb::NodeSpec& spec, const Backend& backend,
                 const Members& members, const Reader& reader) {
  if (stored.spec().desired_role() == spec.desired_role()) return Status::Ok();
  return spec.desired_role() == pb::MANAGER ? CheckPromotion(backend)
                                            : CheckDemotion(stored, members, reader);
}

Result<std::shared_ptr<pb::Node>> Change(const pb::UpdateNodeRequest& request,
                                         const Backend& backend, const Members& members,
                                         Transaction& tx) {
  const auto stored = tx.Get<pb::Node>(request.node_id());
  if (!stored) return NotFound("node", request.node_id());
  SWARM_RETURN_IF_ERROR(CheckRole(*stored, request.spec(), backend, members, tx));
  auto node = std::make_shared<pb::Node>(*stored);
  *node->mutable_spec() = request.spec();
  *node->mutable_meta()->mutable_version() = request.node_version();
  SWARM_RETURN_IF_ERROR(tx.Update(node));
  return node;
}

void UpdateNode(Call call, std::shared_ptr<const pb::UpdateNodeRequest> request) {
  if (request->node_id().empty() || !request->has_node_version() || !request->has_spec()) {
    return call.reply(InvalidRequest());
  }
  auto outcome = std::make_shared<std::shared_ptr<const pb::Node>>();
  const auto backend = call.backend;
  Members members = MembersOf(*backend);
  Transact(
      std::move(call),
      [request, backend, members = std::move(members), outcome](Transaction& tx) {
        auto changed = Change(*request, *backend, members, tx);
        if (changed.ok()) *outcome = std::move(*changed);
        return changed.status();
      },
      [outcome] {
        return AnswerWith<pb::UpdateNodeResponse, pb::Node>(
            *outcome, &pb::UpdateNodeResponse::unsafe_arena_set_allocated_node,
            &pb::UpdateNodeResponse::unsafe_arena_release_node);
      });
}

}  // namespace

void RegisterNodes(Registrar& registrar) {
  registrar.Read<pb::GetNodeRequest>("GetNode", GetNode);
  registrar.Read<pb::ListNodesRequest>("ListNodes", ListNodes);
  registrar.Write<pb::UpdateNodeRequest>("UpdateNode", UpdateNode);
  registrar.Write<pb::RemoveNodeRequest>("RemoveNode", RemoveNode);
}

}  // namespace swarm::controlapi
