// Inside a Simulation: for the virtual disk and network, which live in it too.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/process.h"
#include "simulation/scheduler.h"
#include "simulation/virtual_disk.h"
#include "swarm/simulation.h"

namespace swarm {

namespace simulation {

class MachineImpl final : public Machine {
 public:
  MachineImpl(std::shared_ptr<Scheduler> scheduler, std::string_view name, std::size_t number,
              std::uint64_t seed);
  ~MachineImpl() override;

  Runtime& runtime() noexcept override { return *processes_.back(); }
  VirtualDisk& disk() noexcept override { return *disk_; }
  void Crash() noexcept override;
  void JumpClock(Duration by) noexcept override { core_->clock_jump += by; }

  const std::string& name() const { return core_->name; }
  // Position in order of AddMachine, from 0.
  std::size_t number() const { return number_; }
  // `fn` runs at each crash, before anything of the old process is dropped.
  void OnCrash(std::function<void()> fn) { crash_hooks_.push_back(std::move(fn)); }

 private:
  const std::shared_ptr<MachineCore> core_;
  const std::size_t number_;
  const std::unique_ptr<VirtualDisk> disk_;
  // The present one last; dead ones stay, since their objects may still hold on to them.
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<std::function<void()>> crash_hooks_;
};

}  // namespace simulation

struct Simulation::Impl {
  explicit Impl(std::uint64_t seed);
  ~Impl();

  simulation::SeededRandom seeds;
  const std::shared_ptr<simulation::Scheduler> scheduler;
  simulation::SeededRandom test_random;
  std::vector<std::unique_ptr<simulation::MachineImpl>> machines;
};

}  // namespace swarm
