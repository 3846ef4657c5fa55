// Brings the tasks of one service to its current specification, a few at a time, and watches
// whether the new ones live.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "component/component.h"
#include "restart_supervisor.h"
#include "service_queue.h"
#include "task_rules.h"

namespace swarm::orchestrator {

// What updaters use. Borrowed; outlives them.
struct UpdateTools {
  component::Env& env;
  PartsCache& parts;
  RestartSupervisor& restarts;
  ServiceQueue& queue;
  std::function<void(const std::string& service_id)> reconcile;
};

// Threading: [loop].
class Updater : public std::enable_shared_from_this<Updater> {
 public:
  // `finished` is called once, from a callback of the loop, never inside Begin.
  Updater(UpdateTools tools, ServicePtr service, ClusterPtr cluster,
          Function<void(const Updater*)> finished);

  // False when there is nothing to do; then `finished` is not called.
  bool Begin(const std::vector<Slot>& slots);
  // Goes on for a later version of the service that asks for the same.
  void Keep(const pb::Service& service);
  // Stops at once; tasks it made stay.
  void Cancel() { stage_ = Stage::kOver; }
  // Another one may begin in its place.
  bool over() const { return stage_ != Stage::kReplacing; }
  const pb::Service& target() const { return *service_; }
  void OnTask(const Event& event);

 private:
  enum class Stage : unsigned char {
    kReplacing,
    kPaused,  // only ends what serves where a task that is on its way gets there
    kOver,
  };
  // One slot being updated.
  struct Active {
    SlotKey key;
    std::vector<std::string> old_ids;
    std::string new_id;        // the task that takes over
    bool create = false;       // it does not exist yet
    bool await = false;        // the slot is done once it runs
    bool start_first = false;  // and only then the old ones are stopped
    std::string start_id;      // what is held back and to be started; empty: nothing
    TaskPtr wait_for;          // whose end it waits for
  };
  using ActivePtr = std::shared_ptr<Active>;

  // What is wanted now, if it is there, and then what serves until it runs, if that is needed.
  Slot WithoutSurplus(const View& view, const Slot& slot, std::vector<std::string>& surplus) const;
  void ShutDown(std::vector<std::string> task_ids);
  void Fill();
  void StartSlots(Function<void()> release);
  void Later(Duration delay, void (Updater::*then)());
  Slot WantedIn(const View& view, const SlotKey& key) const;
  std::vector<std::string> OthersIn(const View& view, const SlotKey& key,
                                    const std::string& task_id) const;
  ActivePtr Plan(const View& view, const Slot& slot);
  void Started(const std::vector<ActivePtr>& slots);
  void HandOver(const Task& task);
  void NewTaskRuns(const std::string& task_id);
  void SlotDone();
  void WorkerFree();
  void MonitoringOver();
  void TaskEnded(const Task& task);
  void AllDone();
  void Finish();
  void Pause(pb::UpdateStatus::UpdateState state, std::string message);

  void WriteStarted();
  void WriteCompleted();
  void WritePaused(pb::UpdateStatus::UpdateState state, std::string message);
  void WriteRollback(const std::string& reason);
  void WriteOwn(Function<Status(pb::Service&)> edit);
  // Queues a change of the service object; skipped when it is gone.
  void WriteService(Function<Status(pb::Service&)> edit);

  const UpdateTools tools_;
  const ServicePtr service_;
  const ClusterPtr cluster_;
  const std::string id_;
  Function<void(const Updater*)> finished_;
  pb::UpdateConfig config_;
  Duration delay_{};
  Duration monitor_{};
  bool rolling_back_ = false;
  pb::UpdateStatus::UpdateState status_ = pb::UpdateStatus::UNKNOWN;  // that it stands for

  Stage stage_ = Stage::kReplacing;
  std::deque<Slot> pending_;
  std::vector<Slot> ready_;  // to be written by the next StartSlots
  bool start_queued_ = false;
  std::size_t workers_ = 0;  // that may still begin a slot
  std::size_t busy_ = 0;     // slots under way, delays included
  std::size_t dirty_count_ = 0;
  std::map<std::string, ActivePtr> waiting_;  // new tasks not yet running
  std::set<std::string> taking_over_;         // every new task of this update
  // Where an up-to-date task is on its way, but not awaited, and others serve until it runs.
  std::set<SlotKey> handing_over_;
  std::map<std::string, SteadyTime> running_since_;
  std::set<std::string> failed_;
  std::map<std::uint64_t, std::unique_ptr<Timer>> timers_;
  std::uint64_t next_timer_ = 0;
};

// One updater for each service. Threading: [loop].
class UpdateSupervisor {
 public:
  explicit UpdateSupervisor(UpdateTools tools) : tools_(tools) {}
  // Begins an update of the slots to the service's specification, unless one to the same
  // specification is under way.
  void Update(const ServicePtr& service, const ClusterPtr& cluster, const std::vector<Slot>& slots);
  void Cancel(const std::string& service_id);
  void OnTask(const Event& event);

 private:
  const UpdateTools tools_;
  std::map<std::string, std::shared_ptr<Updater>> updaters_;
};

}  // namespace swarm::orchestrator
