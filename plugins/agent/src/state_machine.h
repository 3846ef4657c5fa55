// What is to be done next with a task, and what its status becomes. Pure.
#pragma once

#include <optional>
#include <string>

#include "swarm/executor.h"
#include "swarm/runtime.h"

namespace swarm::agent {

enum class Operation : unsigned char { kNone, kPrepare, kStart, kWait, kShutdown };

struct Step {
  bool nothing = false;  // until the task's desired state changes
  Operation operation = Operation::kNone;
  // After the operation, or at once when there is none.
  pb::TaskState next = pb::NEW;
  const char* message = "";
};

// States compare as numbers, so that unknown ones in between have a meaning.
Step NextStep(pb::TaskState state, pb::TaskState desired);

enum class Outcome : unsigned char {
  kAdvanced,   // decide again
  kCancelled,  // decide again; the status is unchanged
  kRetry,      // decide again after a while
};

// The status after `step` has ended with `result`. A normal step clears the error; one that failed
// for good ends the task: REJECTED before STARTING, else FAILED, with the message of the last step.
Outcome ApplyResult(const Step& step, const StepResult& result, pb::TaskStatus* status);

// From STARTING on a status tells what runs; what is not known now stays as it was.
void ApplyObservation(const StepResult& result, std::optional<pb::ContainerStatus> container,
                      std::optional<pb::PortStatus> ports, pb::TaskStatus* status);

// A controller was made, or could not be.
void ApplyResolved(pb::TaskStatus* status);
void ApplyUnresolved(const Status& error, pb::TaskStatus* status);

// Stamps `now` if `status` differs from `before` in more than the time; never backwards. Whether it
// differs.
bool StampIfChanged(const pb::TaskStatus& before, WallTime now, pb::TaskStatus* status);

}  // namespace swarm::agent
