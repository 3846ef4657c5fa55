#include "global.h"

#include <map>
#include <utility>

#include "constraint/constraint.h"

namespace swarm::orchestrator {
namespace {

using Constraints = std::vector<constraint::Constraint>;

Constraints ConstraintsOf(const pb::Service& service) {
  auto parsed = constraint::Parse(service.spec().task().placement().constraints());
  // What cannot be read constrains nothing: it was accepted by an older manager.
  return parsed.ok() ? *std::move(parsed) : Constraints();
}

bool Paused(const pb::Node& node) { return node.spec().availability() == pb::NodeSpec::PAUSE; }

void ShutDown(const Slot& tasks, std::vector<Op>& ops) {
  for (const TaskPtr& task : tasks) {
    if (task->desired_state <= pb::RUNNING) ops.push_back({Op::Kind::kShutdown, task->id, {}});
  }
}

}  // namespace

void Global::Reconcile(const ServicePtr& service, Function<void(bool settled)> done) {
  const ViewPtr view = tools_.env.Read();
  const Constraints constraints = ConstraintsOf(*service);
  std::map<std::string, Slot> by_node;
  (void)view->FindTasks(By::Service(service->id()), [&by_node](const TaskPtr& task) {
    by_node[task->node_id].push_back(task);
    return true;
  });
  std::vector<Op> ops;
  std::vector<Slot> slots;
  (void)view->FindMessages(Table::kNode, By::All(), [&](const MessagePtr& message) {
    const auto& node = static_cast<const pb::Node&>(*message);
    if (IsInvalid(&node)) return true;
    const auto found = by_node.find(node.id());
    const Slot tasks = found == by_node.end() ? Slot() : std::move(found->second);
    if (found != by_node.end()) by_node.erase(found);
    Slot live = tools_.Updatable(*service, tasks);
    if (!constraint::Match(constraints, node)) {
      // What a paused node has stays when the node changes, but not when the service does.
      if (Paused(node)) {
        std::erase_if(live, [&](const TaskPtr& t) { return !IsDirty(*service, *t, nullptr); });
      }
      ShutDown(live, ops);
    } else if (Paused(node)) {
      // What runs there stays; nothing is added.
    } else if (live.empty()) {
      ops.push_back({Op::Kind::kCreate, tools_.env.NewId(), SlotKey{0, node.id()}});
    } else {
      slots.push_back(std::move(live));
    }
    return true;
  });
  // Left are those on nodes that are down, drained or gone.
  for (const auto& [node_id, tasks] : by_node) ShutDown(tasks, ops);

  if (!slots.empty()) tools_.updates.Update(service, tools_.cluster, slots);
  const bool settled = ops.empty();
  tools_.Run(service, std::move(ops),
             [settled, done = std::move(done)](bool) mutable { done(settled); });
}

void Global::ReconcileNode(const ServicePtr& service, const std::string& node_id,
                           Function<void()> done) {
  const ViewPtr view = tools_.env.Read();
  const auto node = view->Get<pb::Node>(node_id);
  Slot tasks;
  (void)view->FindTasks(By::Node(node_id), [&](const TaskPtr& task) {
    if (task->service_id == service->id()) tasks.push_back(task);
    return true;
  });
  std::vector<Op> ops;
  if (IsInvalid(node.get())) {
    ShutDown(tasks, ops);
  } else if (!Paused(*node) && constraint::Match(ConstraintsOf(*service), *node)) {
    bool clean = false;
    for (const TaskPtr& task : tools_.Updatable(*service, tasks)) {
      if (!clean && !IsDirty(*service, *task, node.get())) {
        clean = true;
      } else if (task->desired_state <= pb::RUNNING) {
        ops.push_back({Op::Kind::kShutdown, task->id, {}});
      }
    }
    if (!clean) ops.push_back({Op::Kind::kCreate, tools_.env.NewId(), SlotKey{0, node_id}});
  }
  tools_.Run(service, std::move(ops), [done = std::move(done)](bool) mutable { done(); });
}

void Global::Restart(const ServicePtr& service, const std::vector<std::string>& task_ids,
                     Function<void()> done) {
  const ViewPtr view = tools_.env.Read();
  const Constraints constraints = ConstraintsOf(*service);
  std::vector<std::string> restart;
  std::vector<Op> ops;
  for (const std::string& id : task_ids) {
    const TaskPtr task = view->GetTask(id);
    if (!task) continue;
    const auto node = view->Get<pb::Node>(task->node_id);
    // Its node is lost: it was shut down when that happened.
    if (IsInvalid(node.get())) continue;
    if (Paused(*node) || !constraint::Match(constraints, *node)) {
      ops.push_back({Op::Kind::kShutdown, id, {}});
    } else {
      restart.push_back(id);
    }
  }
  tools_.Run(service, std::move(ops),
             [this, service, restart = std::move(restart), done = std::move(done)](bool) mutable {
               tools_.restarts.Restart(service, tools_.cluster, restart, std::move(done));
             });
}

}  // namespace swarm::orchestrator
