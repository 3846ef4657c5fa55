// swarmctl version.
#include "command.h"

namespace swarm::ctl {

Command VersionCommand() {
  return {"version", {}, "", "Print version number of swarm", {}, {}, [](Invocation& run) {
            SWARM_RETURN_IF_ERROR(run.NoArguments("version"));
            run.out += run.environment.program + " swarmd " + SWARM_VERSION + "\n";
            return Status::Ok();
          }};
}

}  // namespace swarm::ctl
