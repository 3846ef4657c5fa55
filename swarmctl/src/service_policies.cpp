// How a service is updated, rolled back and restarted.
#include <charconv>
#include <string>
#include <utility>

#include "service_flags.h"
#include "words.h"

namespace swarm::ctl {
namespace {

Status Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

bool AnyGiven(const Flags& flags, const std::string& prefix) {
  for (const char* part :
       {"parallelism", "delay", "on-failure", "order", "monitor", "max-failure-ratio"}) {
    if (flags.Given(prefix + part)) return true;
  }
  return false;
}

// A share of the tasks, 0 to 1.
Status ApplyRatio(const Flags& flags, const std::string& flag, pb::UpdateConfig* config) {
  if (!flags.Given(flag)) return Status::Ok();
  const std::string text = flags.String(flag);
  float ratio = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ratio);
  if (error != std::errc() || end != text.data() + text.size() || !(ratio >= 0 && ratio <= 1)) {
    return Bad("--" + flag + " must be a number from 0 to 1: " + text);
  }
  config->set_max_failure_ratio(ratio);
  return Status::Ok();
}

// `prefix`: "update-" or "rollback-".
Status ApplyUpdate(const Flags& flags, const std::string& prefix, bool may_roll_back,
                   pb::UpdateConfig* config) {
  if (flags.Given(prefix + "parallelism"))
    config->set_parallelism(flags.Uint(prefix + "parallelism"));
  if (flags.Given(prefix + "delay")) {
    SetDuration(flags.Time(prefix + "delay"), config->mutable_delay());
  }
  if (flags.Given(prefix + "monitor")) {
    SetDuration(flags.Time(prefix + "monitor"), config->mutable_monitor());
  }
  SWARM_RETURN_IF_ERROR(ApplyRatio(flags, prefix + "max-failure-ratio", config));
  if (flags.Given(prefix + "on-failure")) {
    const std::string action = flags.String(prefix + "on-failure");
    if (action == "pause") {
      config->set_failure_action(pb::UpdateConfig::PAUSE);
    } else if (action == "continue") {
      config->set_failure_action(pb::UpdateConfig::CONTINUE);
    } else if (action == "rollback" && may_roll_back) {
      config->set_failure_action(pb::UpdateConfig::ROLLBACK);
    } else {
      return Bad("--" + prefix + "on-failure value must be pause or continue");
    }
  }
  if (flags.Given(prefix + "order")) {
    const std::string order = flags.String(prefix + "order");
    if (order == "stop-first") {
      config->set_order(pb::UpdateConfig::STOP_FIRST);
    } else if (order == "start-first") {
      config->set_order(pb::UpdateConfig::START_FIRST);
    } else {
      return Bad("--" + prefix + "order value must be stop-first or start-first");
    }
  }
  return Status::Ok();
}

// A job that has completed is not started again.
Status ApplyRestart(const Flags& flags, bool job, pb::TaskSpec* task) {
  if (!task->has_restart()) {
    task->mutable_restart()->set_condition(job ? pb::RestartPolicy::ON_FAILURE
                                               : pb::RestartPolicy::ANY);
  }
  pb::RestartPolicy* restart = task->mutable_restart();
  if (flags.Given("restart-condition")) {
    const std::string condition = flags.String("restart-condition");
    if (condition == "none") {
      restart->set_condition(pb::RestartPolicy::NONE);
    } else if (condition == "failure") {
      restart->set_condition(pb::RestartPolicy::ON_FAILURE);
    } else if (condition == "any") {
      restart->set_condition(pb::RestartPolicy::ANY);
    } else {
      return Bad("invalid restart condition: " + condition);
    }
  }
  if (flags.Given("restart-delay")) {
    SetDuration(flags.Time("restart-delay"), restart->mutable_delay());
  }
  if (flags.Given("restart-max-attempts")) {
    restart->set_max_attempts(flags.Uint("restart-max-attempts"));
  }
  if (flags.Given("restart-window")) {
    SetDuration(flags.Time("restart-window"), restart->mutable_window());
  }
  return Status::Ok();
}

}  // namespace

Status ApplyPolicies(const Flags& flags, pb::ServiceSpec* spec) {
  if (AnyGiven(flags, "update-")) {
    SWARM_RETURN_IF_ERROR(ApplyUpdate(flags, "update-", true, spec->mutable_update()));
  }
  if (AnyGiven(flags, "rollback-")) {
    SWARM_RETURN_IF_ERROR(ApplyUpdate(flags, "rollback-", false, spec->mutable_rollback()));
  }
  return ApplyRestart(flags, spec->has_replicated_job() || spec->has_global_job(),
                      spec->mutable_task());
}

}  // namespace swarm::ctl
