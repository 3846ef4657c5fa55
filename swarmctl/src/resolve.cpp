#include "resolve.h"

#include <algorithm>
#include <vector>

namespace swarm::ctl {
namespace {

// Fewer are more likely a mistake than an id.
constexpr std::size_t kLeastPrefix = 4;
constexpr std::size_t kIdSize = 25;

bool MayBePrefix(const std::string& text) {
  const auto of_an_id = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); };
  return text.size() >= kLeastPrefix && text.size() < kIdSize &&
         std::all_of(text.begin(), text.end(), of_an_id);
}

Status NotFound(const std::string& word, const std::string& text) {
  return {Code::kNotFound, word + " " + text + " not found"};
}

Status Ambiguous(const std::string& word, const std::string& text, std::size_t count) {
  return {Code::kNotFound,
          word + " " + text + " is ambiguous (" + std::to_string(count) + " matches found)"};
}

// Asking again would only fail again.
bool IsFinal(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded ||
         status.code() == Code::kPermissionDenied || status.code() == Code::kUnimplemented;
}

// How each kind of object is asked for.
struct NodeKind {
  using Object = pb::Node;
  using GetRequest = pb::GetNodeRequest;
  using GetResponse = pb::GetNodeResponse;
  using ListRequest = pb::ListNodesRequest;
  using ListResponse = pb::ListNodesResponse;
  static constexpr const char* kWord = "node";
  static constexpr const char* kGet = "GetNode";
  static constexpr const char* kList = "ListNodes";
  static void SetId(GetRequest& request, const std::string& id) { request.set_node_id(id); }
  static const Object& One(const GetResponse& response) { return response.node(); }
  static const auto& All(const ListResponse& response) { return response.nodes(); }
};

struct ServiceKind {
  using Object = pb::Service;
  using GetRequest = pb::GetServiceRequest;
  using GetResponse = pb::GetServiceResponse;
  using ListRequest = pb::ListServicesRequest;
  using ListResponse = pb::ListServicesResponse;
  static constexpr const char* kWord = "service";
  static constexpr const char* kGet = "GetService";
  static constexpr const char* kList = "ListServices";
  static void SetId(GetRequest& request, const std::string& id) { request.set_service_id(id); }
  static const Object& One(const GetResponse& response) { return response.service(); }
  static const auto& All(const ListResponse& response) { return response.services(); }
};

struct ClusterKind {
  using Object = pb::Cluster;
  using GetRequest = pb::GetClusterRequest;
  using GetResponse = pb::GetClusterResponse;
  using ListRequest = pb::ListClustersRequest;
  using ListResponse = pb::ListClustersResponse;
  static constexpr const char* kWord = "cluster";
  static constexpr const char* kGet = "GetCluster";
  static constexpr const char* kList = "ListClusters";
  static void SetId(GetRequest& request, const std::string& id) { request.set_cluster_id(id); }
  static const Object& One(const GetResponse& response) { return response.cluster(); }
  static const auto& All(const ListResponse& response) { return response.clusters(); }
};

struct NetworkKind {
  using Object = pb::Network;
  using GetRequest = pb::GetNetworkRequest;
  using GetResponse = pb::GetNetworkResponse;
  using ListRequest = pb::ListNetworksRequest;
  using ListResponse = pb::ListNetworksResponse;
  static constexpr const char* kWord = "network";
  static constexpr const char* kGet = "GetNetwork";
  static constexpr const char* kList = "ListNetworks";
  static void SetId(GetRequest& request, const std::string& id) { request.set_network_id(id); }
  static const Object& One(const GetResponse& response) { return response.network(); }
  static const auto& All(const ListResponse& response) { return response.networks(); }
};

struct TaskKind {
  using Object = pb::Task;
  using GetRequest = pb::GetTaskRequest;
  using GetResponse = pb::GetTaskResponse;
  using ListRequest = pb::ListTasksRequest;
  using ListResponse = pb::ListTasksResponse;
  static constexpr const char* kWord = "task";
  static constexpr const char* kGet = "GetTask";
  static constexpr const char* kList = "ListTasks";
  static void SetId(GetRequest& request, const std::string& id) { request.set_task_id(id); }
  static const Object& One(const GetResponse& response) { return response.task(); }
  static const auto& All(const ListResponse& response) { return response.tasks(); }
};

struct SecretKind {
  using Object = pb::Secret;
  using ListRequest = pb::ListSecretsRequest;
  using ListResponse = pb::ListSecretsResponse;
  static constexpr const char* kWord = "secret";
  static constexpr const char* kList = "ListSecrets";
  static const auto& All(const ListResponse& response) { return response.secrets(); }
};

struct ConfigKind {
  using Object = pb::Config;
  using ListRequest = pb::ListConfigsRequest;
  using ListResponse = pb::ListConfigsResponse;
  static constexpr const char* kWord = "config";
  static constexpr const char* kList = "ListConfigs";
  static const auto& All(const ListResponse& response) { return response.configs(); }
};

template <class Kind>
using Found = std::vector<typename Kind::Object>;

template <class Kind>
Result<Found<Kind>> List(Client& client, const typename Kind::ListRequest& request) {
  SWARM_ASSIGN_OR_RETURN(const auto response,
                         client.Call<typename Kind::ListResponse>(Kind::kList, request));
  return Found<Kind>(Kind::All(response).begin(), Kind::All(response).end());
}

template <class Kind>
Result<Found<Kind>> ByName(Client& client, const std::string& name) {
  typename Kind::ListRequest request;
  request.mutable_filters()->add_names(name);
  return List<Kind>(client, request);
}

template <class Kind>
Result<Found<Kind>> ByPrefix(Client& client, const std::string& prefix) {
  if (!MayBePrefix(prefix)) return Found<Kind>();
  typename Kind::ListRequest request;
  request.mutable_filters()->add_id_prefixes(prefix);
  return List<Kind>(client, request);
}

template <class Kind>
Result<typename Kind::Object> Only(Found<Kind> found, const std::string& text) {
  if (found.empty()) return NotFound(Kind::kWord, text);
  if (found.size() > 1) return Ambiguous(Kind::kWord, text, found.size());
  return std::move(found[0]);
}

template <class Kind>
Result<typename Kind::Object> Find(Client& client, const std::string& text) {
  typename Kind::GetRequest get;
  Kind::SetId(get, text);
  const auto got = client.Call<typename Kind::GetResponse>(Kind::kGet, get);
  if (got.ok()) return Kind::One(*got);
  if (IsFinal(got.status())) return got.status();
  SWARM_ASSIGN_OR_RETURN(auto found, ByName<Kind>(client, text));
  if (found.empty()) {
    SWARM_ASSIGN_OR_RETURN(found, ByPrefix<Kind>(client, text));
  }
  return Only<Kind>(std::move(found), text);
}

// "web.1", or "web.<node id>" of a global service.
Result<Found<TaskKind>> BySlot(Client& client, const std::string& text) {
  const auto dot = text.rfind('.');
  if (dot == std::string::npos) return Found<TaskKind>();
  SWARM_ASSIGN_OR_RETURN(const auto services, ByName<ServiceKind>(client, text.substr(0, dot)));
  if (services.empty()) return Found<TaskKind>();
  pb::ListTasksRequest request;
  request.mutable_filters()->add_service_ids(services[0].id());
  SWARM_ASSIGN_OR_RETURN(auto tasks, List<TaskKind>(client, request));
  const std::string slot = text.substr(dot + 1);
  std::erase_if(tasks, [&slot](const pb::Task& task) {
    return (std::to_string(task.slot()) != slot && task.node_id() != slot) ||
           task.desired_state() > pb::RUNNING;
  });
  return tasks;
}

template <class Kind>
Result<typename Kind::Object> FindInOneList(Client& client, const std::string& text,
                                            Purpose purpose) {
  typename Kind::ListRequest request;
  request.mutable_filters()->add_names(text);
  request.mutable_filters()->add_id_prefixes(text);
  SWARM_ASSIGN_OR_RETURN(auto found, List<Kind>(client, request));
  for (const auto& object : found) {
    if (object.id() == text) return object;
  }
  for (const auto& object : found) {
    if (object.spec().annotations().name() == text) return object;
  }
  if (purpose == Purpose::kRemove && !MayBePrefix(text)) {
    std::erase_if(found, [&text](const auto& object) { return object.id().starts_with(text); });
  }
  return Only<Kind>(std::move(found), text);
}

}  // namespace

Result<pb::Node> FindNode(Client& client, const std::string& text) {
  return Find<NodeKind>(client, text);
}

Result<pb::Service> FindService(Client& client, const std::string& text) {
  return Find<ServiceKind>(client, text);
}

Result<pb::Cluster> FindCluster(Client& client, const std::string& text) {
  return Find<ClusterKind>(client, text);
}

Result<pb::Network> FindNetwork(Client& client, const std::string& text) {
  return Find<NetworkKind>(client, text);
}

Result<pb::Task> FindTask(Client& client, const std::string& text) {
  auto task = Find<TaskKind>(client, text);
  if (task.ok() || IsFinal(task.status())) return task;
  SWARM_ASSIGN_OR_RETURN(auto found, BySlot(client, text));
  return found.empty() ? task : Only<TaskKind>(std::move(found), text);
}

Result<pb::Secret> FindSecret(Client& client, const std::string& text, Purpose purpose) {
  return FindInOneList<SecretKind>(client, text, purpose);
}

Result<pb::Config> FindConfig(Client& client, const std::string& text, Purpose purpose) {
  return FindInOneList<ConfigKind>(client, text, purpose);
}

}  // namespace swarm::ctl
