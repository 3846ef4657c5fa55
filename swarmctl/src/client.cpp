#include "client.h"

namespace swarm::ctl {
namespace {

// The answer of one call, filled by whatever thread it comes on.
struct Answer {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<Result<Payload>> result;
};

template <class List>
auto Only(const List& found, const std::string& word, const std::string& text)
    -> Result<typename List::value_type> {
  if (found.empty()) return Status(Code::kNotFound, word + " " + text + " not found");
  if (found.size() > 1) {
    return Status(Code::kNotFound, word + " " + text + " is ambiguous (" +
                                       std::to_string(found.size()) + " matches found)");
  }
  return found[0];
}

}  // namespace

Result<Payload> Client::Wait(std::string method, Payload request) {
  const auto answer = std::make_shared<Answer>();
  const auto call =
      channel_->Call(method, {}, std::move(request), [answer](Result<Payload> result) {
        std::lock_guard lock(answer->mutex);
        answer->result = std::move(result);
        answer->ready.notify_all();
      });
  std::unique_lock lock(answer->mutex);
  answer->ready.wait(lock, [&answer] { return answer->result.has_value(); });
  return std::move(*answer->result);
}

std::string Client::NodeName(const std::string& id) {
  if (!resolve_names_ || id.empty()) return id;
  const auto [entry, fresh] = names_.try_emplace("node " + id, id);
  if (!fresh) return entry->second;
  pb::GetNodeRequest request;
  request.set_node_id(id);
  const auto response = Call<pb::GetNodeResponse>("GetNode", request);
  if (!response.ok()) return id;
  const pb::Node& node = response->node();
  if (!node.spec().annotations().name().empty()) {
    entry->second = node.spec().annotations().name();
  } else if (node.has_description()) {
    entry->second = node.description().hostname();
  }
  return entry->second;
}

std::string Client::ServiceName(const std::string& id) {
  if (!resolve_names_ || id.empty()) return id;
  const auto [entry, fresh] = names_.try_emplace("service " + id, id);
  if (!fresh) return entry->second;
  pb::GetServiceRequest request;
  request.set_service_id(id);
  const auto response = Call<pb::GetServiceResponse>("GetService", request);
  if (response.ok()) entry->second = response->service().spec().annotations().name();
  return entry->second;
}

Result<pb::Node> FindNode(Client& client, const std::string& text) {
  pb::GetNodeRequest get;
  get.set_node_id(text);
  if (auto got = client.Call<pb::GetNodeResponse>("GetNode", get); got.ok()) return got->node();
  pb::ListNodesRequest list;
  list.mutable_filters()->add_names(text);
  SWARM_ASSIGN_OR_RETURN(const auto found, client.Call<pb::ListNodesResponse>("ListNodes", list));
  return Only(found.nodes(), "node", text);
}

Result<pb::Service> FindService(Client& client, const std::string& text) {
  pb::GetServiceRequest get;
  get.set_service_id(text);
  if (auto got = client.Call<pb::GetServiceResponse>("GetService", get); got.ok()) {
    return got->service();
  }
  pb::ListServicesRequest list;
  list.mutable_filters()->add_names(text);
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         client.Call<pb::ListServicesResponse>("ListServices", list));
  return Only(found.services(), "service", text);
}

Result<pb::Cluster> FindCluster(Client& client, const std::string& text) {
  pb::GetClusterRequest get;
  get.set_cluster_id(text);
  if (auto got = client.Call<pb::GetClusterResponse>("GetCluster", get); got.ok()) {
    return got->cluster();
  }
  pb::ListClustersRequest list;
  list.mutable_filters()->add_names(text);
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         client.Call<pb::ListClustersResponse>("ListClusters", list));
  return Only(found.clusters(), "cluster", text);
}

Result<pb::Network> FindNetwork(Client& client, const std::string& text) {
  pb::GetNetworkRequest get;
  get.set_network_id(text);
  if (auto got = client.Call<pb::GetNetworkResponse>("GetNetwork", get); got.ok()) {
    return got->network();
  }
  pb::ListNetworksRequest list;
  list.mutable_filters()->add_names(text);
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         client.Call<pb::ListNetworksResponse>("ListNetworks", list));
  return Only(found.networks(), "network", text);
}

Result<pb::Task> FindTask(Client& client, const std::string& id) {
  pb::GetTaskRequest get;
  get.set_task_id(id);
  SWARM_ASSIGN_OR_RETURN(const auto got, client.Call<pb::GetTaskResponse>("GetTask", get));
  return got.task();
}

Result<std::vector<pb::Task>> ListTasks(Client& client,
                                        const pb::ListTasksRequest::Filters& filters) {
  pb::ListTasksRequest request;
  *request.mutable_filters() = filters;
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         client.Call<pb::ListTasksResponse>("ListTasks", request));
  return std::vector<pb::Task>(found.tasks().begin(), found.tasks().end());
}

}  // namespace swarm::ctl
