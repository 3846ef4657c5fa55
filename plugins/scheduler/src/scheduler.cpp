#include "scheduler.h"

#include <utility>

namespace swarm::scheduler {
namespace {

constexpr std::string_view kAssigned = "scheduler assigned task to node";
constexpr std::string_view kConfirmed = "scheduler confirmed task can run on preassigned node";
constexpr std::string_view kNoNode = "no suitable node";
constexpr Duration kPauseAfterFailure = std::chrono::seconds(1);

// Explanations of few tasks are always true; those of very many are brought up to date less often
// the more there are, since each is a write.
constexpr std::size_t kFewTasks = 100;
constexpr Duration kPausePerTask = std::chrono::milliseconds(1);

Duration PauseBetweenExplanations(std::size_t tasks) {
  return tasks <= kFewTasks ? Duration::zero() : static_cast<std::int64_t>(tasks) * kPausePerTask;
}

// Whether both take the same from a node.
bool CountsAlike(const Task& a, const Task& b) {
  return a.node_id == b.node_id && a.spec == b.spec && a.endpoint == b.endpoint &&
         a.extras == b.extras &&
         (a.desired_state <= pb::COMPLETE) == (b.desired_state <= pb::COMPLETE);
}

}  // namespace

Scheduler::Scheduler(component::Env& env, SchedulerOptions options)
    : env_(env), options_(options), nodes_(env.random()) {}

void Scheduler::Begin(const ViewPtr& view) {
  (void)view->FindMessages(Table::kNode, By::All(), [this](const MessagePtr& message) {
    nodes_.Set(std::static_pointer_cast<const pb::Node>(message));
    return true;
  });
  (void)view->FindTasks(By::All(), [this](const TaskPtr& task) {
    const pb::TaskState state = task->status.state;
    if (state < pb::PENDING || IsTerminal(state)) return true;
    if (state != pb::PENDING) {
      Track(task);
    } else if (task->desired_state <= pb::COMPLETE) {
      Wait(task);
    }
    // Nobody waits for the others: the orchestrator or the reaper ends them.
    return true;
  });
  Arm();
}

void Scheduler::OnCommit(const Commit& commit) {
  for (const Event& event : commit.events) {
    if (event.table == Table::kTask) {
      OnTask(event);
    } else if (event.table == Table::kNode) {
      OnNode(event);
    } else if (event.table == Table::kService && event.change == Change::kRemove) {
      const std::string& id = static_cast<const pb::Service&>(*event.object).id();
      waiting_.RemoveService(id);
      services_.Removed(id);
    }
  }
  Arm();
}

void Scheduler::OnTask(const Event& event) {
  const TaskPtr& task = event.task;
  const pb::TaskState state = task->status.state;
  const bool gone = event.change == Change::kRemove;
  const Task* before = event.old_task.get();
  if (!gone && state == pb::PENDING) {
    // What only got another explanation waits already.
    const bool news = !before || before->status.state != pb::PENDING ||
                      before->desired_state != task->desired_state;
    if (news || task->node_id.empty()) Wait(task);
    return;
  }
  if (!before || before->status.state == pb::PENDING) StopWaiting(*task);
  if (gone) return Release(task->id);
  if (state < pb::PENDING) return;
  if (!IsTerminal(state)) {
    if (!task->node_id.empty()) Track(task);
    return;
  }
  const bool failed = state == pb::FAILED || state == pb::REJECTED;
  // Tasks that had no choice of node say nothing about the node.
  if (failed && task->slot != 0 && tracked_.contains(std::string_view(task->id))) {
    if (NodeState* node = nodes_.Find(task->node_id)) {
      node->RecordFailure(FailureKeyOf(*task), env_.SteadyNow());
    }
  }
  Release(task->id);
}

void Scheduler::OnNode(const Event& event) {
  const auto node = std::static_pointer_cast<const pb::Node>(event.object);
  if (event.change == Change::kRemove) {
    nodes_.Remove(node->id());
  } else {
    nodes_.Set(node);
  }
  work_ = true;
}

void Scheduler::Wait(const TaskPtr& task) {
  // A decision about it is under way.
  if (tracked_.contains(std::string_view(task->id))) return;
  if (task->desired_state > pb::COMPLETE) {
    StopWaiting(*task);
    if (task->desired_state < pb::REMOVE) shut_down_.insert(task->id);
    work_ = true;
  } else if (!task->node_id.empty()) {
    preassigned_.Add(task);
    work_ = true;
  } else if (waiting_.Add(task)) {
    work_ = true;
  }
}

void Scheduler::StopWaiting(const Task& task) {
  waiting_.Remove(task);
  if (!task.node_id.empty()) preassigned_.Remove(task);
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
  if (alike) return;
  Count(*task, 1);
  work_ = true;
}

void Scheduler::Release(std::string_view task_id) {
  const auto found = tracked_.find(task_id);
  if (found == tracked_.end()) return;
  Count(**found, -1);
  tracked_.erase(found);
  work_ = true;
}

void Scheduler::Count(const Task& task, int sign) {
  nodes_.Count(task, services_.Count(task.service_id, sign), sign);
}

FailureKey Scheduler::FailureKeyOf(const Task& task) {
  return {services_.Of(task.service_id), task.has_spec_version ? task.spec_version : 0};
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
  const std::vector<NodeTable::Changed> changed = nodes_.TakeChanged();
  ReportShutDown(*view);
  SchedulePreassigned(*view, changed);
  if (!changed.empty()) {
    waiting_.VisitStuck([&](const GroupKey&, Group& group) { Retry(group, changed); });
  } else if (explain_) {
    waiting_.VisitStuck([&](const GroupKey&, Group& group) { Explain(group); });
  }
  explain_ = false;
  for (const GroupKey& key : waiting_.TakeFresh()) {
    if (Group* group = waiting_.Find(key)) Try(*group);
    waiting_.DropIfEmpty(key);
  }
  Write();
}

void Scheduler::ReportShutDown(const View& view) {
  for (const std::string& id : std::exchange(shut_down_, {})) {
    TaskPtr task = view.GetTask(id);
    if (!task || task->status.state != pb::PENDING) continue;
    // Shut down before a node had it: nobody else can report that.
    decisions_.push_back({.kind = Decision::Kind::kShutDown, .task = std::move(task)});
  }
}

void Scheduler::SchedulePreassigned(const View& view,
                                    const std::vector<NodeTable::Changed>& changed) {
  for (const std::string& id : preassigned_.TakeDue(changed)) {
    const TaskPtr task = view.GetTask(id);
    NodeState* node = task ? nodes_.Find(task->node_id) : nullptr;
    if (!node || task->status.state != pb::PENDING || task->desired_state > pb::COMPLETE) continue;
    const Pipeline pipeline(task, services_.Of(task->service_id));
    const Filter failure = pipeline.FirstFailure(*node);
    if (failure == Filter::kNone) {
      preassigned_.Remove(*task);
      Assign(task, *node, pipeline.generic(), kConfirmed);
      continue;
    }
    Verdicts verdicts;
    verdicts.Set(0, failure);
    ExplainTask(task, verdicts.Explain());
  }
}

void Scheduler::Try(Group& group) {
  if (!group.stuck) {
    const TaskPtr any = group.tasks.begin()->second;
    auto stuck = std::make_unique<Group::Stuck>(any, services_.Of(any->service_id));
    Place(group, stuck->pipeline, nullptr);
    if (group.tasks.empty()) return;
    for (const NodeState* node : nodes_.All()) {
      stuck->verdicts.Set(node->index(), stuck->pipeline.FirstFailure(*node));
    }
    group.stuck = std::move(stuck);
  }
  Explain(group);
}

void Scheduler::Retry(Group& group, const std::vector<NodeTable::Changed>& changed) {
  Group::Stuck& stuck = *group.stuck;
  std::vector<NodeState*> fit;
  for (const NodeTable::Changed& node : changed) {
    const Filter failure = node.node ? stuck.pipeline.FirstFailure(*node.node) : Filter::kNone;
    stuck.verdicts.Set(node.index, failure);
    if (node.node && failure == Filter::kNone) fit.push_back(node.node);
  }
  if (!fit.empty() && !group.tasks.empty()) {
    // All others fail, but where there are levels to balance they count.
    const pb::Placement& placement = group.tasks.begin()->second->spec->placement();
    const std::vector<NodeState*>& nodes = SpreadsOverLabels(placement) ? nodes_.All() : fit;
    Place(group, stuck.pipeline, &nodes);
    for (const NodeState* node : nodes) {
      stuck.verdicts.Set(node->index(), stuck.pipeline.FirstFailure(*node));
    }
  }
  Explain(group);
}

void Scheduler::Place(Group& group, const Pipeline& pipeline, const std::vector<NodeState*>* only) {
  const TaskPtr any = group.tasks.begin()->second;
  PlacementRequest request{any->spec->placement(),
                           pipeline,
                           services_.Of(any->service_id),
                           FailureKeyOf(*any),
                           env_.SteadyNow(),
                           env_.random(),
                           [&](NodeState& node) {
                             const auto next = group.tasks.extract(group.tasks.begin());
                             Assign(next.mapped(), node, pipeline.generic(), kAssigned);
                           }};
  const std::uint64_t count = group.tasks.size();
  if (only) {
    (void)PlacementTree(request, *only).Place(count);
  } else {
    (void)PlaceTasks(request, nodes_, count);
  }
}

void Scheduler::Assign(const TaskPtr& task, NodeState& node,
                       const std::vector<GenericNeed>& generic, std::string_view message) {
  auto counted = std::make_shared<Task>(*task);
  counted->node_id = node.node().id();
  if (!generic.empty()) {
    auto extras =
        task->extras ? std::make_shared<TaskExtras>(*task->extras) : std::make_shared<TaskExtras>();
    extras->assigned_generic_resources = node.PickGeneric(generic);
    counted->extras = std::move(extras);
  }
  Count(*counted, 1);
  tracked_.insert(counted);
  decisions_.push_back(
      {Decision::Kind::kAssign, task, std::move(counted), node.shared(), std::string(message)});
}

void Scheduler::Explain(Group& group) {
  if (group.tasks.empty()) return;
  std::string text(kNoNode);
  if (const std::string why = group.stuck->verdicts.Explain(); !why.empty()) {
    text += " (" + why + ")";
  }
  for (const std::string& id : std::exchange(group.unexplained, {})) {
    const auto task = group.tasks.find(id);
    if (task != group.tasks.end()) ExplainTask(task->second, text);
  }
  if (group.explanation == text) return;
  const SteadyTime now = env_.SteadyNow();
  const SteadyTime due = group.explained_at + PauseBetweenExplanations(group.tasks.size());
  if (!group.explanation.empty() && now < due) {
    if (explain_timer_) return;
    explain_timer_ = env_.loop().After(due - now, [this] {
      const auto ended = std::exchange(explain_timer_, nullptr);
      explain_ = work_ = true;
      Arm();
    });
    return;
  }
  if (!group.explanation.empty()) {
    for (const auto& [id, task] : group.tasks) ExplainTask(task, text);
  }
  group.explanation = std::move(text);
  group.explained_at = now;
}

void Scheduler::ExplainTask(const TaskPtr& task, const std::string& text) {
  if (task->status.err == text) return;
  decisions_.push_back({.kind = Decision::Kind::kExplain, .task = task, .text = text});
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
    const bool assign = decision.kind == Decision::Kind::kAssign;
    // Another explanation that found nothing to explain is no failure.
    if (status.ok() && (decision.written || !assign)) continue;
    const TaskPtr current = view->GetTask(decision.task->id);
    // Part of a batch that failed later on.
    if (current && current->status.state >= pb::ASSIGNED) continue;
    if (assign) {
      const auto counted = tracked_.find(std::string_view(decision.task->id));
      if (counted != tracked_.end() && *counted == decision.counted) Release(decision.task->id);
    }
    if (!current || current->status.state != pb::PENDING) continue;
    StopWaiting(*current);
    Wait(current);
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
