#include "client.h"

#include <algorithm>

namespace swarm::ctl {
namespace {

constexpr const char* kPackage = "/docker.swarmkit.v1.";

// One value, filled by whatever thread it comes on.
template <class T>
struct Mailbox {
  void Put(T value) {
    std::lock_guard lock(mutex);
    content = std::move(value);
    ready.notify_all();
  }
  T Take() {
    std::unique_lock lock(mutex);
    ready.wait(lock, [this] { return content.has_value(); });
    return std::move(*content);
  }

  std::mutex mutex;
  std::condition_variable ready;
  std::optional<T> content;
};

std::optional<SteadyTime> Deadline(const ClientOptions& options) {
  if (!options.timeout) return std::nullopt;
  return options.clock() + *options.timeout;
}

}  // namespace

Result<std::optional<Payload>> Answers::Next() {
  using Message = Result<std::optional<Payload>>;
  const auto box = std::make_shared<Mailbox<Message>>();
  stream_->Read([box](Message message) { box->Put(std::move(message)); });
  return box->Take();
}

Client::Client(Connect connect, ClientOptions options)
    : connect_(std::move(connect)), options_(std::move(options)), deadline_(Deadline(options_)) {}

Status Client::Reach() {
  if (channel_) return Status::Ok();
  SWARM_ASSIGN_OR_RETURN(channel_, connect_());
  return Status::Ok();
}

std::optional<Duration> Client::TimeLeft() const {
  if (!deadline_) return std::nullopt;
  return std::max(Duration(0), Duration(*deadline_ - options_.clock()));
}

CallOptions Client::Options() const {
  CallOptions out;
  out.timeout = TimeLeft();
  return out;
}

Result<Payload> Client::Wait(const std::string& method, Payload request) {
  SWARM_RETURN_IF_ERROR(Reach());
  const auto box = std::make_shared<Mailbox<Result<Payload>>>();
  const auto call = channel_->Call(kPackage + method, Options(), std::move(request),
                                   [box](Result<Payload> reply) { box->Put(std::move(reply)); });
  return box->Take();
}

Result<Answers> Client::Open(const std::string& method, Payload request) {
  SWARM_RETURN_IF_ERROR(Reach());
  auto stream = channel_->Open(kPackage + method, Options());
  stream->Send(std::move(request), [](bool) {});
  stream->CloseSend();
  return Answers(std::move(stream));
}

std::string Client::NodeName(const std::string& id) {
  if (!options_.resolve_names || id.empty()) return id;
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
  if (!options_.resolve_names || id.empty()) return id;
  const auto [entry, fresh] = names_.try_emplace("service " + id, id);
  if (!fresh) return entry->second;
  pb::GetServiceRequest request;
  request.set_service_id(id);
  const auto response = Call<pb::GetServiceResponse>("GetService", request);
  if (response.ok()) entry->second = response->service().spec().annotations().name();
  return entry->second;
}

std::string Client::TaskName(const std::string& id) {
  if (!options_.resolve_names || id.empty()) return id;
  const auto [entry, fresh] = names_.try_emplace("task " + id, id);
  if (!fresh) return entry->second;
  pb::GetTaskRequest request;
  request.set_task_id(id);
  const auto response = Call<pb::GetTaskResponse>("GetTask", request);
  if (!response.ok()) return id;
  const pb::Task& task = response->task();
  entry->second = ServiceName(task.service_id()) + "." + std::to_string(task.slot());
  return entry->second;
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
