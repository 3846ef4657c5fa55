#include "workloads.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "load_generator.h"

namespace swarm::bench {
namespace {

using SteadyNow = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::minutes(10);

double Seconds(SteadyNow::duration d) { return std::chrono::duration<double>(d).count(); }

pb::CreateServiceRequest ServiceRequest(const WorkloadOptions& options, const std::string& name,
                                        std::uint64_t replicas) {
  pb::CreateServiceRequest request;
  auto* spec = request.mutable_spec();
  spec->mutable_annotations()->set_name(name);
  auto* container = spec->mutable_task()->mutable_container();
  container->set_image(options.image);
  for (const auto& arg : options.args) container->add_args(arg);
  for (const auto& constraint : options.constraints) {
    spec->mutable_task()->mutable_placement()->add_constraints(constraint);
  }
  spec->mutable_replicated()->set_replicas(replicas);
  return request;
}

// Connections that have made a call: the first one's cost is not that of the others.
Status ConnectClients(LoadGenerator& clients, const TargetSpec& target, int count) {
  SWARM_RETURN_IF_ERROR(clients.Connect(target, count));
  return clients.Run(
      "/docker.swarmkit.v1.Control/ListClusters", count,
      [](int) { return pb::ListClustersRequest().SerializeAsString(); },
      [](int, const std::string&) { return Status::Ok(); });
}

Status RemoveAll(const TargetSpec& target, const std::vector<std::string>& ids) {
  LoadGenerator clients;
  SWARM_RETURN_IF_ERROR(ConnectClients(clients, target, 16));
  return clients.Run(
      "/docker.swarmkit.v1.Control/RemoveService", static_cast<int>(ids.size()),
      [&](int i) {
        pb::RemoveServiceRequest request;
        request.set_service_id(ids[static_cast<std::size_t>(i)]);
        return request.SerializeAsString();
      },
      [](int, const std::string&) { return Status::Ok(); });
}

Result<std::shared_ptr<const pb::ListTasksResponse>> TasksOf(Client& client,
                                                             const std::string& service) {
  pb::ListTasksRequest request;
  request.mutable_filters()->add_service_ids(service);
  return client.Call<pb::ListTasksResponse>("/docker.swarmkit.v1.Control/ListTasks", request);
}

// Waits until `count` tasks of the service are at `state` (or until none is left, for count 0).
Status AwaitTasks(Client& client, const std::string& service, int count, pb::TaskState state,
                  std::chrono::milliseconds poll) {
  const auto limit = SteadyNow::now() + kPatience;
  while (SteadyNow::now() < limit) {
    SWARM_ASSIGN_OR_RETURN(const auto list, TasksOf(client, service));
    if (count == 0 && list->tasks().empty()) return Status::Ok();
    const auto reached =
        std::count_if(list->tasks().begin(), list->tasks().end(), [&](const auto& t) {
          return t.status().state() >= state && t.status().state() <= pb::RUNNING;
        });
    if (count > 0 && reached >= count) return Status::Ok();
    std::this_thread::sleep_for(poll);
  }
  return {Code::kDeadlineExceeded,
          "tasks of service " + service + " did not get there in 10 minutes"};
}

// A service of `count` tasks at the state; its id.
Result<std::string> MakeTasks(Client& client, const WorkloadOptions& options) {
  const auto request = ServiceRequest(options, "bench-" + options.round_name,
                                      static_cast<std::uint64_t>(options.count));
  SWARM_ASSIGN_OR_RETURN(
      const auto reply,
      client.Call<pb::CreateServiceResponse>("/docker.swarmkit.v1.Control/CreateService", request));
  SWARM_RETURN_IF_ERROR(
      AwaitTasks(client, reply->service().id(), options.count, options.state, options.poll));
  return reply->service().id();
}

Status RemoveTasks(const TargetSpec& target, Client& client, const std::string& id) {
  SWARM_RETURN_IF_ERROR(RemoveAll(target, {id}));
  return AwaitTasks(client, id, 0, pb::NEW, std::chrono::milliseconds(20));
}

}  // namespace

Result<double> CreateRate(Network&, const TargetSpec& target, const WorkloadOptions& options) {
  std::vector<std::string> ids(static_cast<std::size_t>(options.count));
  LoadGenerator clients;
  SWARM_RETURN_IF_ERROR(ConnectClients(clients, target, options.clients));
  const auto begin = SteadyNow::now();
  SWARM_RETURN_IF_ERROR(clients.Run(
      "/docker.swarmkit.v1.Control/CreateService", options.count,
      [&](int i) {
        return ServiceRequest(options, "bench-" + options.round_name + "-" + std::to_string(i),
                              options.replicas)
            .SerializeAsString();
      },
      [&](int i, const std::string& reply) -> Status {
        pb::CreateServiceResponse created;
        if (!created.ParseFromString(reply)) return {Code::kInternal, "the reply is malformed"};
        ids[static_cast<std::size_t>(i)] = created.service().id();
        return Status::Ok();
      }));
  const double rate = options.count / Seconds(SteadyNow::now() - begin);
  SWARM_RETURN_IF_ERROR(RemoveAll(target, ids));
  return rate;
}

Result<double> TaskRate(Network& network, const TargetSpec& target,
                        const WorkloadOptions& options) {
  Client client(network, target);
  const auto begin = SteadyNow::now();
  SWARM_ASSIGN_OR_RETURN(const std::string id, MakeTasks(client, options));
  const double rate = options.count / Seconds(SteadyNow::now() - begin);
  SWARM_RETURN_IF_ERROR(RemoveTasks(target, client, id));
  return rate;
}

Result<double> ListMillis(Network& network, const TargetSpec& target,
                          const WorkloadOptions& options) {
  Client client(network, target);
  SWARM_ASSIGN_OR_RETURN(const std::string id, MakeTasks(client, options));
  const auto begin = SteadyNow::now();
  SWARM_ASSIGN_OR_RETURN(const auto list, TasksOf(client, id));
  const double millis = Seconds(SteadyNow::now() - begin) * 1000;
  if (list->tasks_size() < options.count) {
    return Status(Code::kInternal, target.name + ": ListTasks returned too few tasks");
  }
  SWARM_RETURN_IF_ERROR(RemoveTasks(target, client, id));
  return millis;
}

Result<double> BytesPerTask(Network& network, const TargetSpec& target,
                            const WorkloadOptions& options) {
  if (target.pid == 0) {
    return Status(Code::kInvalidArgument,
                  "target " + target.name + ": add pid=N to measure the server's memory");
  }
  Client client(network, target);
  SWARM_ASSIGN_OR_RETURN(const auto before, ResidentBytes(target.pid));
  SWARM_ASSIGN_OR_RETURN(const std::string id, MakeTasks(client, options));
  SWARM_ASSIGN_OR_RETURN(const auto after, ResidentBytes(target.pid));
  SWARM_RETURN_IF_ERROR(RemoveTasks(target, client, id));
  return (static_cast<double>(after) - static_cast<double>(before)) / options.count;
}

}  // namespace swarm::bench
