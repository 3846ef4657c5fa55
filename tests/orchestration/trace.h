// Every change of a world, printed as it is committed: for looking into one seed.
#pragma once

#include <memory>
#include <string>

#include "swarm/store.h"

namespace swarm::test {

// What a task is, on one line.
std::string Line(const Task& task);

// Silent unless SWARM_TRACE is set, but always there: a watcher more would change what happens.
// Threading: the loop it watches on.
class Trace {
 public:
  Trace(Store& store, Loop& loop, const Clock& clock);

 private:
  std::unique_ptr<Subscription> subscription_;
};

}  // namespace swarm::test
