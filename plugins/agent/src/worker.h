// The tasks of this node: what is assigned, what runs, what is stored.
// Threading: [loop].
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "component/poster.h"
#include "dependencies.h"
#include "log_tasks.h"
#include "options.h"
#include "swarm/executor.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "task_runner.h"
#include "task_writer.h"

namespace swarm::agent {

class Worker final : public LogTasks, public std::enable_shared_from_this<Worker> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    const Clock& clock;
    Logger log;
    Options options;
    std::string node_id;
    std::vector<std::pair<std::string, Executor*>> executors;
    std::shared_ptr<TaskWriter> writer;
    // A task's status is to be told; or the task is no longer ours.
    Function<void(const std::string& id, const pb::TaskStatus& status)> report;
    Function<void(const std::string& id)> forget;
    // A task is new or its status has changed; its controller is about to be closed.
    Function<void(const std::string& id)> touched;
    Function<void(const std::string& id)> going;
  };
  explicit Worker(Parts parts) : parts_(std::move(parts)) {}

  // What tasks' templates may refer to; for tasks that begin later.
  void SetNode(std::shared_ptr<const pb::NodeDescription> node) { node_ = std::move(node); }
  // Once, before anything is assigned: begins again what was here before.
  void Restore(StoredTasks tasks);
  // Secrets, configs, then tasks; a complete message also ends what it does not name.
  void Apply(const pb::AssignmentsMessage& message);
  // Reports every task anew.
  void ReportAll();

  // Removes every task and accepts no more; `done` runs once all are gone.
  void Leave(Function<void()> done);
  // Lets go of every task.
  void Close(Function<void()> done);

  std::size_t task_count() const { return tasks_.size(); }

  std::vector<std::string> TaskIds() const override;
  std::optional<LogTask> FindTask(const std::string& id) const override;

 private:
  // Of tasks there are many on a node: all but the status is kept serialised.
  struct Entry {
    std::shared_ptr<const std::string> data;  // without status and meta
    pb::TaskStatus status;
    std::shared_ptr<TaskRunner> runner;  // null: no controller could be made
  };

  void Assign(const pb::Task& task);
  void TellKeepers();
  void Resolve(const std::string& id, Entry* entry, pb::Task task);
  // Expands the task's templates in place.
  Result<std::unique_ptr<Controller>> MakeController(const Entry& entry, pb::Task* task);
  Result<Executor*> ExecutorOf(const pb::Task& task) const;
  Status Expand(pb::Task* task) const;
  void SetStatus(const std::string& id, const pb::TaskStatus& status);
  void Remove(const std::string& id);
  void EndRunner(const std::string& id, std::shared_ptr<TaskRunner> runner, bool remove);
  void OnEnded(const std::string& id, bool remove);

  Parts parts_;
  std::shared_ptr<DependencyStore> dependencies_ = std::make_shared<DependencyStore>();
  std::shared_ptr<const pb::NodeDescription> node_;
  std::unordered_map<std::string, Entry> tasks_;
  std::unordered_map<std::string, std::shared_ptr<TaskRunner>> ending_;
  bool refusing_ = false;
  std::vector<Function<void()>> when_ended_;
};

}  // namespace swarm::agent
