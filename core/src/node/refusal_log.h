// A line in the log for whoever calls what it may not; not one for each call.
#pragma once

#include <mutex>

#include "base/repeats.h"
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
  const Clock& clock_;
  const Logger logger_;
  std::mutex mutex_;
  Repeats repeats_;  // guarded by mutex_
};

}  // namespace swarm::node
