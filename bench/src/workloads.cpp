#include "workloads.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

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
  spec->mutable_replicated()->set_replicas(replicas);
  return request;
}

// Makes `count` calls, each client with a connection of its own and one call under way; the next
// begins where the last one's answer arrives, so that the clients cost the machine no threads.
class Clients {
 public:
  using MakeRequest = std::function<Payload(int index)>;
  using TakeReply = std::function<Status(int index, const Payload& reply)>;

  Clients(const char* method, int count, MakeRequest make, TakeReply take)
      : method_(method), count_(count), make_(std::move(make)), take_(std::move(take)) {}

  // Makes the connections: a first call of each client, whose cost is not that of the others.
  Status Connect(Network& network, const TargetSpec& target, int clients) {
    for (int c = 0; c < clients; ++c) {
      connections_.push_back(std::make_unique<Client>(network, target));
      SWARM_RETURN_IF_ERROR(connections_.back()->status());
      const auto answer = connections_.back()->Call<pb::ListClustersResponse>(
          "/docker.swarmkit.v1.Control/ListClusters", pb::ListClustersRequest());
      if (!answer.ok()) return answer.status().WithContext(target.name);
    }
    return Status::Ok();
  }

  // Blocks until all calls have ended; the first error ends it early.
  Status Run(const TargetSpec& target) {
    running_ = static_cast<int>(connections_.size());
    for (auto& connection : connections_) Next(*connection);
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
    return first_error_.WithContext(target.name);
  }

 private:
  void Next(Client& client) {
    const int index = next_++;
    if (index >= count_) return End(Status::Ok());
    client.Start(method_, make_(index), [this, &client, index](const Result<Payload>& reply) {
      const Status status = reply.ok() ? take_(index, *reply) : reply.status();
      if (status.ok()) return Next(client);
      next_ = count_;
      End(status);
    });
  }

  void End(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (first_error_.ok()) first_error_ = status;
    --running_;
    ended_.notify_all();
  }

  const char* const method_;
  const int count_;
  const MakeRequest make_;
  const TakeReply take_;
  std::atomic<int> next_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_ = 0;
  Status first_error_;
  std::vector<std::unique_ptr<Client>> connections_;
};

Status RemoveAll(Network& network, const TargetSpec& target, const std::vector<std::string>& ids) {
  Clients clients(
      "/docker.swarmkit.v1.Control/RemoveService", static_cast<int>(ids.size()),
      [&](int i) {
        pb::RemoveServiceRequest request;
        request.set_service_id(ids[static_cast<std::size_t>(i)]);
        return Payload::Of(std::move(request));
      },
      [](int, const Payload&) { return Status::Ok(); });
  SWARM_RETURN_IF_ERROR(clients.Connect(network, target, 16));
  return clients.Run(target);
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

Status RemoveTasks(Network& network, const TargetSpec& target, Client& client,
                   const std::string& id) {
  SWARM_RETURN_IF_ERROR(RemoveAll(network, target, {id}));
  return AwaitTasks(client, id, 0, pb::NEW, std::chrono::milliseconds(20));
}

}  // namespace

Result<double> CreateRate(Network& network, const TargetSpec& target,
                          const WorkloadOptions& options) {
  std::vector<std::string> ids(static_cast<std::size_t>(options.count));
  Clients clients(
      "/docker.swarmkit.v1.Control/CreateService", options.count,
      [&](int i) {
        return Payload::Of(ServiceRequest(
            options, "bench-" + options.round_name + "-" + std::to_string(i), options.replicas));
      },
      [&](int i, const Payload& reply) -> Status {
        SWARM_ASSIGN_OR_RETURN(const auto created, reply.As<pb::CreateServiceResponse>());
        ids[static_cast<std::size_t>(i)] = created->service().id();
        return Status::Ok();
      });
  SWARM_RETURN_IF_ERROR(clients.Connect(network, target, options.clients));
  const auto begin = SteadyNow::now();
  SWARM_RETURN_IF_ERROR(clients.Run(target));
  const double rate = options.count / Seconds(SteadyNow::now() - begin);
  SWARM_RETURN_IF_ERROR(RemoveAll(network, target, ids));
  return rate;
}

Result<double> TaskRate(Network& network, const TargetSpec& target,
                        const WorkloadOptions& options) {
  Client client(network, target);
  const auto begin = SteadyNow::now();
  SWARM_ASSIGN_OR_RETURN(const std::string id, MakeTasks(client, options));
  const double rate = options.count / Seconds(SteadyNow::now() - begin);
  SWARM_RETURN_IF_ERROR(RemoveTasks(network, target, client, id));
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
  SWARM_RETURN_IF_ERROR(RemoveTasks(network, target, client, id));
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
  SWARM_RETURN_IF_ERROR(RemoveTasks(network, target, client, id));
  return (static_cast<double>(after) - static_cast<double>(before)) / options.count;
}

}  // namespace swarm::bench
