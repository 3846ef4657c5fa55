#include "component_testing/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace swarm::component::testing {

// Every node at once.
class World::Runner {
 public:
  Runner(World& world, std::function<bool(const Task&)> fails, bool assigned_only)
      : world_(world),
        fails_(std::move(fails)),
        assigned_only_(assigned_only),
        loop_(world.runtime().NewLoop("runner", LoopKind::kShared)) {
    auto [view, subscription] = world.store_.ReadAndWatch({{Table::kTask, Table::kNode}}, *loop_,
                                                          [this](const CommitPtr& c) {
                                                            for (const Event& event : c->events)
                                                              OnEvent(event);
                                                          });
    subscription_ = std::move(subscription);
    loop_->Post([this, view = view] {
      (void)view->FindTasks(By::All(), [this](const TaskPtr& task) {
        Advance(task);
        return true;
      });
    });
  }
  ~Runner() {
    loop_->Stop();
    subscription_.reset();
  }

 private:
  void OnEvent(const Event& event) {
    if (event.change == Change::kRemove) return;
    if (event.task) return Advance(event.task);
    // A commit comes whole, with events of other tables.
    if (event.table != Table::kNode) return;
    // A node that is back goes on with what it has.
    const auto& node = static_cast<const pb::Node&>(*event.object);
    (void)world_.view()->FindTasks(By::Node(node.id()), [this](const TaskPtr& task) {
      Advance(task);
      return true;
    });
  }
  bool OnItsNode(const Reader& reader, const Task& task) const {
    if (!assigned_only_) return true;
    if (task.status.state < pb::ASSIGNED) return false;
    const auto node = reader.Get<pb::Node>(task.node_id);
    return node && node->status().state() == pb::NodeStatus::READY;
  }
  std::optional<pb::TaskState> Next(const Reader& reader, const Task& task) const {
    if (!OnItsNode(reader, task)) return std::nullopt;
    const pb::TaskState state = task.status.state;
    if (IsTerminal(state)) return std::nullopt;
    if (task.desired_state >= pb::SHUTDOWN) return pb::SHUTDOWN;
    if (task.desired_state == pb::READY && state < pb::READY) return pb::READY;
    if (task.desired_state == pb::RUNNING && state < pb::RUNNING) {
      return fails_ && fails_(task) ? pb::FAILED : pb::RUNNING;
    }
    return std::nullopt;
  }
  void Advance(const TaskPtr& task) {
    if (!Next(*world_.view(), *task)) return;
    world_.store_.writer()->Update(
        [this, id = task->id, now = world_.runtime().clock().Now()](Transaction& tx) {
          const TaskPtr task = tx.GetTask(id);
          const auto next = task ? Next(tx, *task) : std::nullopt;
          if (!next) return Status::Ok();
          auto changed = std::make_shared<Task>(*task);
          changed->status.state = *next;
          const auto since = now.time_since_epoch();
          const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
          changed->status.timestamp = {seconds.count(),
                                       static_cast<std::int32_t>((since - seconds).count()), true};
          changed->status.applied_at = changed->status.timestamp;
          return tx.UpdateTask(std::move(changed));
        },
        [](const Result<Index>&) {});
  }

  World& world_;
  const std::function<bool(const Task&)> fails_;
  const bool assigned_only_;
  const std::unique_ptr<Loop> loop_;
  std::unique_ptr<Subscription> subscription_;
};

World::World(std::uint64_t seed)
    : sim_(seed), machine_(sim_.AddMachine("manager")), store_(machine_.runtime()) {
  // No real cluster begins at index 0, where an object's version would equal an unset one.
  Write([](Transaction& tx) {
    auto first = std::make_shared<pb::Config>();
    first->set_id("first");
    return tx.Create(std::move(first));
  });
}

World::~World() {
  Stop();
  runner_.reset();
}

void World::Write(std::function<Status(Transaction&)> fn) {
  std::optional<Status> outcome;
  store_.writer()->Update([fn](Transaction& tx) { return fn(tx); },
                          [&outcome](const Result<Index>& result) { outcome = result.status(); });
  ASSERT_TRUE(Until([&outcome] { return outcome.has_value(); }));
  ASSERT_TRUE(outcome->ok()) << *outcome;
  if (settle_) sim_.Settle();
}

void World::Start(ComponentParameters parameters, MakePart make) {
  components_.push_back(std::make_unique<Component>(runtime(), store_, Logger(),
                                                    std::move(parameters), std::move(make)));
  std::optional<Status> started;
  components_.back()->Start([&started](Status status) { started = std::move(status); });
  sim_.Settle();
  ASSERT_TRUE(started.has_value());
  ASSERT_TRUE(started->ok()) << *started;
}

void World::Stop() {
  while (!components_.empty()) {
    components_.back()->Stop([] {});
    components_.pop_back();
  }
}

bool World::Until(const std::function<bool()>& condition, Duration limit) {
  return sim_.RunUntil(condition, limit);
}

void World::AddCluster(std::function<void(pb::Cluster&)> edit) {
  Write([&](Transaction& tx) {
    auto cluster = std::make_shared<pb::Cluster>();
    cluster->set_id("cluster");
    cluster->mutable_spec()->mutable_annotations()->set_name("default");
    cluster->mutable_spec()->mutable_orchestration()->set_task_history_retention_limit(5);
    if (edit) edit(*cluster);
    return tx.Create(std::move(cluster));
  });
}

void World::AddNode(const std::string& id, std::function<void(pb::Node&)> edit) {
  Write([&](Transaction& tx) {
    auto node = std::make_shared<pb::Node>();
    node->set_id(id);
    node->mutable_spec()->mutable_annotations()->set_name(id);
    node->mutable_description()->set_hostname(id);
    node->mutable_status()->set_state(pb::NodeStatus::READY);
    if (edit) edit(*node);
    return tx.Create(std::move(node));
  });
}

void World::EditNode(const std::string& id, std::function<void(pb::Node&)> edit) {
  Write([&](Transaction& tx) {
    auto node = std::make_shared<pb::Node>(*tx.Get<pb::Node>(id));
    edit(*node);
    return tx.Update(std::move(node));
  });
}

void World::RemoveNode(const std::string& id) {
  Write([&](Transaction& tx) { return tx.Remove<pb::Node>(id); });
}

void World::AddService(const std::string& id, std::uint64_t replicas,
                       std::function<void(pb::Service&)> edit) {
  Write([&](Transaction& tx) {
    auto service = std::make_shared<pb::Service>();
    service->set_id(id);
    auto& spec = *service->mutable_spec();
    spec.mutable_annotations()->set_name(id);
    spec.mutable_task()->mutable_container()->set_image("image");
    spec.mutable_replicated()->set_replicas(replicas);
    service->mutable_spec_version();
    if (edit) edit(*service);
    return tx.Create(std::move(service));
  });
}

void World::UpdateService(const std::string& id, std::function<void(pb::ServiceSpec&)> edit) {
  Write([&](Transaction& tx) {
    auto service = std::make_shared<pb::Service>(*tx.Get<pb::Service>(id));
    *service->mutable_previous_spec() = service->spec();
    if (service->has_spec_version()) {
      *service->mutable_previous_spec_version() = service->spec_version();
      service->mutable_spec_version()->set_index(service->meta().version().index());
    }
    service->clear_update_status();
    edit(*service->mutable_spec());
    return tx.Update(std::move(service));
  });
}

void World::RemoveService(const std::string& id) {
  Write([&](Transaction& tx) { return tx.Remove<pb::Service>(id); });
}

void World::AddTask(const std::string& id, const std::string& service_id,
                    std::function<void(Task&)> edit) {
  Write([&](Transaction& tx) {
    auto task = std::make_shared<Task>();
    task->id = id;
    task->service_id = service_id;
    pb::TaskSpec spec;
    spec.mutable_container()->set_image("image");
    pb::Annotations annotations;
    annotations.set_name(service_id);
    if (const auto service = tx.Get<pb::Service>(service_id)) {
      spec = service->spec().task();
      annotations = service->spec().annotations();
      task->has_spec_version = service->has_spec_version();
      task->spec_version = service->spec_version().index();
    }
    task->spec = std::make_shared<const pb::TaskSpec>(spec);
    task->service_annotations = std::make_shared<const pb::Annotations>(annotations);
    task->desired_state = pb::RUNNING;
    if (edit) edit(*task);
    return tx.CreateTask(std::move(task));
  });
}

void World::EditTask(const std::string& id, std::function<void(Task&)> edit) {
  Write([&](Transaction& tx) {
    auto task = std::make_shared<Task>(*tx.GetTask(id));
    edit(*task);
    return tx.UpdateTask(std::move(task));
  });
}

void World::SetState(const std::string& id, pb::TaskState state) {
  const auto since = runtime().clock().Now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto nanos = static_cast<std::int32_t>((since - seconds).count());
  EditTask(id, [=](Task& task) {
    task.status.state = state;
    task.status.timestamp = {seconds.count(), nanos, true};
    task.status.applied_at = task.status.timestamp;
  });
}

std::vector<TaskPtr> World::Tasks(const std::string& service_id) {
  std::vector<TaskPtr> out;
  (void)view()->FindTasks(By::Service(service_id), [&out](const TaskPtr& task) {
    out.push_back(task);
    return true;
  });
  std::stable_sort(out.begin(), out.end(),
                   [](const TaskPtr& a, const TaskPtr& b) { return a->slot < b->slot; });
  return out;
}

std::vector<TaskPtr> World::Wanted(const std::string& service_id) {
  auto out = Tasks(service_id);
  std::erase_if(out, [](const TaskPtr& task) { return task->desired_state > pb::RUNNING; });
  return out;
}

std::vector<TaskPtr> World::Running(const std::string& service_id) {
  auto out = Wanted(service_id);
  std::erase_if(out, [](const TaskPtr& task) { return task->status.state != pb::RUNNING; });
  return out;
}

void World::RunTasks(std::function<bool(const Task&)> fails) {
  runner_ = std::make_unique<Runner>(*this, std::move(fails), false);
}

void World::RunAssignedTasks(std::function<bool(const Task&)> fails) {
  runner_ = std::make_unique<Runner>(*this, std::move(fails), true);
}

}  // namespace swarm::component::testing
