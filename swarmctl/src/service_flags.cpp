#include "service_flags.h"

#include <utility>

#include "resolve.h"
#include "words.h"

namespace swarm::ctl {
namespace {

Status Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

Status ApplyLabels(const Flags& flags, pb::ServiceSpec* spec) {
  if (!flags.Given("label")) return Status::Ok();
  auto* labels = spec->mutable_annotations()->mutable_labels();
  labels->clear();
  for (const std::string& label : flags.Strings("label")) {
    const auto equal = label.find('=');
    if (equal == std::string::npos) return Bad("malformed label: " + label);
    (*labels)[Trim(label.substr(0, equal))] = Trim(label.substr(equal + 1));
  }
  return Status::Ok();
}

Status SetMode(const std::string& mode, pb::ServiceSpec* spec) {
  if (mode == "global") {
    spec->mutable_global();
  } else if (mode == "replicated-job") {
    spec->mutable_replicated_job()->set_total_completions(1);
  } else if (mode == "global-job") {
    spec->mutable_global_job();
  } else if (mode != "replicated") {
    return Bad("--mode must be replicated, global, replicated-job or global-job: " + mode);
  }
  return Status::Ok();
}

// Of a job: how many are to complete, and how many of them at once.
Status ApplyJob(const Flags& flags, pb::ReplicatedJob* job) {
  if (flags.Given("replicas")) job->set_total_completions(flags.Uint("replicas"));
  if (flags.Given("max-concurrent")) {
    job->set_max_concurrent(flags.Uint("max-concurrent"));
  } else if (flags.Given("replicas") || job->max_concurrent() == 0) {
    job->set_max_concurrent(job->total_completions());
  }
  return Status::Ok();
}

Status ApplyMode(const Flags& flags, pb::ServiceSpec* spec) {
  if (flags.Given("mode")) SWARM_RETURN_IF_ERROR(SetMode(flags.String("mode"), spec));
  const bool counted = spec->has_replicated() || spec->has_replicated_job();
  if (flags.Given("replicas") && !counted) {
    return Bad("--replicas can only be specified in --mode replicated");
  }
  if (flags.Given("max-concurrent") && !spec->has_replicated_job()) {
    return Bad("--max-concurrent can only be specified in --mode replicated-job");
  }
  if (flags.Given("replicas-max-per-node")) {
    if (!counted) {
      return Bad("--replicas-max-per-node can only be specified in --mode replicated");
    }
    spec->mutable_task()->mutable_placement()->set_max_replicas(
        flags.Uint("replicas-max-per-node"));
  }
  if (spec->has_replicated_job()) return ApplyJob(flags, spec->mutable_replicated_job());
  if (flags.Given("replicas")) spec->mutable_replicated()->set_replicas(flags.Uint("replicas"));
  return Status::Ok();
}

Status ApplyPlacement(const Flags& flags, pb::TaskSpec* task) {
  if (flags.Given("constraint")) {
    const auto values = flags.Strings("constraint");
    task->mutable_placement()->mutable_constraints()->Assign(values.begin(), values.end());
  }
  if (flags.Given("placement-pref")) {
    constexpr std::string_view kSpread = "spread=";
    task->mutable_placement()->clear_preferences();
    for (const std::string& text : flags.Strings("placement-pref")) {
      if (!text.starts_with(kSpread)) {
        return Bad("--placement-pref must be spread=<node label>: " + text);
      }
      task->mutable_placement()->add_preferences()->mutable_spread()->set_spread_descriptor(
          text.substr(kSpread.size()));
    }
  }
  if (!flags.Given("platform")) return Status::Ok();
  task->mutable_placement()->clear_platforms();
  for (const std::string& text : flags.Strings("platform")) {
    const auto slash = text.find('/');
    if (slash == std::string::npos) return Bad("--platform must be os/architecture: " + text);
    auto* platform = task->mutable_placement()->add_platforms();
    platform->set_os(text.substr(0, slash));
    platform->set_architecture(text.substr(slash + 1));
  }
  return Status::Ok();
}

Status ApplyPublishing(const Flags& flags, pb::ServiceSpec* spec) {
  if (flags.Given("publish-mode")) {
    const std::string mode = flags.String("publish-mode");
    if (mode != "host" && mode != "ingress") {
      return Bad("--publish-mode must be host or ingress: " + mode);
    }
    for (auto& port : *spec->mutable_endpoint()->mutable_ports()) {
      port.set_publish_mode(mode == "host" ? pb::PortConfig::HOST : pb::PortConfig::INGRESS);
    }
  }
  if (flags.Given("endpoint-mode")) {
    const std::string mode = flags.String("endpoint-mode");
    if (mode != "vip" && mode != "dnsrr") {
      return Bad("--endpoint-mode must be vip or dnsrr: " + mode);
    }
    spec->mutable_endpoint()->set_mode(mode == "vip" ? pb::EndpointSpec::VIP
                                                     : pb::EndpointSpec::DNSRR);
  }
  return Status::Ok();
}

Status ApplyEndpoint(const Flags& flags, Client& client, pb::ServiceSpec* spec) {
  if (flags.Given("ports")) {
    spec->mutable_endpoint()->clear_ports();
    for (const std::string& text : flags.Strings("ports")) {
      SWARM_ASSIGN_OR_RETURN(*spec->mutable_endpoint()->add_ports(), ParsePort(text));
    }
  }
  if (flags.Given("network")) {
    SWARM_ASSIGN_OR_RETURN(const pb::Network network, FindNetwork(client, flags.String("network")));
    spec->mutable_task()->clear_networks();
    spec->mutable_task()->add_networks()->set_target(network.id());
  }
  return Status::Ok();
}

// Only what is asked for: an update leaves the driver it does not name.
void ApplyLogDriver(const Flags& flags, pb::ServiceSpec* spec) {
  if (!flags.Given("log-driver")) return;
  spec->mutable_task()->clear_log_driver();
  if (flags.String("log-driver").empty()) return;
  auto* driver = spec->mutable_task()->mutable_log_driver();
  driver->set_name(flags.String("log-driver"));
  for (const std::string& option : flags.Strings("log-opt")) {
    const auto equal = option.find('=');
    (*driver->mutable_options())[option.substr(0, equal)] =
        equal == std::string::npos ? "" : option.substr(equal + 1);
  }
}

}  // namespace

Status ApplyServiceFlags(const Flags& flags, Client& client, pb::ServiceSpec* spec) {
  pb::TaskSpec* task = spec->mutable_task();
  if (flags.Bool("force")) task->set_force_update(task->force_update() + 1);
  if (flags.Given("name")) spec->mutable_annotations()->set_name(flags.String("name"));
  SWARM_RETURN_IF_ERROR(ApplyLabels(flags, spec));
  SWARM_RETURN_IF_ERROR(ApplyMode(flags, spec));
  SWARM_RETURN_IF_ERROR(ApplyContainer(flags, task->mutable_container()));
  SWARM_RETURN_IF_ERROR(ApplyReferences(flags, client, task->mutable_container()));
  SWARM_RETURN_IF_ERROR(ApplyResources(flags, spec));
  SWARM_RETURN_IF_ERROR(ApplyEndpoint(flags, client, spec));
  SWARM_RETURN_IF_ERROR(ApplyPublishing(flags, spec));
  SWARM_RETURN_IF_ERROR(ApplyPolicies(flags, spec));
  SWARM_RETURN_IF_ERROR(ApplyPlacement(flags, task));
  ApplyLogDriver(flags, spec);
  return Status::Ok();
}

}  // namespace swarm::ctl
