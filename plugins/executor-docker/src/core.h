// The operations on one engine's containers, each a flow on one loop, and what they share: the
// event stream, pulls, and the knowledge which containers belong to a task.
//
// A container is found by the label that names its task, never by what this process remembers, so
// whatever happened to swarmd or to the engine, none is made twice.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "event_stream.h"
#include "flow.h"
#include "handle.h"
#include "inspect.h"
#include "link.h"
#include "networking.h"
#include "options.h"
#include "payload.h"
#include "puller.h"
#include "swarm/executor.h"
#include "swarm/log.h"
#include "swarm/runtime.h"

namespace swarm::executor_docker {

// What the engine answered to the question for a task's container.
struct Look {
  engine::Reply reply;                // of the call that failed
  std::optional<ContainerView> view;  // nothing: there is none

  bool ok() const { return reply.ok(); }
};

// Threading: [loop] unless tagged.
class Core : public std::enable_shared_from_this<Core> {
 public:
  struct Parts {
    Runtime& runtime;
    Logger log;
    DockerOptions options;
    // Null: payloads are written into containers.
    std::unique_ptr<PayloadStore> payloads;
  };
  explicit Core(Parts parts);
  ~Core();

  // [main] `client` outlives the core's work, that is until Stop has returned.
  void Start(engine::Client& client);
  // [main] Lets go of all containers, which run on; operations under way end with Cancelled.
  // Idempotent.
  void Stop();
  // [any]
  Loop& loop() { return *loop_; }
  const DockerOptions& options() const { return parts_.options; }
  // After Start.
  engine::Client& client() { return link_->client(); }

  void Add(const HandlePtr& handle);
  // No operation is under way or follows.
  void Forget(Handle& handle);
  void SetNode(std::string node_id) { node_id_ = std::move(node_id); }
  // The node's tasks as a manager has listed them all: what else is here of this node goes.
  void Retain(std::set<std::string> tasks);

  using Step = Flow<StepResult> (Core::*)(Handle&);
  // What an operation does while the engine is away.
  enum class Patience : std::uint8_t {
    kNone,   // says so each time
    kTells,  // says so once, then waits
    kWaits,  // waits: nothing is wrong with the task
  };
  void Run(const HandlePtr& handle, Step step, Patience patience, StepDone done);
  // The operation under way ends with Cancelled; one that has not yet seen the container looks
  // first, shortly, so that there is something to tell of a container that was taken over.
  void Cancel(Handle& handle);
  // The same at once.
  void End(Handle& handle);

  Flow<StepResult> Prepare(Handle& handle);
  Flow<StepResult> Begin(Handle& handle);
  Flow<StepResult> Wait(Handle& handle);
  Flow<StepResult> Shutdown(Handle& handle);
  Flow<StepResult> Terminate(Handle& handle);
  Flow<StepResult> Remove(Handle& handle);
  // The task's container as it is now; also of a handle that was never added.
  Flow<Look> Find(Handle& handle) { return Inspect(handle); }

  void Describe(Function<void(Result<pb::NodeDescription>)> done);

 private:
  struct Describing;

  Flow<StepResult> Persist(Handle& handle, Step step, Patience patience);
  Flow<Look> Inspect(Handle& handle);
  // For what makes or starts something: never of an engine that is shutting down.
  Flow<engine::Reply> Make(engine::Request request);
  // Of Prepare.
  Flow<StepResult> Create(Handle& handle);
  Flow<StepResult> EnsureNetworks(Handle& handle);
  Flow<StepResult> EnsureVolumes(Handle& handle);
  Flow<bool> NeedsPull(std::string image);
  Flow<StepResult> SendCreate(Handle& handle, std::string pull_error);
  Flow<StepResult> ConnectNetworks(Handle& handle, std::set<std::string> connected);
  Flow<StepResult> Upload(Handle& handle);
  Result<CreateContext> ContextOf(Handle& handle);
  // Of Begin.
  Flow<StepResult> SendStart(Handle& handle);
  Flow<StepResult> AwaitHealth(Handle& handle);
  // Of the others.
  Flow<StepResult> Unhealthy(Handle& handle);
  Flow<StepResult> SendStop(std::string container, Duration grace);
  Flow<StepResult> SendRemove(std::string container);
  Flow<bool> RemoveNetworks(Handle& handle);
  bool UsedElsewhere(const Handle& handle, const std::string& network_id) const;

  Flow<bool> Sweep();
  Flow<bool> CompareAll();
  void OnConnected();
  void OnChanged(const std::string& task_id);
  Flow<Result<pb::NodeDescription>> AskDescription();

  Parts parts_;
  const std::unique_ptr<Random> random_;
  const std::unique_ptr<Loop> loop_;
  std::unique_ptr<Link> link_;
  std::unique_ptr<Puller> puller_;
  std::unique_ptr<EventStream> events_;
  std::multimap<std::string, HandlePtr, std::less<>> handles_;
  std::string node_id_;
  std::optional<std::set<std::string>> retained_;  // since the last sweep that worked: nothing
  FlowSlot sweep_;
  FlowSlot compare_;
  std::map<std::uint64_t, std::unique_ptr<Describing>> describing_;
  std::uint64_t next_description_ = 0;
};

// --- shared by the operations ---

// How a call to the engine went wrong, for the agent.
StepResult FailureOf(const engine::Reply& reply, const std::string& context);
// The same for a look at the container: whatever is wrong, it is not the container.
StepResult LookFailure(const engine::Reply& reply);
StepResult Fail(std::string text);

}  // namespace swarm::executor_docker
