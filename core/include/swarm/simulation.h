// The virtual binding of the runtime: whole clusters in one thread, seeded, so that a failing seed
// replays exactly. Part of the SDK: plugin authors test with it.
//
// A Simulation owns virtual time and the schedule; a Machine is one process on one virtual disk.
// Loops of all machines run interleaved, in an order drawn from the seed; time jumps to the next
// timer when nothing else can run. Threading: everything on the one thread that drives it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "swarm/export.h"
#include "swarm/files.h"
#include "swarm/function.h"
#include "swarm/runtime.h"

namespace swarm {

class VirtualDisk;

// One process: its runtime lives until Crash.
class SWARM_EXPORT Machine {
 public:
  virtual ~Machine();
  virtual Runtime& runtime() noexcept = 0;
  virtual VirtualDisk& disk() noexcept = 0;
  // The process dies now: its callbacks and timers never run, its files lose what was not synced
  // (torn at random). Objects of the dead process may be destroyed afterwards; their calls to the
  // old loops and files do nothing. The machine then has a fresh runtime on the surviving disk.
  virtual void Crash() noexcept = 0;
  // Shifts this machine's wall clock.
  virtual void JumpClock(Duration by) noexcept = 0;
};

class SWARM_EXPORT Simulation {
 public:
  explicit Simulation(std::uint64_t seed);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Lives as long as the simulation.
  Machine& AddMachine(std::string_view name);

  // Runs one callback; false when nothing can run, not even by moving time.
  bool Step();
  // Runs all that can run without time moving.
  void Settle();
  // Runs until `condition` holds (checked after every callback) or `limit` of virtual time has
  // passed; whether it holds.
  bool RunUntil(const std::function<bool()>& condition, Duration limit);
  void RunFor(Duration time);

  SteadyTime Now() const;
  // For the test's own choices, from the same seed.
  Random& random();
  std::uint64_t steps() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// A disk that remembers what was synced. Writes, truncations, creations, renames and removals
// since the last sync of their file (or folder) survive a crash wholly, partly or not at all, by
// the seed: data is torn at sector (512 bytes) and byte boundaries.
class SWARM_EXPORT VirtualDisk : public FileSystem {
 public:
  // As Machine::Crash does to the files.
  virtual void Crash() noexcept = 0;
  // Bytes that fit; writes beyond fail with ResourceExhausted, possibly after a part.
  virtual void SetCapacity(std::uint64_t bytes) noexcept = 0;
  // The next `count` file syncs fail with DataLoss.
  virtual void FailSyncs(int count) noexcept = 0;
  // Called before each sync of a file or folder with its number (from 0) and path; returning
  // false makes the sync silently do nothing, as a missing one would: for mutants. Null: none.
  virtual void OnSync(
      std::function<bool(std::uint64_t number, std::string_view path)> hook) noexcept = 0;
  virtual std::uint64_t sync_count() const noexcept = 0;
  // Counters for a run's summary.
  virtual std::uint64_t torn_writes() const noexcept = 0;
  virtual std::uint64_t lost_writes() const noexcept = 0;
  // Overwrites bytes on the medium, as a fault of it would: for tests of corruption.
  virtual Status Corrupt(std::string_view path, std::uint64_t offset,
                         std::string_view bytes) noexcept = 0;
};

}  // namespace swarm
