// Orchestrator, allocator and scheduler together, with nodes that come and go, tasks that fail,
// users that change their minds and leaders that change: nothing forbidden happens on the way, and
// once the disturbance ends everything is as the services ask.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "allocator.h"
#include "component_testing/world.h"
#include "invariants.h"
#include "orchestrator.h"
#include "scheduler.h"

namespace swarm::test {
namespace {

using namespace std::chrono_literals;
using component::testing::World;

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed)
      : world_(seed),
        loop_(world_.runtime().NewLoop("invariants", LoopKind::kShared)),
        invariants_(world_.store(), *loop_) {
    world_.DoNotSettle();
    world_.AddCluster([](pb::Cluster& cluster) {
      cluster.mutable_spec()->mutable_orchestration()->set_task_history_retention_limit(2);
    });
    for (int i = 0; i < 4; ++i) world_.AddNode("n" + std::to_string(i));
    world_.RunAssignedTasks();
    Lead();
    AddService(false);
    AddService(true);
  }

  void Disturb(int actions) {
    for (int i = 0; i < actions; ++i) {
      Act();
      world_.sim().RunFor(Draw(4) == 0 ? 10s : std::chrono::milliseconds(Draw(400)));
    }
  }
  // Ends all disturbance; whether everything becomes as it should be.
  bool Settle() {
    for (int i = 0; i < 4; ++i) {
      const std::string id = "n" + std::to_string(i);
      world_.EditNode(id, [](pb::Node& node) {
        node.mutable_status()->set_state(pb::NodeStatus::READY);
        node.mutable_spec()->set_availability(pb::NodeSpec::ACTIVE);
      });
    }
    // A restart's delay and the longest wait for an old task, twice over.
    world_.sim().RunFor(5min);
    return AsAsked();
  }
  bool AsAsked() {
    for (const std::string& id : services_) {
      const auto service = world_.Service(id);
      const auto running = world_.Running(id);
      const std::size_t wanted =
          service->spec().has_global() ? 4 : service->spec().replicated().replicas();
      if (running.size() != wanted || world_.Wanted(id).size() != wanted) return false;
      std::set<std::pair<std::uint64_t, std::string>> places;
      for (const TaskPtr& task : running) {
        places.emplace(task->slot, service->spec().has_global() ? task->node_id : "");
        if (task->spec->container().image() != service->spec().task().container().image()) {
          return false;
        }
      }
      if (places.size() != wanted) return false;
      std::map<std::pair<std::uint64_t, std::string>, int> history;
      for (const TaskPtr& task : world_.Tasks(id)) {
        const bool global = service->spec().has_global();
        if (++history[{task->slot, global ? task->node_id : ""}] > 2) return false;
      }
    }
    return true;
  }
  std::string Describe() {
    std::string out;
    for (const std::string& id : services_) {
      out += world_.Service(id)->ShortDebugString() + "\n";
      for (const TaskPtr& task : world_.Tasks(id)) {
        out += "  " + TaskToProto(*task).ShortDebugString() + "\n";
      }
    }
    return out;
  }
  const Invariants& invariants() const { return invariants_; }
  const std::map<std::string, int>& done() const { return done_; }

 private:
  std::uint64_t Draw(std::uint64_t limit) { return world_.sim().random().Below(limit); }
  std::string AnyService() {
    return *std::next(services_.begin(), static_cast<int>(Draw(services_.size())));
  }

  void Lead() {
    world_.Start(
        {"orchestrator", {Table::kCluster, Table::kNode, Table::kService, Table::kTask}},
        [](component::Env& env) { return std::make_unique<orchestrator::Orchestrator>(env); });
    world_.Start({"allocator",
                  {Table::kCluster, Table::kNetwork, Table::kNode, Table::kService, Table::kTask}},
                 [](component::Env& env) { return std::make_unique<allocator::Allocator>(env); });
    world_.Start(
        {"scheduler", {Table::kNode, Table::kService, Table::kTask}}, [](component::Env& env) {
          return std::make_unique<scheduler::Scheduler>(env, scheduler::SchedulerOptions{});
        });
  }
  void AddService(bool global) {
    const std::string id = "s" + std::to_string(next_service_++);
    const std::uint64_t replicas = Draw(8);
    world_.AddService(id, replicas, [&](pb::Service& service) {
      auto& spec = *service.mutable_spec();
      if (global) spec.mutable_global();
      auto& restart = *spec.mutable_task()->mutable_restart();
      restart.set_condition(pb::RestartPolicy::ANY);
      restart.mutable_delay()->set_seconds(static_cast<std::int64_t>(Draw(3)));
      spec.mutable_update()->set_parallelism(Draw(3));
      spec.mutable_update()->set_failure_action(pb::UpdateConfig::CONTINUE);
      spec.mutable_update()->mutable_monitor()->set_seconds(1);
      if (Draw(2) == 0) spec.mutable_update()->set_order(pb::UpdateConfig::START_FIRST);
    });
    services_.insert(id);
  }
  void EditAnyNode(std::function<void(pb::Node&)> edit) {
    world_.EditNode("n" + std::to_string(Draw(4)), std::move(edit));
  }
  void FailATask() {
    const auto running = world_.Running(AnyService());
    if (running.empty()) return;
    const TaskPtr task = running[Draw(running.size())];
    world_.SetState(task->id, Draw(3) == 0 ? pb::COMPLETE : pb::FAILED);
  }
  void Act() {
    switch (Draw(10)) {
      case 0:
        ++done_["scale"];
        return world_.UpdateService(AnyService(), [this](pb::ServiceSpec& spec) {
          if (spec.has_replicated()) spec.mutable_replicated()->set_replicas(Draw(12));
        });
      case 1:
      case 2:
        ++done_["update"];
        return world_.UpdateService(AnyService(), [this](pb::ServiceSpec& spec) {
          spec.mutable_task()->mutable_container()->set_image("v" + std::to_string(Draw(1000)));
        });
      case 3:
        ++done_["down"];
        return EditAnyNode(
            [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::DOWN); });
      case 4:
      case 5:
        ++done_["up"];
        return EditAnyNode([](pb::Node& n) {
          n.mutable_status()->set_state(pb::NodeStatus::READY);
          n.mutable_spec()->set_availability(pb::NodeSpec::ACTIVE);
        });
      case 6:
        ++done_["drain"];
        return EditAnyNode(
            [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
      case 7:
        ++done_["leader"];
        world_.Stop();
        return Lead();
      case 8:
        if (services_.size() > 3 && Draw(2) == 0) {
          ++done_["remove"];
          const std::string id = AnyService();
          services_.erase(id);
          return world_.RemoveService(id);
        }
        if (services_.size() > 4) return;
        ++done_["create"];
        return AddService(Draw(3) == 0);
      default:
        ++done_["fail"];
        return FailATask();
    }
  }

  World world_;
  std::unique_ptr<Loop> loop_;
  Invariants invariants_;
  std::set<std::string> services_;
  int next_service_ = 0;
  std::map<std::string, int> done_;
};

TEST(ChaosSimulationTest, NothingForbiddenHappensAndAllEndsAsAsked) {
  const std::uint64_t seeds = std::getenv("SWARM_SOAK") ? 2000 : 40;
  std::map<std::string, int> done;
  std::size_t checked = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Chaos chaos(seed);
    chaos.Disturb(60);
    EXPECT_TRUE(chaos.Settle()) << "seed " << seed << "\n" << chaos.Describe();
    for (const std::string& broken : chaos.invariants().broken()) {
      ADD_FAILURE() << "seed " << seed << ": " << broken;
    }
    for (const auto& [what, count] : chaos.done()) done[what] += count;
    checked += chaos.invariants().checked();
    if (HasFailure()) break;
  }
  std::printf("%zu task changes checked;", checked);
  for (const auto& [what, count] : done) std::printf(" %s %d", what.c_str(), count);
  std::printf("\n");
  for (const char* what :
       {"scale", "update", "down", "up", "drain", "leader", "remove", "create", "fail"}) {
    EXPECT_GT(done[what], 0) << what << " never happened";
  }
}

}  // namespace
}  // namespace swarm::test
