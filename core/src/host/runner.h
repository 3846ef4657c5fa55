// The life of one scope's instances. See ScopeRunner in host/host.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/context.h"
#include "host/plan.h"

namespace swarm::host {

class Runner final : public ScopeRunner,
                     private RoleFinder,
                     public std::enable_shared_from_this<Runner> {
 public:
  // `units`: in start order. `outer`: the runner of the scope around this one, or null.
  Runner(Scope scope, const Environment& environment, std::vector<PlannedUnit> units, Runner* outer,
         Loop& loop);

  void Start(NodeInfo node, Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;
  ScopeState state() const noexcept override { return state_; }
  void* Find(std::string_view role) noexcept override { return FindRole(role); }
  std::vector<void*> FindAll(std::string_view role) noexcept override { return FindAllRoles(role); }
  RoleFinder& roles() { return *this; }

 private:
  struct Slot {
    const PlannedUnit* planned;
    std::unique_ptr<Context> context;
    std::unique_ptr<Instance> instance;
  };
  struct PendingStart {
    NodeInfo node;
    Function<void(Status)> done;
  };

  void* FindRole(std::string_view role) override;
  std::vector<void*> FindAllRoles(std::string_view role) override;
  void CollectRoles(std::string_view role, std::vector<std::pair<std::size_t, void*>>& out);

  void Begin(NodeInfo node, Function<void(Status)> done);
  Status CreateAll();
  bool WaitsForFailed(const PlannedUnit& unit, const std::vector<std::string>& failed) const;
  void StartFrom(std::size_t slot);
  void OnStarted(std::size_t slot, const Status& status);
  void BeginStop(Status why);
  void StopBefore(std::size_t slot);
  void WatchStop(std::size_t slot);
  void OnStopped(std::size_t slot);
  void Finish();
  // Runs `fn` on the loop while this run's present phase lasts.
  template <class Fn>
  auto OnLoop(Fn fn);

  // Constant after construction.
  const Scope scope_;
  const Environment& environment_;
  const std::vector<PlannedUnit> units_;
  Runner* const outer_;
  Loop& loop_;

  // Loop only.
  ScopeState state_ = ScopeState::kStopped;
  // Rises with every step, so that a callback of an earlier one, or a second call of the same,
  // is recognised.
  std::uint64_t step_ = 0;
  NodeInfo node_;
  std::vector<Slot> slots_;
  Function<void(Status)> start_done_;
  Status start_result_;
  std::vector<Function<void()>> stop_done_;
  std::optional<PendingStart> pending_;
  std::unique_ptr<Timer> stop_watch_;
};

}  // namespace swarm::host
