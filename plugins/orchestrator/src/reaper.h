// Deletes tasks that are not needed any more: removed ones that have stopped, and history beyond
// what a slot keeps.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "component/component.h"
#include "task_rules.h"

namespace swarm::orchestrator {

// Threading: [loop].
class Reaper {
 public:
  explicit Reaper(component::Env& env) : env_(env) {}
  void Begin(const View& view, const pb::Cluster* cluster);
  void OnTask(const Event& event);
  // A service may keep another number of tasks than before.
  void OnServiceUpdate(const Event& event, const View& view);
  void OnCluster(const pb::Cluster& cluster);

  std::size_t DirtyForTest() const { return dirty_.size(); }
  bool WaitsForTest() const { return timer_ != nullptr; }

 private:
  struct DirtySlot {
    std::string service_id;
    SlotKey slot;
    friend auto operator<=>(const DirtySlot&, const DirtySlot&) = default;
  };
  void Arm();
  void Tick();
  // Adds what the slot keeps too much of; false when the slot must be looked at again.
  bool Trim(const View& view, const DirtySlot& dirty, std::set<std::string>& doomed);
  void Delete(std::set<std::string> task_ids);

  component::Env& env_;
  std::int64_t limit_ = 5;
  std::set<DirtySlot> dirty_;
  std::set<std::string> doomed_;
  std::unique_ptr<Timer> timer_;
  bool immediate_ = false;
};

}  // namespace swarm::orchestrator
