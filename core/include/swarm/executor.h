// Runs tasks on a node. Implemented by plugins/executor-*; driven by the agent, which walks a task
// through its states and calls one operation of its Controller at a time.
// Protocol: the state machine and its error rules are SwarmKit's (docs/agent.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/plugin.h"
#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm {

namespace pb = ::docker::swarmkit::v1;

// How an operation ended. OK, or an error that ends the task unless `temporary`.
struct StepResult {
  Status status;
  // The operation is to be tried again; the task's state does not change.
  bool temporary = false;
  // How the process ended, when it did.
  std::optional<int> exit_code;
  // What is known of the container or process at that moment.
  std::optional<pb::ContainerStatus> container;

  static StepResult Ok() { return {}; }
  static StepResult Failed(Status status) {
    StepResult r;
    r.status = std::move(status);
    return r;
  }
  static StepResult Retry(Status status) {
    StepResult r;
    r.status = std::move(status);
    r.temporary = true;
    return r;
  }
};
using StepDone = Function<void(StepResult)>;

struct LogLine {
  // When it was written; the same each time it is read, and never less than the line's before.
  std::int64_t unix_nanos = 0;
  bool standard_error = false;
  std::string data;  // as written, with its newline; a very long line may come in pieces
};

// Secrets and configs a task may use. Threading: [any].
class SWARM_EXPORT Dependencies {
 public:
  virtual ~Dependencies();
  virtual Result<std::shared_ptr<const pb::Secret>> Secret(std::string_view id) const noexcept = 0;
  virtual Result<std::shared_ptr<const pb::Config>> Config(std::string_view id) const noexcept = 0;
};

// One task. Threading: the agent calls from its loop, at most one operation (Prepare, Start, Wait,
// Shutdown, Terminate, Remove) at a time; `done` may come from any thread, exactly once.
// Operations are idempotent: after a restart of the node they are called again for a task that
// may exist already, which is then adopted.
class SWARM_EXPORT Controller {
 public:
  // After Close only.
  virtual ~Controller();

  // A newer version of the task; takes effect for operations begun after it.
  virtual Status Update(const pb::Task& task) noexcept = 0;
  virtual void Prepare(StepDone done) noexcept = 0;
  // Ends once the task runs (and is healthy, where it says how to tell).
  virtual void Start(StepDone done) noexcept = 0;
  // Ends when the task has: OK for exit code 0.
  virtual void Wait(StepDone done) noexcept = 0;
  // Stops gracefully: stop signal, grace period, then by force.
  virtual void Shutdown(StepDone done) noexcept = 0;
  virtual void Terminate(StepDone done) noexcept = 0;
  // Removes every trace; absent is OK.
  virtual void Remove(StepDone done) noexcept = 0;
  // The running operation ends soon, with Cancelled. What it did stays done.
  virtual void Cancel() noexcept = 0;
  // Lets go without stopping the task. No callback runs after `done`.
  virtual void Close(Function<void()> done) noexcept = 0;

  // Nothing when there is no container or process. [any], must not block.
  virtual std::optional<pb::ContainerStatus> ContainerStatus() noexcept = 0;
  virtual std::optional<pb::PortStatus> PortStatus() noexcept = 0;
};

// Optional second interface of a Controller (dynamic_cast): the task's output.
class SWARM_EXPORT LogSource {
 public:
  virtual ~LogSource();
  // Calls `line` for each line and `done` at the end, from any thread; destroying the returned
  // object, which is done before the controller is closed, stops it: a callback under way may
  // still end. With `follow` the end is the task's. Nothing to read yet is an error (NotFound); the
  // agent asks again. A reader that cannot keep up lets go and begins again at its last line.
  // tail: 0 all, n < 0 only the last -n-1 lines. since: only lines written then or later; 0 all.
  virtual std::shared_ptr<void> Logs(bool follow, std::int64_t tail, std::int64_t since_unix_nanos,
                                     Function<void(LogLine)> line,
                                     Function<void(Status)> done) noexcept = 0;
};

// Threading: [any]; `done` from any thread.
class SWARM_EXPORT Executor {
 public:
  virtual ~Executor();
  // What this node offers. Hostname may be left empty; lists keep a stable order.
  virtual void Describe(Function<void(Result<pb::NodeDescription>)> done) noexcept = 0;
  // The node object as the manager has it; called before the first controller and on changes.
  virtual void Configure(const pb::Node& node) noexcept = 0;
  // Cheap; an error rejects the task.
  virtual Result<std::unique_ptr<Controller>> NewController(
      const pb::Task& task, std::shared_ptr<const Dependencies> dependencies) noexcept = 0;
  virtual void SetNetworkKeys(const std::vector<pb::EncryptionKey>& keys) noexcept = 0;
};

// Optional second interface of an Executor (dynamic_cast): it can tell what was left behind.
// Threading: [any].
class SWARM_EXPORT TaskKeeper {
 public:
  virtual ~TaskKeeper();
  // Every task that this node has now, by a manager's complete list, including those of other
  // executors. What the executor finds of this node's that belongs to none of them, nor to a task
  // that came later, is removed.
  virtual void Retain(std::vector<std::string> task_ids) noexcept = 0;
};

// How an instance of an executor differs from others.
struct ExecutorParameters final : InstanceParameters {
  std::string state_dir;  // for its files, alone in it; made if absent
  std::string hostname;   // the node's name; empty: the executor's choice
};

inline constexpr std::string_view kExecutorRole = "executor/1";

}  // namespace swarm
