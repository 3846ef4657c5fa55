#include "scheduler.h"

#include <algorithm>
#include <iterator>

namespace swarm::scheduler {
namespace {

constexpr std::string_view kAssigned = "scheduler assigned task to node";
constexpr std::string_view kConfirmed = "scheduler confirmed task can run on preassigned node";
constexpr std::string_view kNoNode = "no suitable node";
constexpr Duration kPauseAfterFailure = std::chrono::seconds(1);

// Whether both take the same from a node.
bool CountsAlike(const Task& a, const Task& b) {
  return a.node_id == b.node_id && a.spec == b.spec && a.endpoint == b.endpoint &&
         a.extras == b.extras &&
         (a.desired_state <= pb::COMPLETE) == (b.desired_state <= pb::COMPLETE);
}

}  // namespace

Scheduler::Scheduler(component::Env& env, SchedulerOptions options)
    : env_(env), options_(options) {}

void Scheduler::Begin(const ViewPtr& view) {
  (void)view->FindMessages(Table::kNode, By::All(), [this](const MessagePtr& message) {
    const auto node = std::static_pointer_cast<const pb::Node>(message);
    nodes_.emplace(node->id(), std::make_unique<NodeState>(node));
    return true;
  });
  (void)view->FindTasks(By::All(), [this](const TaskPtr& task) {
    if (task->status.state < pb::PENDING || IsTerminal(task->status.state)) return true;
    if (task->status.state != pb::PENDING) {
      Track(task);
    } else if (task->desired_state > pb::COMPLETE) {
      // Nobody waits for it: the orchestrator or the reaper ends it.
    } else if (task->node_id.empty()) {
      Enqueue(task);
    } else {
      preassigned_.emplace(task->id, task);
      work_ = true;
    }
    return true;
  });
  Arm();
}

void Scheduler::OnCommit(const Commit& commit) {
  ViewPtr view;
  for (const Event& event : commit.events) {
    if (event.table == Table::kTask) {
      OnTask(event);
    } else if (event.table == Table::kNode) {
      if (!view) view = env_.Read();
      OnNode(event, *view);
    }
  }
  Arm();
}

void Scheduler::OnTask(const Event& event) {
  const TaskPtr& task = event.task;
  if (event.change == Change::kRemove) {
    preassigned_.erase(task->id);
    Release(task->id);
    return;
  }
  const pb::TaskState state = task->status.state;
  if (state < pb::PENDING) return;
  if (IsTerminal(state)) {
    preassigned_.erase(task->id);
    const bool failed = state == pb::FAILED || state == pb::REJECTED;
    // Tasks that had no choice of node say nothing about the node.
    if (failed && task->slot != 0 && tracked_.contains(std::string_view(task->id))) {
      if (NodeState* node = FindNode(task->node_id)) {
        node->RecordFailure(FailureKeyOf(*task), env_.SteadyNow());
      }
    }
    Release(task->id);
  } else if (state != pb::PENDING) {
    preassigned_.erase(task->id);
    if (!task->node_id.empty()) Track(task);
  } else if (task->node_id.empty()) {
    // While a decision on it is under way it is counted already; and what only got another
    // explanation is queued already.
    const Task* before = event.old_task.get();
    const bool queued = before && before->status.state == pb::PENDING && before->node_id.empty() &&
                        before->desired_state == task->desired_state && before->spec == task->spec;
    if (!queued && !tracked_.contains(std::string_view(task->id))) Enqueue(task);
  } else {
    preassigned_[task->id] = task;
    work_ = true;
  }
}

void Scheduler::OnNode(const Event& event, const View& view) {
  const auto node = std::static_pointer_cast<const pb::Node>(event.object);
  work_ = nodes_changed_ = true;
  if (event.change == Change::kRemove) {
    nodes_.erase(node->id());
  } else if (NodeState* known = FindNode(node->id())) {
    known->SetNode(node);
  } else {
    AddNode(node, view);
  }
}

void Scheduler::AddNode(const NodePtr& node, const View& view) {
  auto& state = nodes_[node->id()];
  state = std::make_unique<NodeState>(node);
  (void)view.FindTasks(By::Node(node->id()), [this, &state](const TaskPtr& task) {
    const auto counted = tracked_.find(std::string_view(task->id));
    if (counted != tracked_.end()) {
      state->Count(**counted, NumberOf((*counted)->service_id), 1);
    }
    return true;
  });
}

void Scheduler::Enqueue(const TaskPtr& task) {
  const GroupKey key(task->service_id,
                     task->has_spec_version ? std::to_string(task->spec_version) : task->id);
  Group& group = queue_[key];
  group.tasks.push_back(task);
  group.stuck = false;
  work_ = true;
}

void Scheduler::Track(const TaskPtr& task) {
  const auto found = tracked_.find(std::string_view(task->id));
  if (found == tracked_.end()) {
    Count(*task, 1);
    tracked_.insert(task);
    return;
  }
  const bool alike = CountsAlike(**found, *task);
  if (!alike) Count(**found, -1);
  // The set keeps its element's place: the id is the same, only the newer value is kept.
  auto node = tracked_.extract(found);
  node.value() = task;
  tracked_.insert(std::move(node));
  if (!alike) Count(*task, 1);
}

void Scheduler::Release(std::string_view task_id) {
  const auto found = tracked_.find(task_id);
  if (found == tracked_.end()) return;
  Count(**found, -1);
  tracked_.erase(found);
  work_ = nodes_changed_ = true;
}

void Scheduler::Count(const Task& task, int sign) {
  if (NodeState* node = FindNode(task.node_id)) node->Count(task, NumberOf(task.service_id), sign);
}

NodeState* Scheduler::FindNode(const std::string& id) {
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : found->second.get();
}

ServiceNumber Scheduler::NumberOf(const std::string& service_id) {
  return services_.try_emplace(service_id, static_cast<ServiceNumber>(services_.size()))
      .first->second;
}

FailureKey Scheduler::FailureKeyOf(const Task& task) {
  return {NumberOf(task.service_id), task.has_spec_version ? task.spec_version : 0};
}

void Scheduler::Arm() {
  if (armed_ || writing_ || !work_) return;
  armed_ = true;
  if (options_.debounce > Duration::zero()) {
    timer_ = env_.loop().After(options_.debounce, [this] { Schedule(); });
  } else {
    // Behind the commits that have arrived already.
    env_.loop().Post([this] { Schedule(); });
  }
}

void Scheduler::Schedule() {
  armed_ = work_ = false;
  const ViewPtr view = env_.Read();
  SchedulePreassigned(*view);
  for (auto it = queue_.begin(); it != queue_.end();) {
    if (!it->second.stuck || nodes_changed_) ScheduleGroup(*view, it->second);
    it = it->second.tasks.empty() ? queue_.erase(it) : std::next(it);
  }
  nodes_changed_ = false;
  Write();
}

void Scheduler::SchedulePreassigned(const View& view) {
  for (auto it = preassigned_.begin(); it != preassigned_.end();) {
    const TaskPtr task = view.GetTask(it->first);
    NodeState* node = task ? FindNode(task->node_id) : nullptr;
    const bool waits = task && task->status.state == pb::PENDING;
    if (!waits || tracked_.contains(std::string_view(it->first))) {
      it = preassigned_.erase(it);
      continue;
    }
    if (!node || task->desired_state > pb::COMPLETE) {
      ++it;
      continue;
    }
    Pipeline pipeline(*task, NumberOf(task->service_id));
    if (pipeline.Check(*node)) {
      Assign(task, *node, kConfirmed);
      it = preassigned_.erase(it);
      continue;
    }
    std::string why = pipeline.Explain();
    if (task->status.err != why) {
      decisions_.push_back({Decision::Kind::kExplain, task, nullptr, std::move(why)});
    }
    ++it;
  }
}

std::vector<TaskPtr> Scheduler::StillWaiting(const View& view, Group& group) {
  auto& tasks = group.tasks;
  std::sort(tasks.begin(), tasks.end(),
            [](const TaskPtr& a, const TaskPtr& b) { return a->id < b->id; });
  tasks.erase(std::unique(tasks.begin(), tasks.end(),
                          [](const TaskPtr& a, const TaskPtr& b) { return a->id == b->id; }),
              tasks.end());
  std::vector<TaskPtr> out;
  out.reserve(tasks.size());
  for (const TaskPtr& queued : tasks) {
    TaskPtr task = view.GetTask(queued->id);
    if (!task || !task->node_id.empty() || task->status.state != pb::PENDING) continue;
    if (tracked_.contains(std::string_view(task->id))) continue;
    if (task->desired_state <= pb::COMPLETE) {
      out.push_back(std::move(task));
    } else if (task->desired_state < pb::REMOVE) {
      // Shut down before it had a node: nobody else can report that.
      decisions_.push_back({Decision::Kind::kShutDown, std::move(task), nullptr, {}});
    }
  }
  tasks.clear();
  return out;
}

void Scheduler::ScheduleGroup(const View& view, Group& group) {
  const std::vector<TaskPtr> tasks = StillWaiting(view, group);
  if (tasks.empty()) return;
  const Task& any = *tasks.front();
  const ServiceNumber service = NumberOf(any.service_id);
  Pipeline pipeline(any, service);
  std::size_t next = 0;
  PlacementRequest request{any.spec->placement(),
                           pipeline,
                           service,
                           FailureKeyOf(any),
                           env_.SteadyNow(),
                           env_.random(),
                           [&](NodeState& node) { Assign(tasks[next++], node, kAssigned); }};
  std::vector<NodeState*> nodes;
  nodes.reserve(nodes_.size());
  for (const auto& [id, node] : nodes_) nodes.push_back(node.get());
  PlacementTree tree(request, nodes);
  (void)tree.Place(tasks.size());
  if (next < tasks.size()) {
    Explain(view, pipeline, tasks.data() + next, tasks.data() + tasks.size(), group);
  }
}

void Scheduler::Assign(const TaskPtr& task, NodeState& node, std::string_view message) {
  auto counted = std::make_shared<Task>(*task);
  counted->node_id = node.node().id();
  const pb::Resources& wanted = task->spec->resources().reservations();
  if (wanted.generic_size() > 0) {
    auto extras =
        task->extras ? std::make_shared<TaskExtras>(*task->extras) : std::make_shared<TaskExtras>();
    extras->assigned_generic_resources = node.PickGeneric(wanted);
    counted->extras = std::move(extras);
  }
  node.Count(*counted, NumberOf(task->service_id), 1);
  tracked_.insert(counted);
  decisions_.push_back({Decision::Kind::kAssign, task, std::move(counted), std::string(message)});
}

void Scheduler::Explain(const View& view, Pipeline& pipeline, const TaskPtr* first,
                        const TaskPtr* limit, Group& group) {
  // Every node fails now, each for its own reason.
  pipeline.Reset();
  for (const auto& [id, node] : nodes_) (void)pipeline.Check(*node);
  std::string text(kNoNode);
  if (const std::string why = pipeline.Explain(); !why.empty()) text += " (" + why + ")";
  const std::string& service_id = (*first)->service_id;
  if (!service_id.empty() && !view.Get<pb::Service>(service_id)) return;
  group.stuck = true;
  for (const TaskPtr* task = first; task != limit; ++task) {
    group.tasks.push_back(*task);
    if ((*task)->status.err == text) continue;
    decisions_.push_back({Decision::Kind::kExplain, *task, nullptr, text});
  }
}

Status Scheduler::Apply(Transaction& tx, Decision& decision, TaskTime now) {
  decision.written = false;
  const TaskPtr task = tx.GetTask(decision.task->id);
  if (!task || task->status.state != pb::PENDING || task->node_id != decision.task->node_id) {
    return Status::Ok();
  }
  auto changed = std::make_shared<Task>(*task);
  changed->status.timestamp = now;
  switch (decision.kind) {
    case Decision::Kind::kAssign: {
      const auto node = tx.Get<pb::Node>(decision.counted->node_id);
      const bool fit = node && node->status().state() == pb::NodeStatus::READY &&
                       node->spec().availability() == pb::NodeSpec::ACTIVE;
      if (!fit || task->desired_state > pb::COMPLETE) return Status::Ok();
      changed->node_id = decision.counted->node_id;
      changed->extras = decision.counted->extras;
      changed->status = {};
      changed->status.state = pb::ASSIGNED;
      changed->status.timestamp = now;
      changed->status.message = decision.text;
      break;
    }
    case Decision::Kind::kExplain:
      if (task->status.err == decision.text) return Status::Ok();
      changed->status.err = decision.text;
      break;
    case Decision::Kind::kShutDown:
      if (task->desired_state <= pb::COMPLETE) return Status::Ok();
      changed->status.state = pb::SHUTDOWN;
      changed->status.err.clear();
      break;
  }
  SWARM_RETURN_IF_ERROR(tx.UpdateTask(std::move(changed)));
  decision.written = true;
  return Status::Ok();
}

void Scheduler::Write() {
  if (decisions_.empty()) return Arm();
  writing_ = true;
  auto decisions = std::make_shared<std::vector<Decision>>(std::exchange(decisions_, {}));
  auto step = [decisions, at = std::size_t{0},
               now = env_.Stamp()](Transaction& tx) mutable -> Result<bool> {
    if (at == decisions->size()) return false;
    SWARM_RETURN_IF_ERROR(Apply(tx, (*decisions)[at++], now));
    return true;
  };
  env_.Batch(std::move(step),
             [this, decisions](const Status& status) { Written(*decisions, status); });
}

void Scheduler::Written(std::vector<Decision>& decisions, const Status& status) {
  writing_ = false;
  const ViewPtr view = env_.Read();
  for (const Decision& decision : decisions) {
    if (decision.kind != Decision::Kind::kAssign || (status.ok() && decision.written)) continue;
    const std::string& id = decision.task->id;
    const TaskPtr current = view->GetTask(id);
    // Part of a batch that failed later on.
    if (current && current->status.state >= pb::ASSIGNED) continue;
    const auto counted = tracked_.find(std::string_view(id));
    if (counted != tracked_.end() && *counted == decision.counted) Release(id);
    if (!current || current->status.state != pb::PENDING) continue;
    if (current->node_id.empty()) {
      Enqueue(current);
    } else {
      preassigned_[id] = current;
      work_ = true;
    }
  }
  if (!status.ok()) {
    env_.logger().Warn("placement not written", {{"error", status.ToString()}});
    armed_ = true;
    timer_ = env_.loop().After(kPauseAfterFailure, [this] { Schedule(); });
    return;
  }
  Arm();
}

}  // namespace swarm::scheduler
