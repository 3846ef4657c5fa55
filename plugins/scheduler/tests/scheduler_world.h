// Starts a scheduler in a small cluster, and makes tasks for it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "component_testing/world.h"
#include "scheduler.h"

namespace swarm::scheduler {

using component::testing::World;

// A scheduler in a small cluster.
class SchedulerWorld : public testing::Test {
 protected:
  void Start() {
    world_.Start(
        {"scheduler", {Table::kNode, Table::kService, Table::kTask}},
        [](component::Env& env) { return std::make_unique<Scheduler>(env, SchedulerOptions{}); });
  }
  // Allocated tasks of the service, in one transaction.
  void AddTasks(const std::string& service, int count, const std::string& prefix = "task",
                std::function<void(Task&)> edit = {}) {
    world_.Write([&](Transaction& tx) {
      const auto stored = tx.Get<pb::Service>(service);
      const auto spec = std::make_shared<const pb::TaskSpec>(stored->spec().task());
      const auto annotations =
          std::make_shared<const pb::Annotations>(stored->spec().annotations());
      for (int i = 0; i < count; ++i) {
        auto task = std::make_shared<Task>();
        task->id = prefix + std::to_string(i);
        task->service_id = service;
        task->slot = static_cast<std::uint64_t>(i) + 1;
        task->spec = spec;
        task->service_annotations = annotations;
        task->has_spec_version = stored->has_spec_version();
        task->spec_version = stored->spec_version().index();
        task->desired_state = pb::RUNNING;
        task->status.state = pb::PENDING;
        task->status.message = "pending task scheduling";
        if (edit) edit(*task);
        SWARM_RETURN_IF_ERROR(tx.CreateTask(std::move(task)));
      }
      return Status::Ok();
    });
  }
  std::map<std::string, int> PerNode(const std::string& service) {
    std::map<std::string, int> out;
    for (const TaskPtr& task : world_.Tasks(service)) {
      if (!task->node_id.empty()) ++out[task->node_id];
    }
    return out;
  }
  std::vector<int> Counts(const std::string& service) {
    std::vector<int> out;
    for (const auto& [node, count] : PerNode(service)) out.push_back(count);
    std::sort(out.rbegin(), out.rend());
    return out;
  }
  std::string Error(const std::string& task) { return world_.GetTask(task)->status.err; }
  static void Reserve(pb::Service& service, std::int64_t cpus, std::int64_t memory) {
    auto& wanted =
        *service.mutable_spec()->mutable_task()->mutable_resources()->mutable_reservations();
    wanted.set_nano_cpus(cpus * 1'000'000'000);
    wanted.set_memory_bytes(memory);
  }
  static void Offer(pb::Node& node, std::int64_t cpus, std::int64_t memory) {
    auto& resources = *node.mutable_description()->mutable_resources();
    resources.set_nano_cpus(cpus * 1'000'000'000);
    resources.set_memory_bytes(memory);
  }

  static void Label(pb::Node& node, const std::string& key, const std::string& value) {
    (*node.mutable_spec()->mutable_annotations()->mutable_labels())[key] = value;
  }
  static void SpreadOver(pb::Service& service, const std::string& descriptor) {
    service.mutable_spec()
        ->mutable_task()
        ->mutable_placement()
        ->add_preferences()
        ->mutable_spread()
        ->set_spread_descriptor(descriptor);
  }

  World world_;
};

}  // namespace swarm::scheduler
