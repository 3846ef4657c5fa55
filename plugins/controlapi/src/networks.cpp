// Networks: made, shown and removed; the allocator gives them their addresses.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "answer.h"
#include "filters.h"
#include "network_spec.h"
#include "registrar.h"
#include "service_checks.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {
namespace {

using NetworkPtr = std::shared_ptr<const pb::Network>;

// At most one network is the ingress network. The first found.
Result<NetworkPtr> FindIngress(const Reader& reader) {
  NetworkPtr found;
  SWARM_RETURN_IF_ERROR(
      reader.FindMessages(Table::kNetwork, By::All(), [&found](const MessagePtr& message) {
        auto network = std::static_pointer_cast<const pb::Network>(message);
        if (IsIngress(*network)) found = std::move(network);
        return found == nullptr;
      }));
  return found;
}

Status Create(NetworkPtr& created, const pb::NetworkSpec& spec, const std::string& id,
              Transaction& tx) {
  if (spec.ingress()) {
    SWARM_ASSIGN_OR_RETURN(const NetworkPtr present, FindIngress(tx));
    if (present) {
      return {Code::kAlreadyExists, "ingress network (" + present->id() + ") is already present"};
    }
  }
  auto network = std::make_shared<pb::Network>();
  network->set_id(id);
  *network->mutable_spec() = spec;
  SWARM_RETURN_IF_ERROR(tx.Create(network));
  created = std::move(network);
  return Status::Ok();
}

void CreateNetwork(Call call, std::shared_ptr<const pb::CreateNetworkRequest> request) {
  if (!request->has_spec()) return call.reply(InvalidRequest());
  if (const Status bad = CheckNetworkSpec(request->spec()); !bad.ok()) return call.reply(bad);
  auto created = std::make_shared<NetworkPtr>();
  std::string id = call.backend->NewObjectId();
  Transact(
      std::move(call),
      [created, request, id = std::move(id)](Transaction& tx) {
        return Create(*created, request->spec(), id, tx);
      },
      [created] {
        return AnswerWith<pb::CreateNetworkResponse, pb::Network>(
            *created, &pb::CreateNetworkResponse::unsafe_arena_set_allocated_network,
            &pb::CreateNetworkResponse::unsafe_arena_release_network);
      });
}

Result<Payload> GetNetwork(const Backend& backend, const pb::GetNetworkRequest& request) {
  if (request.network_id().empty()) return InvalidRequest();
  auto network = backend.store().Read()->Get<pb::Network>(request.network_id());
  if (!network) return NotFound("network", request.network_id());
  return AnswerWith<pb::GetNetworkResponse, pb::Network>(
      std::move(network), &pb::GetNetworkResponse::unsafe_arena_set_allocated_network,
      &pb::GetNetworkResponse::unsafe_arena_release_network);
}

Result<Payload> ListNetworks(const Backend& backend, const pb::ListNetworksRequest& request) {
  const auto& f = request.filters();
  const By by = Query()
                    .Or(f.names(), By::Name)
                    .Or(f.name_prefixes(), By::NamePrefix)
                    .Or(f.id_prefixes(), By::IdPrefix)
                    .Done();
  const auto fits = [&f](const pb::Network& network) {
    const auto& annotations = network.spec().annotations();
    return FitsAny(f.names(), annotations.name()) &&
           FitsPrefix(f.name_prefixes(), annotations.name()) &&
           FitsPrefix(f.id_prefixes(), network.id()) &&
           FitsLabels(f.labels(), annotations.labels());
  };
  SWARM_ASSIGN_OR_RETURN(auto found, Select<pb::Network>(*backend.store().Read(), by, fits));
  return AnswerWithAll<pb::ListNetworksResponse, pb::Network>(
      std::move(found), &pb::ListNetworksResponse::mutable_networks);
}

Status CheckIngressUnused(const Reader& reader) {
  std::string user;
  SWARM_RETURN_IF_ERROR(
      reader.FindMessages(Table::kService, By::All(), [&user](const MessagePtr& message) {
        const auto& service = static_cast<const pb::Service&>(*message);
        const auto& ports = service.spec().endpoint().ports();
        const bool uses = std::any_of(ports.begin(), ports.end(), [](const pb::PortConfig& p) {
          return p.publish_mode() == pb::PortConfig::INGRESS;
        });
        if (uses) user = service.id();
        return user.empty();
      }));
  if (user.empty()) return Status::Ok();
  return Precondition("ingress network cannot be removed because service " + user +
                      " depends on it");
}

Status InUse(const std::string& id, const std::string& by) {
  return Precondition("network " + id + " is in use by " + by);
}

Status CheckUnused(const std::string& id, const Reader& reader) {
  std::string user;
  SWARM_RETURN_IF_ERROR(reader.FindMessages(Table::kService, By::ReferencedNetwork(id),
                                            [&user](const MessagePtr& message) {
                                              user = static_cast<const pb::Service&>(*message).id();
                                              return false;
                                            }));
  if (!user.empty()) return InUse(id, "service " + user);
  SWARM_RETURN_IF_ERROR(reader.FindTasks(By::ReferencedNetwork(id), [&user](const TaskPtr& task) {
    if (task->desired_state <= pb::RUNNING && task->status.state <= pb::RUNNING) user = task->id;
    return user.empty();
  }));
  return user.empty() ? Status::Ok() : InUse(id, "task " + user);
}

Status Remove(const std::string& id, Transaction& tx) {
  const auto network = tx.Get<pb::Network>(id);
  if (!network) return NotFound("network", id);
  const auto& annotations = network->spec().annotations();
  const auto label = annotations.labels().find(kPredefinedLabel);
  if (label != annotations.labels().end() && label->second == "true") {
    return Precondition("network " + id + " (" + annotations.name() +
                        ") is a swarm predefined network and cannot be removed");
  }
  SWARM_RETURN_IF_ERROR(IsIngress(*network) ? CheckIngressUnused(tx) : CheckUnused(id, tx));
  return tx.Remove<pb::Network>(id);
}

void RemoveNetwork(Call call, std::shared_ptr<const pb::RemoveNetworkRequest> request) {
  if (request->network_id().empty()) return call.reply(InvalidRequest());
  Transact(
      std::move(call), [request](Transaction& tx) { return Remove(request->network_id(), tx); },
      [] { return Payload::Of(pb::RemoveNetworkResponse()); });
}

}  // namespace

void RegisterNetworks(Registrar& registrar) {
  registrar.Write<pb::CreateNetworkRequest>("CreateNetwork", CreateNetwork);
  registrar.Read<pb::GetNetworkRequest>("GetNetwork", GetNetwork);
  registrar.Read<pb::ListNetworksRequest>("ListNetworks", ListNetworks);
  registrar.Write<pb::RemoveNetworkRequest>("RemoveNetwork", RemoveNetwork);
}

}  // namespace swarm::controlapi
