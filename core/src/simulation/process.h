// One life of a virtual machine: its loops, clock, randomness and files until it crashes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/scheduler.h"
#include "swarm/files.h"
#include "swarm/runtime.h"

namespace swarm::simulation {

// What all lives of a machine share.
struct MachineCore {
  std::shared_ptr<Scheduler> scheduler;
  std::string name;
  SeededRandom seeds;  // of the generators that processes ask for
  Duration clock_jump{};
};

class Process final : public Runtime {
 public:
  // `disk` outlives the process.
  Process(std::shared_ptr<MachineCore> core, FileSystem& disk);
  ~Process() override;

  const Clock& clock() const noexcept override { return *clock_; }
  FileSystem& files() noexcept override { return *files_; }
  std::unique_ptr<Loop> NewLoop(std::string_view name, LoopKind kind) noexcept override;
  std::unique_ptr<Random> NewRandom() noexcept override;

  bool alive() const { return *alive_; }
  // In two steps, so that others can learn of the death before its closures are dropped.
  void Die() { *alive_ = false; }
  void DropCallbacks();

 private:
  std::shared_ptr<MachineCore> core_;
  std::shared_ptr<bool> alive_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<FileSystem> files_;
  std::vector<std::weak_ptr<LoopState>> loops_;
  std::size_t prune_at_ = 64;
};

}  // namespace swarm::simulation
