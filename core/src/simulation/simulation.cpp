#include "swarm/simulation.h"

#include <utility>

#include "simulation/simulation_impl.h"

namespace swarm {

namespace simulation {

MachineImpl::MachineImpl(std::shared_ptr<Scheduler> scheduler, std::string_view name,
                         std::size_t number, std::uint64_t seed)
    : core_(std::make_shared<MachineCore>(
          MachineCore{std::move(scheduler), std::string(name), SeededRandom(seed), {}})),
      number_(number),
      disk_(MakeVirtualDisk(core_->seeds.Next())) {
  processes_.push_back(std::make_unique<Process>(core_, *disk_));
}

MachineImpl::~MachineImpl() = default;

void MachineImpl::Crash() noexcept {
  Process& dead = *processes_.back();
  dead.Die();
  for (const auto& hook : crash_hooks_) hook();
  disk_->Crash();
  processes_.push_back(std::make_unique<Process>(core_, *disk_));
  dead.DropCallbacks();
}

}  // namespace simulation

Simulation::Impl::Impl(std::uint64_t seed)
    : seeds(seed),
      scheduler(std::make_shared<simulation::Scheduler>(seeds.Next())),
      test_random(seeds.Next()) {}

Simulation::Impl::~Impl() { scheduler->Shutdown(); }

Simulation::Simulation(std::uint64_t seed) : impl_(std::make_unique<Impl>(seed)) {}
Simulation::~Simulation() = default;

Machine& Simulation::AddMachine(std::string_view name) {
  auto& machines = impl_->machines;
  machines.push_back(std::make_unique<simulation::MachineImpl>(
      impl_->scheduler, name, machines.size(), impl_->seeds.Next()));
  return *machines.back();
}

bool Simulation::Step() { return impl_->scheduler->Step(SteadyTime::max()); }

void Simulation::Settle() {
  while (impl_->scheduler->HasWork()) impl_->scheduler->Step(impl_->scheduler->now());
}

bool Simulation::RunUntil(const std::function<bool()>& condition, Duration limit) {
  simulation::Scheduler& scheduler = *impl_->scheduler;
  const SteadyTime end = scheduler.now() + limit;
  while (!condition()) {
    if (scheduler.Step(end)) continue;
    scheduler.AdvanceTo(end);
    return condition();
  }
  return true;
}

void Simulation::RunFor(Duration time) {
  RunUntil([] { return false; }, time);
}

SteadyTime Simulation::Now() const { return impl_->scheduler->now(); }
Random& Simulation::random() { return impl_->test_random; }
std::uint64_t Simulation::steps() const { return impl_->scheduler->steps(); }

}  // namespace swarm
