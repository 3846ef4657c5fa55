// The two runtimes a scope test runs on, and waiting on each.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "swarm/network.h"
#include "swarm/runtime.h"

namespace swarm::test {

class Rig {
 public:
  virtual ~Rig() = default;
  virtual Runtime& runtime() = 0;
  // An empty folder.
  virtual std::string folder() const = 0;
  // Runs `step` on the loop and waits until it has called its argument; false when it does not.
  virtual bool Run(Loop& loop, Function<void(Function<void()> done)> step) = 0;
  // Threads of this process that a leak would add to; 0 where there is but one.
  virtual int threads() const = 0;
};

std::unique_ptr<Rig> MakeVirtualRig();
std::unique_ptr<Rig> MakeThreadedRig();

struct RigFactory {
  std::string name;
  std::unique_ptr<Rig> (*make)();
};
inline std::ostream& operator<<(std::ostream& out, const RigFactory& factory) {
  return out << factory.name;
}

}  // namespace swarm::test
