#include "replicated.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <utility>

namespace swarm::orchestrator {
namespace {

struct Groups {
  std::map<std::uint64_t, Slot> live;  // what an update is about
  std::map<std::uint64_t, Slot> dead;  // slots with nothing of that: their history
};

Groups GroupBySlot(Tools& tools, const pb::Service& service, const View& view) {
  std::map<std::uint64_t, Slot> all;
  (void)view.FindTasks(By::Service(service.id()), [&all](const TaskPtr& task) {
    all[task->slot].push_back(task);
    return true;
  });
  Groups groups;
  for (auto& [number, tasks] : all) {
    Slot live = tools.Updatable(service, tasks);
    if (live.empty()) {
      groups.dead.emplace(number, std::move(tasks));
    } else {
      groups.live.emplace(number, std::move(live));
    }
  }
  return groups;
}

bool HasRunning(const Slot& slot) {
  return std::any_of(slot.begin(), slot.end(),
                     [](const TaskPtr& task) { return task->status.state == pb::RUNNING; });
}

void PlanCreations(Tools& tools, std::uint64_t count, Groups& groups, std::vector<Op>& ops) {
  for (std::uint64_t number = 1; count > 0; ++number) {
    if (groups.live.contains(number)) continue;
    // A slot that is used again keeps its history.
    groups.dead.erase(number);
    ops.push_back({Op::Kind::kCreate, tools.env.NewId(), SlotKey{number, ""}});
    --count;
  }
}

void PlanDeletions(const Groups& groups, std::vector<Op>& ops) {
  for (const auto& [number, tasks] : groups.dead) {
    for (const TaskPtr& task : tasks) {
      const bool on_node = task->status.state >= pb::ASSIGNED && !IsTerminal(task->status.state);
      // What a node still has keeps its addresses and ports until it has stopped.
      if (!on_node) {
        ops.push_back({Op::Kind::kDelete, task->id, {}});
      } else if (task->desired_state < pb::REMOVE) {
        ops.push_back({Op::Kind::kRemove, task->id, {}});
      }
    }
  }
}

}  // namespace

std::vector<Slot> OrderForScaling(std::vector<Slot> slots) {
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
  std::stable_sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) {
    const bool a_runs = HasRunning(a);
    const bool b_runs = HasRunning(b);
    return a_runs != b_runs ? a_runs : a[0]->slot < b[0]->slot;
  });
  // The how-many-th slot on its node each one is.
  std::unordered_map<std::string, std::uint64_t> on_node;
  std::vector<std::pair<std::uint64_t, Slot>> counted;
  counted.reserve(slots.size());
  for (Slot& slot : slots) {
    const std::string& node = slot[0]->node_id;
    const bool settled = slot.size() == 1 && !node.empty();
    const std::uint64_t rank = settled ? ++on_node[node] : kLast;
    counted.emplace_back(rank, std::move(slot));
  }
  std::stable_sort(counted.begin(), counted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Slot> out;
  out.reserve(counted.size());
  for (auto& [rank, slot] : counted) out.push_back(std::move(slot));
  return out;
}

void Replicated::Reconcile(const ServicePtr& service, Function<void(bool settled)> done) {
  const ViewPtr view = tools_.env.Read();
  Groups groups = GroupBySlot(tools_, *service, *view);
  const std::uint64_t wanted = service->spec().replicated().replicas();
  std::vector<Slot> slots;
  slots.reserve(groups.live.size());
  for (const auto& [number, slot] : groups.live) slots.push_back(slot);

  std::vector<Op> ops;
  if (slots.size() > wanted) {
    slots = OrderForScaling(std::move(slots));
    for (std::size_t i = wanted; i < slots.size(); ++i) {
      for (const TaskPtr& task : slots[i]) ops.push_back({Op::Kind::kRemove, task->id, {}});
    }
    slots.resize(wanted);
  } else if (slots.size() < wanted) {
    PlanCreations(tools_, wanted - slots.size(), groups, ops);
  }
  PlanDeletions(groups, ops);

  tools_.updates.Update(service, tools_.cluster, slots);
  const bool settled = ops.empty();
  tools_.Run(service, std::move(ops),
             [settled, done = std::move(done)](bool) mutable { done(settled); });
}

}  // namespace swarm::orchestrator
