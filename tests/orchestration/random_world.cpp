#include "random_world.h"

#include "allocator.h"
#include "expectations.h"
#include "orchestrator.h"
#include "scheduler.h"

namespace swarm::test {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kCpu = 1'000'000'000;

void Label(pb::Node& node, const std::string& key, const std::string& value) {
  (*node.mutable_spec()->mutable_annotations()->mutable_labels())[key] = value;
}

}  // namespace

RandomWorld::RandomWorld(std::uint64_t seed)
    : world_(seed),
      loop_(world_.runtime().NewLoop("invariants", LoopKind::kShared)),
      invariants_(world_.store(), *loop_),
      trace_(world_.store(), *loop_, world_.runtime().clock()) {
  world_.DoNotSettle();
  world_.AddCluster([this](pb::Cluster& cluster) {
    cluster.mutable_spec()->mutable_orchestration()->set_task_history_retention_limit(
        static_cast<std::int64_t>(1 + Draw(3)));
  });
  AddBystanders();
  for (int i = 0; i < 4; ++i) AddNode();
  world_.RunAssignedTasks([this](const Task& task) { return Fails(task); });
  Lead();
  for (int i = 0; i < 3; ++i) AddService();
  // So that the bystanders are there before anything happens.
  world_.sim().RunFor(10s);
}

bool RandomWorld::Fails(const Task& task) const {
  if (!disturbing_ || task.service_id.starts_with("bystander")) return false;
  // Whether it fails is the task's own property: asked twice, the answer is the same.
  const auto luck = std::hash<std::string>()(task.id) % 12;
  return luck == 0 || (luck < 8 && task.spec->container().image() == "bad");
}

void RandomWorld::Lead() {
  world_.Start(
      {"orchestrator", {Table::kCluster, Table::kNode, Table::kService, Table::kTask}},
      [](component::Env& env) { return std::make_unique<orchestrator::Orchestrator>(env); });
  world_.Start({"allocator",
                {Table::kCluster, Table::kNetwork, Table::kNode, Table::kService, Table::kTask}},
               [](component::Env& env) { return std::make_unique<allocator::Allocator>(env); });
  world_.Start({"scheduler", {Table::kNode, Table::kService, Table::kTask}},
               [](component::Env& env) {
                 return std::make_unique<scheduler::Scheduler>(env, scheduler::SchedulerOptions{});
               });
}

void RandomWorld::ChangeLeader() {
  world_.Stop();
  Lead();
}

// --- what there is ---

void RandomWorld::AddBystanders() {
  for (const char* id : {"b0", "b1"}) {
    world_.AddNode(id, [](pb::Node& node) {
      Label(node, "role", "bystander");
      node.mutable_description()->mutable_resources()->set_nano_cpus(4 * kCpu);
    });
  }
  for (const bool global : {false, true}) {
    world_.AddService(global ? "bystander-global" : "bystander", 3, [=](pb::Service& service) {
      auto& spec = *service.mutable_spec();
      if (global) spec.mutable_global();
      spec.mutable_task()->mutable_placement()->add_constraints("node.labels.role == bystander");
    });
  }
}

void RandomWorld::RandomOffer(std::uint64_t draw, pb::Node& node) {
  auto& resources = *node.mutable_description()->mutable_resources();
  resources.set_nano_cpus(static_cast<std::int64_t>(2 + draw % 5) * kCpu);
  resources.clear_generic();
  if (draw % 3 == 0) {
    auto& spec = *resources.add_generic()->mutable_discrete_resource_spec();
    spec.set_kind("gpu");
    spec.set_value(static_cast<std::int64_t>(1 + draw % 4));
  } else {
    for (std::uint64_t i = 0; i < draw % 4; ++i) {
      auto& spec = *resources.add_generic()->mutable_named_resource_spec();
      spec.set_kind("gpu");
      spec.set_value("uuid" + std::to_string(i));
    }
  }
}

void RandomWorld::AddNode() {
  const std::string id = "n" + std::to_string(next_node_++);
  const std::uint64_t draw = Draw(1000);
  world_.AddNode(id, [=](pb::Node& node) {
    node.set_role(draw % 2 == 0 ? pb::MANAGER : pb::WORKER);
    Label(node, "zone", std::string(1, static_cast<char>('a' + draw % 3)));
    node.mutable_status()->set_addr("10.0." + std::to_string(draw % 2) + ".1");
    RandomOffer(draw / 7, node);
  });
  nodes_.insert(id);
}

// As the control API does: only nodes that are down, and their tasks are orphaned.
void RandomWorld::RemoveNode() {
  if (nodes_.size() < 3) return;
  const std::string id = Any(nodes_);
  if (world_.view()->Get<pb::Node>(id)->status().state() != pb::NodeStatus::DOWN) return;
  ++done_["remove node"];
  nodes_.erase(id);
  world_.Write([&](Transaction& tx) {
    std::vector<TaskPtr> tasks;
    (void)tx.FindTasks(By::Node(id), [&tasks](const TaskPtr& task) {
      if (task->status.state < pb::COMPLETE) tasks.push_back(task);
      return true;
    });
    for (const TaskPtr& task : tasks) {
      auto changed = std::make_shared<Task>(*task);
      changed->status = {};
      changed->status.state = pb::ORPHANED;
      SWARM_RETURN_IF_ERROR(tx.UpdateTask(std::move(changed)));
    }
    return tx.Remove<pb::Node>(id);
  });
}

void RandomWorld::RandomConstraint(pb::ServiceSpec& spec) {
  auto& placement = *spec.mutable_task()->mutable_placement();
  placement.clear_constraints();
  static constexpr const char* kConstraints[] = {
      "node.labels.zone == a",  "node.labels.zone != b", "node.role == worker",
      "node.ip == 10.0.1.0/24", "node.hostname != n2",   "node.labels.zone != nowhere"};
  const std::uint64_t which = Draw(std::size(kConstraints) + 3);
  if (which < std::size(kConstraints)) placement.add_constraints(kConstraints[which]);
}

void RandomWorld::RandomUpdate(pb::ServiceSpec& spec) {
  for (pb::UpdateConfig* config : {spec.mutable_update(), spec.mutable_rollback()}) {
    config->set_parallelism(Draw(3));
    config->mutable_delay()->set_nanos(static_cast<int>(Draw(3)) * 300'000'000);
    config->mutable_monitor()->set_seconds(1);
    config->set_order(Draw(2) == 0 ? pb::UpdateConfig::START_FIRST : pb::UpdateConfig::STOP_FIRST);
    config->set_failure_action(static_cast<pb::UpdateConfig::FailureAction>(Draw(3)));
    config->set_max_failure_ratio(Draw(2) == 0 ? 0.0F : 0.4F);
  }
}

void RandomWorld::RandomRestart(pb::ServiceSpec& spec) {
  auto& restart = *spec.mutable_task()->mutable_restart();
  restart.set_condition(pb::RestartPolicy::ANY);
  restart.mutable_delay()->set_nanos(static_cast<int>(Draw(4)) * 200'000'000);
  switch (Draw(6)) {
    case 0:
      return restart.set_condition(pb::RestartPolicy::NONE);
    case 1:
      return restart.set_condition(pb::RestartPolicy::ON_FAILURE);
    case 2:
      restart.set_max_attempts(1 + Draw(3));
      if (Draw(2) == 0) restart.mutable_window()->set_seconds(5);
      return;
    default:
      return;
  }
}

void RandomWorld::RandomNeeds(pb::ServiceSpec& spec) {
  auto& task = *spec.mutable_task();
  if (Draw(3) == 0) {
    task.mutable_resources()->mutable_reservations()->set_nano_cpus(kCpu);
  }
  if (Draw(5) == 0) {
    auto& need = *task.mutable_resources()
                      ->mutable_reservations()
                      ->add_generic()
                      ->mutable_discrete_resource_spec();
    need.set_kind("gpu");
    need.set_value(1);
  }
  if (Draw(4) == 0) {
    auto& port = *spec.mutable_endpoint()->add_ports();
    port.set_publish_mode(pb::PortConfig::HOST);
    port.set_protocol(Draw(2) == 0 ? pb::PortConfig::UDP : pb::PortConfig::TCP);
    port.set_target_port(80);
    port.set_published_port(static_cast<std::uint32_t>(80 + Draw(2)));
  }
  if (Draw(4) == 0) task.mutable_placement()->set_max_replicas(1 + Draw(2));
  if (Draw(3) == 0) {
    task.mutable_placement()->add_preferences()->mutable_spread()->set_spread_descriptor(
        "node.labels.zone");
  }
}

void RandomWorld::AddService() {
  const std::string id = "s" + std::to_string(next_service_++);
  world_.AddService(id, Draw(7), [this](pb::Service& service) {
    auto& spec = *service.mutable_spec();
    if (Draw(3) == 0) spec.mutable_global();
    RandomConstraint(spec);
    RandomUpdate(spec);
    RandomRestart(spec);
    RandomNeeds(spec);
  });
  services_.insert(id);
}

// --- what happens ---

void RandomWorld::Disturb(int actions) {
  for (int i = 0; i < actions; ++i) {
    Act();
    world_.sim().RunFor(Draw(4) == 0 ? Duration(5s) : std::chrono::milliseconds(Draw(400)));
  }
}

void RandomWorld::Act() {
  const std::uint64_t what = Draw(24);
  if (what < 10) return ActOnNode(what);
  if (what < 20) return ActOnService(what - 10);
  if (what == 20) return DeleteTask();
  if (what == 21) {
    ++done_["leader"];
    return ChangeLeader();
  }
  FailTask();
}

void RandomWorld::Edit(const char* name, const EditNode& edit) {
  ++done_[name];
  world_.EditNode(Any(nodes_), edit);
}

void RandomWorld::ActOnNode(std::uint64_t what) {
  const auto set_availability = [this](const char* name, pb::NodeSpec::Availability value) {
    Edit(name, [=](pb::Node& node) { node.mutable_spec()->set_availability(value); });
  };
  const std::uint64_t draw = Draw(1000);
  switch (what) {
    case 0:
      if (nodes_.size() > 6) return;
      ++done_["add node"];
      return AddNode();
    case 1:
      return RemoveNode();
    case 2:
      return set_availability("drain", pb::NodeSpec::DRAIN);
    case 3:
      return set_availability("pause", pb::NodeSpec::PAUSE);
    case 4:
      return set_availability("activate", pb::NodeSpec::ACTIVE);
    case 5:
      return Edit("down",
                  [](pb::Node& node) { node.mutable_status()->set_state(pb::NodeStatus::DOWN); });
    case 6:
      return Edit("up", [](pb::Node& node) {
        node.mutable_status()->set_state(pb::NodeStatus::READY);
        node.mutable_spec()->set_availability(pb::NodeSpec::ACTIVE);
      });
    case 7:
      return Edit("resize", [=](pb::Node& node) { RandomOffer(draw, node); });
    case 8:
      return Edit("role", [](pb::Node& node) {
        node.set_role(node.role() == pb::MANAGER ? pb::WORKER : pb::MANAGER);
      });
    default:
      return Edit("label", [=](pb::Node& node) {
        Label(node, "zone", std::string(1, static_cast<char>('a' + draw % 3)));
      });
  }
}

void RandomWorld::Update(const char* name, const EditSpec& edit) {
  if (services_.empty()) return;
  ++done_[name];
  world_.UpdateService(Any(services_), edit);
}

void RandomWorld::ActOnService(std::uint64_t what) {
  switch (what) {
    case 0:
    case 1:
      return Update("scale", [this](pb::ServiceSpec& spec) {
        if (spec.has_replicated()) spec.mutable_replicated()->set_replicas(Draw(10));
      });
    case 2:
    case 3:
      return Update("image", [this](pb::ServiceSpec& spec) {
        const std::string image = Draw(4) == 0 ? "bad" : "v" + std::to_string(Draw(1000));
        spec.mutable_task()->mutable_container()->set_image(image);
      });
    case 4:
      return Update("constrain", [this](pb::ServiceSpec& spec) { RandomConstraint(spec); });
    case 5:
      return Update("reconfigure", [this](pb::ServiceSpec& spec) {
        RandomUpdate(spec);
        RandomRestart(spec);
      });
    case 6:
      return RollBack();
    case 7: {
      if (services_.size() < 3) return;
      ++done_["remove service"];
      const std::string id = Any(services_);
      services_.erase(id);
      return world_.RemoveService(id);
    }
    default:
      if (services_.size() > 5) return;
      ++done_["create service"];
      return AddService();
  }
}

// As the control API does when asked for the previous version.
void RandomWorld::RollBack() {
  if (services_.empty()) return;
  const std::string id = Any(services_);
  if (!world_.Service(id)->has_previous_spec()) return;
  ++done_["roll back"];
  world_.Write([&](Transaction& tx) {
    auto service = std::make_shared<pb::Service>(*tx.Get<pb::Service>(id));
    // A concurrent rollback may have used it up.
    if (!service->has_previous_spec()) return Status::Ok();
    service->mutable_spec()->Swap(service->mutable_previous_spec());
    service->mutable_spec_version()->Swap(service->mutable_previous_spec_version());
    auto& status = *service->mutable_update_status();
    status.Clear();
    status.set_state(pb::UpdateStatus::ROLLBACK_STARTED);
    status.set_message("manually requested rollback");
    return tx.Update(std::move(service));
  });
}

void RandomWorld::FailTask() {
  if (services_.empty()) return;
  const auto running = world_.Running(Any(services_));
  if (running.empty()) return;
  ++done_["fail"];
  world_.SetState(running[Draw(running.size())]->id, Draw(3) == 0 ? pb::COMPLETE : pb::FAILED);
}

// A user may delete a task; that of a replicated service is made again.
void RandomWorld::DeleteTask() {
  if (services_.empty()) return;
  const std::string id = Any(services_);
  if (world_.Service(id)->spec().has_global()) return;
  const auto tasks = world_.Tasks(id);
  if (tasks.empty()) return;
  const TaskPtr task = tasks[Draw(tasks.size())];
  // What a node still has would go on running there.
  if (task->status.state >= pb::ASSIGNED && !IsTerminal(task->status.state)) return;
  // Without its history a slot that is not restarted looks as if it had never run.
  const pb::RestartPolicy& policy = world_.Service(id)->spec().task().restart();
  const bool restarted = policy.condition() == pb::RestartPolicy::ANY && policy.max_attempts() == 0;
  if (task->desired_state > pb::RUNNING && !restarted) return;
  ++done_["delete task"];
  world_.Write([&](Transaction& tx) {
    return tx.GetTask(task->id) ? tx.Delete(Table::kTask, task->id) : Status::Ok();
  });
}

// --- the end ---

void RandomWorld::Settle() {
  disturbing_ = false;
  // Updates that gave up are begun again by their users.
  const auto finish_updates = [this] {
    for (const std::string& id : services_) {
      const auto state = world_.Service(id)->update_status().state();
      if (state != pb::UpdateStatus::PAUSED && state != pb::UpdateStatus::ROLLBACK_PAUSED) continue;
      ++done_["resume"];
      world_.UpdateService(id, [](pb::ServiceSpec& spec) {
        spec.mutable_task()->set_force_update(spec.task().force_update() + 1);
        spec.mutable_update()->set_failure_action(pb::UpdateConfig::CONTINUE);
      });
    }
  };
  world_.sim().RunFor(5min);
  finish_updates();
  // A restart's delay, and the longest wait for an old task several times over.
  world_.sim().RunFor(20min);
}

std::set<std::string> RandomWorld::Comparable() {
  std::set<std::string> out;
  (void)world_.view()->FindMessages(Table::kService, By::All(), [&](const MessagePtr& message) {
    const auto& service = static_cast<const pb::Service&>(*message);
    // Whether the first task of a version was a restart is not written anywhere: a new leader may
    // allow one more.
    const bool counts = service.spec().task().restart().max_attempts() > 0;
    if (!counts && !DependsOnItsNodes(*world_.view(), service)) out.insert(service.id());
    return true;
  });
  return out;
}

std::map<std::string, std::uint64_t> RandomWorld::TaskVersions(
    const std::set<std::string>& services) {
  std::map<std::string, std::uint64_t> out;
  (void)world_.view()->FindTasks(By::All(), [&](const TaskPtr& task) {
    if (!services.contains(task->service_id)) return true;
    // One that waits for a node is told anew why it does; that may have changed.
    const bool waits = task->status.state == pb::PENDING;
    out[task->id] = waits ? static_cast<std::uint64_t>(task->desired_state) : task->version;
    return true;
  });
  return out;
}

std::set<std::string> RandomWorld::BystandersTasks() {
  std::set<std::string> out;
  for (const char* id : {"bystander", "bystander-global"}) {
    for (const TaskPtr& task : world_.Tasks(id)) {
      out.insert(task->id + (task->status.state == pb::RUNNING ? " runs" : " does not run"));
    }
  }
  return out;
}

std::string RandomWorld::Describe() {
  std::string out;
  (void)world_.view()->FindMessages(Table::kNode, By::All(), [&out](const MessagePtr& node) {
    out += node->ShortDebugString() + "\n";
    return true;
  });
  (void)world_.view()->FindMessages(Table::kService, By::All(), [&](const MessagePtr& message) {
    out += message->ShortDebugString() + "\n";
    for (const TaskPtr& task : world_.Tasks(static_cast<const pb::Service&>(*message).id())) {
      out += "  " + Line(*task) + "\n";
    }
    return true;
  });
  return out;
}

}  // namespace swarm::test
