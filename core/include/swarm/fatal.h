// How an instance that is running says that it cannot go on, as consensus does when its disk fails:
// the node then ends in order, leaves tasks running, and the program exits with a code of its own,
// so that whoever watches it knows that a restart is needed.
#pragma once

#include <utility>

#include "swarm/export.h"
#include "swarm/plugin.h"
#include "swarm/status.h"

namespace swarm {

// Optional second interface of an InstanceContext (dynamic_cast): hosts without it do nothing.
// Threading: [any]. Never calls back from inside; Stop of the instance follows soon.
class SWARM_EXPORT FatalSink {
 public:
  virtual ~FatalSink();
  // `why` says what failed and what to do. The first counts.
  virtual void Fatal(Status why) noexcept = 0;
};

// From the instance's start until its stop.
inline void ReportFatal(InstanceContext& context, Status why) noexcept {
  if (auto* sink = dynamic_cast<FatalSink*>(&context)) sink->Fatal(std::move(why));
}

}  // namespace swarm
