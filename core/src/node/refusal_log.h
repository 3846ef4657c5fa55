// A line in the log for whoever calls what it may not; not one for each call, or somebody who tries
// a thousand times a second would fill the disk.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "swarm/export.h"
#include "swarm/log.h"
#include "swarm/rpc.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::node {

// Threading: [any].
class SWARM_EXPORT RefusalLog {
 public:
  RefusalLog(const Clock& clock, Logger logger);

  // The same caller and method again within ten seconds is only counted.
  void Note(const CallContext& context, const Status& why);

 private:
  struct Seen {
    SteadyTime logged;
    std::uint64_t since = 0;  // refusals that got no line
  };

  const Clock& clock_;
  const Logger logger_;
  std::mutex mutex_;
  std::map<std::string, Seen, std::less<>> seen_;  // guarded by mutex_
};

}  // namespace swarm::node
