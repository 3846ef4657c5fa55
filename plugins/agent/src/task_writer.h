// Writes the task log from a loop of its own, which exists only while there is something to write:
// a process may have a thousand idle agents.
// Threading: [loop], the agent's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "component/poster.h"
#include "swarm/function.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "task_log.h"

namespace swarm::agent {

class TaskWriter : public std::enable_shared_from_this<TaskWriter> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    Runtime& runtime;
    Logger log;
    std::string directory;  // empty: nothing is kept
    Duration idle;
  };
  explicit TaskWriter(Parts parts);

  // First.
  void Open(Function<void(Result<StoredTasks>)> done);
  // Soon; together with what else gathers. A failure is logged, and the agent goes on: the manager
  // tells it everything again.
  void Append(TaskRecord record);
  // `done` once everything appended is on disk (or has failed) and no thread is left.
  void Close(Function<void()> done);

 private:
  void Flush();
  void OnWritten(const Status& status);
  void EndThread();
  Loop& Worker();

  Parts parts_;
  std::shared_ptr<TaskLog> log_;  // null: nothing is kept
  std::unique_ptr<Loop> worker_;
  std::unique_ptr<Timer> idle_;
  std::vector<TaskRecord> pending_;
  bool busy_ = false;
  bool scheduled_ = false;
  Function<void()> closed_;
};

}  // namespace swarm::agent
