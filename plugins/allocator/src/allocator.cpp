#include "allocator.h"

#include <google/protobuf/util/message_differencer.h>

#include <utility>
#include <vector>

namespace swarm::allocator {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr std::string_view kAllocated = "pending task scheduling";

std::string PortText(const pb::PortConfig& port) {
  const std::uint32_t number = port.published_port() ? port.published_port() : port.target_port();
  return std::to_string(number);
}

std::string NetworkText(const std::string& network) {
  return "waiting for network " + network + ": this allocator does not give addresses on networks";
}

// Networks at the service instead of its tasks: deprecated, but services of old clients have them.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
const auto& OldNetworks(const pb::ServiceSpec& spec) { return spec.networks(); }
#pragma GCC diagnostic pop

}  // namespace

std::optional<std::string> Missing(const pb::TaskSpec& spec) {
  if (spec.networks_size() > 0) {
    return NetworkText(spec.networks(0).target());
  }
  return std::nullopt;
}

std::optional<std::string> Missing(const pb::Service& service) {
  if (auto missing = Missing(service.spec().task())) return missing;
  if (OldNetworks(service.spec()).size() > 0) {
    return NetworkText(OldNetworks(service.spec()).at(0).target());
  }
  for (const auto& port : service.spec().endpoint().ports()) {
    if (port.publish_mode() != pb::PortConfig::HOST) {
      return "waiting for port " + PortText(port) +
             " in ingress mode, which this allocator does not give: publish it in host mode";
    }
  }
  return std::nullopt;
}

std::optional<pb::Endpoint> WantedEndpoint(const pb::Service& service) {
  if (!service.spec().has_endpoint()) return std::nullopt;
  if (service.endpoint().has_spec() &&
      MessageDifferencer::Equals(service.endpoint().spec(), service.spec().endpoint())) {
    return std::nullopt;
  }
  pb::Endpoint wanted;
  *wanted.mutable_spec() = service.spec().endpoint();
  *wanted.mutable_ports() = service.spec().endpoint().ports();
  return wanted;
}

// One round of writes. Lives on the store's loop while it runs.
class Allocator::Work {
 public:
  Work(std::vector<std::string> services, std::vector<std::string> tasks, TaskTime now)
      : services_(std::move(services)), tasks_(std::move(tasks)), now_(now) {}

  Result<bool> Step(Transaction& tx) {
    if (next_service_ < services_.size()) {
      SWARM_RETURN_IF_ERROR(Settle(tx, services_[next_service_]));
      ++next_service_;
      return true;
    }
    if (next_task_ == tasks_.size()) return false;
    SWARM_RETURN_IF_ERROR(Allocate(tx, tasks_[next_task_]));
    ++next_task_;
    return true;
  }

 private:
  Status Settle(Transaction& tx, const std::string& id) {
    const ServicePtr service = tx.Get<pb::Service>(id);
    if (!service || Missing(*service)) return Status::Ok();
    auto endpoint = WantedEndpoint(*service);
    if (!endpoint) return Status::Ok();
    auto changed = std::make_shared<pb::Service>(*service);
    *changed->mutable_endpoint() = *std::move(endpoint);
    return tx.Update(std::move(changed));
  }

  Status Allocate(Transaction& tx, const std::string& id) {
    const TaskPtr task = tx.GetTask(id);
    if (!task || task->status.state >= pb::PENDING) return Status::Ok();
    auto changed = std::make_shared<Task>(*task);
    std::optional<std::string> missing;
    if (task->service_id.empty()) {
      missing = Missing(*task->spec);
    } else {
      SWARM_RETURN_IF_ERROR(Settle(tx, task->service_id));
      const ServicePtr service = tx.Get<pb::Service>(task->service_id);
      if (!service) return Status::Ok();
      missing = Missing(*service);
      if (!missing) missing = Missing(*task->spec);
      if (!missing && service->has_endpoint()) changed->endpoint = EndpointOf(service);
    }
    if (missing) {
      if (task->status.err == *missing) return Status::Ok();
      changed->status.err = *std::move(missing);
      return tx.UpdateTask(std::move(changed));
    }
    changed->status.state = pb::PENDING;
    changed->status.message = kAllocated;
    changed->status.err.clear();
    changed->status.timestamp = now_;
    return tx.UpdateTask(std::move(changed));
  }

  // One copy for all tasks of a service in this round.
  std::shared_ptr<const pb::Endpoint> EndpointOf(const ServicePtr& service) {
    if (last_service_ != service) {
      last_service_ = service;
      last_endpoint_ = std::make_shared<const pb::Endpoint>(service->endpoint());
    }
    return last_endpoint_;
  }

  const std::vector<std::string> services_;
  const std::vector<std::string> tasks_;
  const TaskTime now_;
  std::size_t next_service_ = 0;
  std::size_t next_task_ = 0;
  ServicePtr last_service_;
  std::shared_ptr<const pb::Endpoint> last_endpoint_;
};

Allocator::Allocator(component::Env& env) : env_(env) {}

void Allocator::Begin(const ViewPtr& view) {
  (void)view->FindMessages(Table::kService, By::All(), [this](const MessagePtr& message) {
    OnService(static_cast<const pb::Service&>(*message), nullptr);
    return true;
  });
  (void)view->FindTasks(By::TaskState(pb::NEW), [this](const TaskPtr& task) {
    tasks_.try_emplace(task->id, task);
    return true;
  });
  Pump();
}

void Allocator::OnCommit(const Commit& commit) {
  for (const Event& event : commit.events) {
    if (event.change == Change::kRemove) {
      if (event.task) tasks_.erase(event.task->id);
      continue;
    }
    if (event.table == Table::kService) {
      OnService(static_cast<const pb::Service&>(*event.object),
                static_cast<const pb::Service*>(event.old_object.get()));
    } else if (event.table == Table::kTask && event.task->status.state < pb::PENDING) {
      // Its waiting is written already: only a change of the service can help.
      if (event.change == Change::kUpdate && !event.task->status.err.empty()) continue;
      tasks_.insert_or_assign(event.task->id, event.task);
    }
  }
  Pump();
}

void Allocator::OnService(const pb::Service& service, const pb::Service* before) {
  if (Missing(service)) return;
  if (WantedEndpoint(service)) services_.insert(service.id());
  // Tasks that waited for what the service does not ask for any more may go on.
  if (!before || !Missing(*before)) return;
  (void)env_.Read()->FindTasks(By::Service(service.id()), [this](const TaskPtr& task) {
    if (task->status.state < pb::PENDING) tasks_.try_emplace(task->id, task);
    return true;
  });
}

void Allocator::Pump() {
  if (busy_ || (services_.empty() && tasks_.empty())) return;
  std::vector<std::string> services(services_.begin(), services_.end());
  std::vector<std::string> tasks;
  tasks.reserve(tasks_.size());
  for (const auto& [id, task] : tasks_) {
    // Whoever is on the way out needs nothing any more.
    if (task->desired_state <= pb::COMPLETE) tasks.push_back(id);
  }
  services_.clear();
  tasks_.clear();
  if (services.empty() && tasks.empty()) return;
  busy_ = true;
  auto work = std::make_shared<Work>(std::move(services), std::move(tasks), env_.Stamp());
  env_.Batch([work](Transaction& tx) { return work->Step(tx); },
             [this](const Status& status) {
               busy_ = false;
               if (!status.ok()) {
                 env_.logger().Warn("allocation not written", {{"error", status.ToString()}});
               }
               Pump();
             });
}

}  // namespace swarm::allocator
