// Time, randomness, event loops: the only way a plugin reaches them. Production binds them to
// threads and the machine's clock; a simulation to one seeded virtual scheduler, so that whole
// clusters run in one thread and a failing seed replays exactly.
//
// A stateful part has one owner Loop; others post to it. Callbacks of one loop never overlap, so
// what only the loop touches needs no lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "swarm/export.h"
#include "swarm/function.h"

namespace swarm {

class FileSystem;

using Duration = std::chrono::nanoseconds;
// Wall-clock time, for people and for object metadata. May jump.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;
// Never goes back; only differences mean something.
struct SteadyClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<SteadyClock>;
  static constexpr bool is_steady = true;
};
using SteadyTime = SteadyClock::time_point;

// Threading: [any].
class SWARM_EXPORT Clock {
 public:
  virtual ~Clock();
  virtual WallTime Now() const noexcept = 0;
  virtual SteadyTime SteadyNow() const noexcept = 0;
};

// Threading: one user at a time; each part makes its own with Runtime::NewRandom.
class SWARM_EXPORT Random {
 public:
  virtual ~Random();
  virtual std::uint64_t Next() noexcept = 0;
  // Fit for keys in production.
  virtual void Fill(std::span<std::byte> out) noexcept = 0;

  // Uniform in [0, limit); limit > 0.
  std::uint64_t Below(std::uint64_t limit) noexcept;
  // Uniform in [low, high).
  Duration Between(Duration low, Duration high) noexcept;
};

// A pending call. Destroying it cancels: [loop] when destroyed on the loop that made it, the
// callback does not run any more.
class SWARM_EXPORT Timer {
 public:
  virtual ~Timer();
};

// Runs callbacks one at a time, in the order posted.
// Ownership: whoever made it destroys it, after Stop. Not destroyed from its own callbacks.
class SWARM_EXPORT Loop {
 public:
  virtual ~Loop();

  // [any] Runs `fn` on the loop, later, never inside this call. After Stop it is dropped.
  virtual void Post(Function<void()> fn) noexcept = 0;
  // [any] Runs `fn` on the loop once `delay` has passed; a delay <= 0 means as soon as possible.
  [[nodiscard]] virtual std::unique_ptr<Timer> After(Duration delay,
                                                     Function<void()> fn) noexcept = 0;
  // [any] Whether the caller is a callback of this loop.
  virtual bool InLoop() const noexcept = 0;
  // [any] but the loop itself. Drops what has not begun, waits for what has; afterwards no
  // callback runs. Idempotent.
  virtual void Stop() noexcept = 0;
};

enum class LoopKind : unsigned char {
  kShared,    // callbacks must not block; costs no thread, a process may have many thousands
  kBlocking,  // has a thread of its own: for file input and output
};

// Threading: [any]. Lifetime: outlives every plugin instance.
class SWARM_EXPORT Runtime {
 public:
  virtual ~Runtime();
  virtual const Clock& clock() const noexcept = 0;
  virtual FileSystem& files() noexcept = 0;
  // `name` shows in thread names and in traces of a simulation.
  virtual std::unique_ptr<Loop> NewLoop(std::string_view name, LoopKind kind) noexcept = 0;
  virtual std::unique_ptr<Random> NewRandom() noexcept = 0;
};

}  // namespace swarm
