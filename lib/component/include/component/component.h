// What every leader-scope component shares: one loop, one watch of the store, writes whose outcome
// comes back to the loop. The component's own logic is a Part, and needs no locks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/log.h"
#include "swarm/plugin.h"
#include "swarm/runtime.h"
#include "swarm/store.h"

namespace swarm::component {

// Threading: [loop] unless tagged.
class Env : public std::enable_shared_from_this<Env> {
 public:
  Env(Runtime& runtime, Store& store, WriterPtr writer, Logger logger, std::string_view name);

  // [any]
  Loop& loop() { return *loop_; }
  const Logger& logger() const { return logger_; }
  WallTime Now() const { return runtime_.clock().Now(); }
  SteadyTime SteadyNow() const { return runtime_.clock().SteadyNow(); }
  TaskTime Stamp() const;

  Random& random() { return *random_; }
  std::string NewId();
  ViewPtr Read() const { return store_.Read(); }
  Store& store() { return store_; }

  // `done` runs on the loop, once the outcome is durable and so seen by Read.
  void Update(TransactionFn fn, Function<void(Status)> done);
  void Batch(BatchStep step, Function<void(Status)> done);

 private:
  UpdateDone OnLoop(Function<void(Status)> done);

  Runtime& runtime_;
  Store& store_;
  const WriterPtr writer_;
  const Logger logger_;
  const std::unique_ptr<Loop> loop_;
  const std::unique_ptr<Random> random_;
};

// A component's logic. Threading: [loop], also the destructor, unless the loop has stopped.
class Part {
 public:
  virtual ~Part();
  // `view`: the state just before the first commit.
  virtual void Begin(const ViewPtr& view) = 0;
  virtual void OnCommit(const Commit& commit) = 0;
};

using MakePart = Function<std::unique_ptr<Part>(Env& env)>;

struct ComponentParameters {
  std::string name;           // of the loop and the logger's module
  std::vector<Table> tables;  // whose events the part hears
};

class Component final : public Instance {
 public:
  Component(Runtime& runtime, Store& store, Logger logger, ComponentParameters parameters,
            MakePart make);
  ~Component() override;

  void* role() noexcept override { return nullptr; }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

 private:
  Runtime& runtime_;
  Store& store_;
  const Logger logger_;
  const ComponentParameters parameters_;
  MakePart make_;
  std::shared_ptr<Env> env_;        // null before Start
  Function<void(Status)> started_;  // until it has been called
  std::unique_ptr<Part> part_;
  std::unique_ptr<Subscription> subscription_;
};

}  // namespace swarm::component
