#include "allocator.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "round.h"

namespace swarm::allocator {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr Duration kRetry = std::chrono::minutes(5);
constexpr const char* kDefaultCluster = "default";
constexpr const char* kPredefinedLabel = "com.docker.swarm.predefined";
constexpr std::uint32_t kDefaultSubnetSize = 24;

std::shared_ptr<const pb::Cluster> FindCluster(const Reader& reader) {
  const auto found = reader.Find<pb::Cluster>(By::Name(kDefaultCluster));
  return found.ok() && !found->empty() ? found->front() : nullptr;
}

// Whether the node's engine can be on overlay networks at all: others need no address there.
bool CanOverlay(const pb::Node& node) {
  const auto& plugins = node.description().engine().plugins();
  return std::any_of(plugins.begin(), plugins.end(), [](const auto& plugin) {
    return plugin.type() == "Network" && plugin.name() == "overlay";
  });
}

// Whoever is on the way out needs nothing any more.
bool IsWanted(const Task& task) {
  return task.status.state < pb::PENDING && task.desired_state <= pb::COMPLETE;
}

bool SameList(const google::protobuf::RepeatedPtrField<pb::NetworkAttachment>& a,
              const std::vector<pb::NetworkAttachment>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return MessageDifferencer::Equals(x, y); });
}

}  // namespace

Allocator::Allocator(component::Env& env) : env_(env) {}

void Allocator::Begin(const ViewPtr& view) {
  ReadPools(*view);
  Restore(*view);
  if (FindCluster(*view)) MakePredefinedNetworks();
  ArmRetry();
  Pump();
}

void Allocator::ReadPools(const Reader& reader) {
  const auto cluster = FindCluster(reader);
  if (!cluster || cluster->defaultaddresspool().empty()) return;
  DefaultPools pools;
  const std::uint32_t size = cluster->subnetsize();
  pools.prefix = static_cast<int>(size == 0 ? kDefaultSubnetSize : size);
  for (const std::string& text : cluster->defaultaddresspool()) {
    const auto pool = ParseSubnet(text);
    if (pool && pools.prefix <= pool->width()) {
      pools.pools.push_back(*pool);
    } else {
      env_.logger().Warn("default address pool is not usable", {{"pool", text}});
    }
  }
  if (!pools.pools.empty()) ledger_.networks().SetDefaultPools(std::move(pools));
}

void Allocator::Report(const char* what, const std::string& id, const Status& status) {
  if (status.ok()) return;
  env_.logger().Warn("stored addresses or ports are not usable",
                     {{what, id}, {"error", status.message()}});
}

// All that is stored is taken before anything new is given.
void Allocator::Restore(const Reader& reader) {
  (void)reader.FindMessages(Table::kNetwork, By::All(), [this](const MessagePtr& message) {
    const auto& network = static_cast<const pb::Network&>(*message);
    if (IsAllocated(network)) {
      Report("network.id", network.id(), ledger_.networks().Allocate(network).status());
    } else {
      networks_.insert(network.id());
    }
    return true;
  });
  (void)reader.FindMessages(Table::kNode, By::All(), [this](const MessagePtr& message) {
    const auto& node = static_cast<const pb::Node&>(*message);
    Report("node.id", node.id(), ledger_.RestoreNode(node));
    nodes_.insert(node.id());
    return true;
  });
  (void)reader.FindMessages(Table::kService, By::All(), [this](const MessagePtr& message) {
    const auto& service = static_cast<const pb::Service&>(*message);
    Report("service.id", service.id(), ledger_.RestoreService(service));
    services_.insert(service.id());
    return true;
  });
  (void)reader.FindTasks(By::All(), [this](const TaskPtr& task) {
    if (IsTerminal(task->status.state)) return true;
    Report("task.id", task->id, ledger_.RestoreTask(*task));
    (void)usage_.Set(*task);
    if (task->status.state < pb::PENDING) tasks_.insert(task->id);
    return true;
  });
  ledger_.Resume();
}

// Networks that every engine has, so that services can name them.
void Allocator::MakePredefinedNetworks() {
  const std::vector<std::pair<std::string, std::string>> wanted = {{"bridge", env_.NewId()},
                                                                   {"host", env_.NewId()}};
  env_.Update(
      [wanted](Transaction& tx) {
        for (const auto& [name, id] : wanted) {
          SWARM_ASSIGN_OR_RETURN(const auto taken, tx.Find<pb::Network>(By::Name(name)));
          if (!taken.empty()) continue;
          auto network = std::make_shared<pb::Network>();
          network->set_id(id);
          auto& annotations = *network->mutable_spec()->mutable_annotations();
          annotations.set_name(name);
          (*annotations.mutable_labels())[kPredefinedLabel] = "true";
          network->mutable_spec()->mutable_driver_config()->set_name(name);
          SWARM_RETURN_IF_ERROR(tx.Create(std::move(network)));
        }
        return Status::Ok();
      },
      [this](const Status& status) {
        if (!status.ok()) {
          env_.logger().Warn("predefined networks not made", {{"error", status.ToString()}});
        }
      });
}

void Allocator::OnCommit(const Commit& commit) {
  for (const Event& event : commit.events) {
    switch (event.table) {
      case Table::kCluster:
        if (event.change != Change::kCreate) break;
        ReadPools(*env_.Read());
        MakePredefinedNetworks();
        break;
      case Table::kNetwork:
        OnNetwork(event);
        break;
      case Table::kService:
        OnService(event);
        break;
      case Table::kNode:
        OnNode(event);
        break;
      case Table::kTask:
        OnTask(event);
        break;
      default:
        break;
    }
  }
  Pump();
}

void Allocator::OnNetwork(const Event& event) {
  const auto& network = static_cast<const pb::Network&>(*event.object);
  const std::string& id = network.id();
  if (event.change == Change::kRemove) {
    networks_.erase(id);
    waiting_networks_.erase(id);
    freed_ = ledger_.FreeNetwork(id) || freed_;
  } else if (!IsAllocated(network)) {
    networks_.insert(id);
    return;
  } else {
    // Services and tasks may have waited for it.
    freed_ = true;
  }
  // Whose addresses on it go, or come.
  (void)env_.Read()->FindMessages(Table::kNode, By::All(), [this](const MessagePtr& message) {
    nodes_.insert(static_cast<const pb::Node&>(*message).id());
    return true;
  });
}

void Allocator::OnService(const Event& event) {
  const auto& service = static_cast<const pb::Service&>(*event.object);
  if (event.change == Change::kRemove) {
    services_.erase(service.id());
    waiting_services_.erase(service.id());
    waiting_tasks_.erase(service.id());
    freed_ = ledger_.FreeService(service.id()) || freed_;
    return;
  }
  services_.insert(service.id());
  WakeTasksOf(service.id());
}

void Allocator::OnNode(const Event& event) {
  const auto& node = static_cast<const pb::Node&>(*event.object);
  if (event.change == Change::kRemove) {
    nodes_.erase(node.id());
    waiting_nodes_.erase(node.id());
    freed_ = ledger_.FreeNode(node.id()) || freed_;
    return;
  }
  // Nodes change often, with every report of their state.
  const auto* before = static_cast<const pb::Node*>(event.old_object.get());
  const bool known = before && CanOverlay(*before) == CanOverlay(node) &&
                     before->attachments_size() == node.attachments_size();
  if (!known) nodes_.insert(node.id());
}

void Allocator::OnTask(const Event& event) {
  const Task& task = *event.task;
  const bool gone = event.change == Change::kRemove;
  if (gone || IsTerminal(task.status.state)) {
    tasks_.erase(task.id);
    if (gone) {
      const auto waiting = waiting_tasks_.find(task.service_id);
      if (waiting != waiting_tasks_.end()) waiting->second.erase(task.id);
    }
    freed_ = ledger_.FreeTask(task.id) || freed_;
    nodes_.merge(usage_.Remove(task.id));
    return;
  }
  if (task.extras && !task.extras->networks.empty()) nodes_.merge(usage_.Set(task));
  if (!IsWanted(task)) return;
  // Its waiting is written already: only a change elsewhere can help.
  if (event.change == Change::kUpdate && !task.status.err.empty()) return;
  tasks_.insert(task.id);
}

void Allocator::WakeAll() {
  networks_.merge(waiting_networks_);
  waiting_networks_.clear();
  for (auto& [id, why] : std::exchange(waiting_services_, {})) services_.insert(id);
  nodes_.merge(waiting_nodes_);
  waiting_nodes_.clear();
  for (auto& [service, tasks] : std::exchange(waiting_tasks_, {})) tasks_.merge(tasks);
}

void Allocator::WakeTasksOf(const std::string& service_id) {
  const auto found = waiting_tasks_.find(service_id);
  if (found == waiting_tasks_.end()) return;
  tasks_.merge(found->second);
  waiting_tasks_.erase(found);
}

// What failed for a reason that no event tells the end of.
void Allocator::ArmRetry() {
  retry_ = env_.loop().After(kRetry, [this] {
    WakeAll();
    Pump();
    ArmRetry();
  });
}

void Allocator::Pump() {
  if (busy_) return;
  if (std::exchange(freed_, false)) WakeAll();
  if (networks_.empty() && services_.empty() && nodes_.empty() && tasks_.empty()) return;
  auto round = std::make_shared<Round>();
  round->now = env_.Stamp();
  const ViewPtr view = env_.Read();
  AllocateNetworks(view, round.get());
  // The rest gets copies of the networks as they are stored, so networks are stored first.
  if (round->networks.empty()) {
    AllocateServices(view, round.get());
    AllocateNodes(view, round.get());
    AllocateTasks(view, round.get());
  }
  if (!round->empty()) Write(std::move(round));
}

void Allocator::AllocateNetworks(const ViewPtr& view, Round* round) {
  std::vector<std::shared_ptr<const pb::Network>> wanted;
  for (const std::string& id : std::exchange(networks_, {})) {
    auto network = view->Get<pb::Network>(id);
    if (network && !IsAllocated(*network)) wanted.push_back(std::move(network));
  }
  // The ingress network has the first choice.
  std::stable_partition(wanted.begin(), wanted.end(), [](const auto& n) { return IsIngress(*n); });
  for (const auto& network : wanted) {
    auto allocated = ledger_.networks().Allocate(*network);
    if (allocated.ok()) {
      round->networks.push_back(*std::move(allocated));
      continue;
    }
    waiting_networks_.insert(network->id());
    env_.logger().Warn("network waits", {{"network.id", network->id()},
                                         {"network", network->spec().annotations().name()},
                                         {"error", allocated.status().message()}});
  }
}

void Allocator::AllocateServices(const ViewPtr& view, Round* round) {
  for (const std::string& id : std::exchange(services_, {})) {
    const ServicePtr service = view->Get<pb::Service>(id);
    if (!service) continue;
    auto endpoint = ledger_.Service(*service, *view);
    if (!endpoint.ok()) {
      waiting_services_.insert_or_assign(id, endpoint.status());
      continue;
    }
    waiting_services_.erase(id);
    if (!*endpoint) continue;
    auto shared = std::make_shared<const pb::Endpoint>(**std::move(endpoint));
    round->settled[id] = {service, shared};
    round->services.push_back({id, std::move(shared)});
  }
}

void Allocator::AllocateNodes(const ViewPtr& view, Round* round) {
  if (nodes_.empty()) return;
  const auto ingress = FindIngress(*view);
  std::set<std::string> short_of;
  for (const std::string& id : std::exchange(nodes_, {})) {
    const auto node = view->Get<pb::Node>(id);
    if (!node) continue;
    std::set<std::string> needed = usage_.NetworksOf(id);
    // Attachments that another maker of manager gave are kept.
    if (ingress && (CanOverlay(*node) || node->attachments_size() > 0))
      needed.insert(ingress->id());
    const std::size_t had = short_of.size();
    auto attachments = ledger_.Node(*node, needed, *view, &short_of);
    if (short_of.size() > had) waiting_nodes_.insert(id);
    if (SameList(node->attachments(), attachments)) continue;
    round->nodes.push_back({id, std::move(attachments)});
  }
  for (const std::string& network : short_of) {
    env_.logger().Warn("network has no addresses left for nodes: their tasks cannot start on it",
                       {{"network", network}});
  }
}

void Allocator::AllocateTasks(const ViewPtr& view, Round* round) {
  for (const std::string& id : std::exchange(tasks_, {})) {
    const TaskPtr task = view->GetTask(id);
    if (task && IsWanted(*task)) AllocateTask(view, task, round);
  }
}

void Allocator::AllocateTask(const ViewPtr& view, const TaskPtr& task, Round* round) {
  Status status = GiveTask(view, task, round);
  if (status.ok()) return;
  waiting_tasks_[task->service_id].insert(task->id);
  if (task->status.err == status.message()) return;
  round->tasks.push_back({task->id, nullptr, {}, status.message()});
}

Status Allocator::GiveTask(const ViewPtr& view, const TaskPtr& task, Round* round) {
  Round::TaskChange change;
  change.id = task->id;
  const pb::Service* service = nullptr;
  if (!task->service_id.empty()) {
    const auto waiting = waiting_services_.find(task->service_id);
    if (waiting != waiting_services_.end()) return waiting->second;
    auto [settled, fresh] = round->settled.try_emplace(task->service_id);
    if (fresh) {
      // The view may know more of the service than the events so far.
      services_.insert(task->service_id);
      AllocateServices(view, round);
      if (const auto now = waiting_services_.find(task->service_id);
          now != waiting_services_.end()) {
        return now->second;
      }
      settled = round->settled.find(task->service_id);
    }
    if (!settled->second.service) {
      settled->second.service = view->Get<pb::Service>(task->service_id);
      if (settled->second.service && settled->second.service->has_endpoint()) {
        settled->second.endpoint =
            std::make_shared<const pb::Endpoint>(settled->second.service->endpoint());
      }
    }
    service = settled->second.service.get();
    // Its tasks go with it.
    if (!service) return Status::Ok();
    change.endpoint = settled->second.endpoint;
  }
  SWARM_ASSIGN_OR_RETURN(change.networks, ledger_.Task(*task, service, *view));
  round->tasks.push_back(std::move(change));
  return Status::Ok();
}

void Allocator::Write(std::shared_ptr<Round> round) {
  busy_ = true;
  env_.Batch([round](Transaction& tx) { return round->Step(tx); },
             [this, round](const Status& status) {
               busy_ = false;
               if (!status.ok()) Undo(*round, status);
               Pump();
             });
}

// Tried again later: what was given in vain is given back or found again.
void Allocator::Undo(const Round& round, const Status& why) {
  env_.logger().Warn("allocation not written", {{"error", why.ToString()}});
  const ViewPtr view = env_.Read();
  for (const auto& network : round.networks) {
    const auto stored = view->Get<pb::Network>(network->id());
    if (stored && IsAllocated(*stored)) continue;
    ledger_.FreeNetwork(network->id());
    waiting_networks_.insert(network->id());
  }
  for (const auto& change : round.services) waiting_services_.emplace(change.id, why);
  for (const auto& change : round.nodes) waiting_nodes_.insert(change.id);
  for (const auto& change : round.tasks) {
    if (const TaskPtr task = view->GetTask(change.id)) {
      waiting_tasks_[task->service_id].insert(change.id);
    }
  }
}

}  // namespace swarm::allocator
