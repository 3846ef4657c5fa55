#include "service_flags.h"

#include <algorithm>
#include <utility>

namespace swarm::ctl {
namespace {

Status Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

std::string Trim(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);
}

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

Status ApplyMode(const Flags& flags, pb::ServiceSpec* spec) {
  if (flags.Given("mode")) {
    const std::string mode = flags.String("mode");
    if (mode == "global") spec->mutable_global();
    if (mode == "replicated" && !spec->has_replicated()) {
      spec->mutable_replicated()->set_replicas(1);
    }
  }
  if (flags.Given("replicas")) {
    if (!spec->has_replicated()) {
      return Bad("--replicas can only be specified in --mode replicated");
    }
    spec->mutable_replicated()->set_replicas(flags.Uint("replicas"));
  }
  if (flags.Given("replicas-max-per-node")) {
    if (!spec->has_replicated()) {
      return Bad("--replicas-max-per-node can only be specified in --mode replicated");
    }
    spec->mutable_task()->mutable_placement()->set_max_replicas(
        flags.Uint("replicas-max-per-node"));
  }
  return Status::Ok();
}

void SetList(const Flags& flags, std::string_view name,
             google::protobuf::RepeatedPtrField<std::string>* out) {
  if (!flags.Given(name)) return;
  const auto values = flags.Strings(name);
  out->Assign(values.begin(), values.end());
}

void Move(const std::vector<std::string>& names,
          google::protobuf::RepeatedPtrField<std::string>* from,
          google::protobuf::RepeatedPtrField<std::string>* to) {
  for (const std::string& name : names) {
    from->erase(std::remove(from->begin(), from->end(), name), from->end());
    if (std::find(to->begin(), to->end(), name) == to->end()) *to->Add() = name;
  }
}

Status ApplyContainer(const Flags& flags, pb::ContainerSpec* container) {
  if (flags.Given("image")) container->set_image(flags.String("image"));
  if (flags.Given("hostname")) container->set_hostname(flags.String("hostname"));
  SetList(flags, "command", container->mutable_command());
  SetList(flags, "args", container->mutable_args());
  SetList(flags, "env", container->mutable_env());
  if (flags.Given("tty")) container->set_tty(flags.Bool("tty"));
  if (flags.Given("open-stdin")) container->set_open_stdin(flags.Bool("open-stdin"));
  if (flags.Given("init")) container->mutable_init()->set_value(flags.Bool("init"));
  if (flags.Given("oom-score-adj")) container->set_oom_score_adj(flags.Int("oom-score-adj"));
  Move(flags.Strings("add-capability"), container->mutable_capability_drop(),
       container->mutable_capability_add());
  Move(flags.Strings("rm-capability"), container->mutable_capability_add(),
       container->mutable_capability_drop());
  if (flags.Given("ulimit")) {
    container->clear_ulimits();
    for (const std::string& text : flags.Strings("ulimit")) {
      SWARM_ASSIGN_OR_RETURN(*container->add_ulimits(), ParseUlimit(text));
    }
  }
  return ApplyMounts(flags, container);
}

Status ApplyEndpoint(const Flags& flags, Client& client, pb::ServiceSpec* spec) {
  if (flags.Given("ports")) {
    spec->clear_endpoint();
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
  auto* driver = spec->mutable_task()->mutable_log_driver();
  driver->Clear();
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
  SWARM_RETURN_IF_ERROR(ApplyPolicies(flags, spec));
  if (flags.Given("constraint")) {
    SetList(flags, "constraint", task->mutable_placement()->mutable_constraints());
  }
  ApplyLogDriver(flags, spec);
  return Status::Ok();
}

std::vector<FlagSpec> ServiceFlags(ServiceVerb verb) {
  using K = FlagKind;
  std::vector<FlagSpec> out = {
      {"name", 0, K::kString, "", "Service name"},
      {"label", 0, K::kStrings, "", "Service label (key=value)"},
      {"replicas", 0, K::kUint, "1",
       "Number of replicas for the service (only works in replicated service mode)"},
      {"replicas-max-per-node", 0, K::kUint, "",
       "Maximum number of replicas per node (only works in replicated service mode)"},
      {"image", 0, K::kString, "", "Container image"},
      {"hostname", 0, K::kString, "", "Container hostname"},
      {"command", 0, K::kStrings, "", "Override entrypoint in the container"},
      {"args", 0, K::kStrings, "", "Args to pass to the container"},
      {"env", 0, K::kStrings, "", "Environment variables to pass to the container"},
      {"tty", 0, K::kBool, "", "Open a tty"},
      {"open-stdin", 0, K::kBool, "", "Open stdin"},
      {"init", 0, K::kBool, "",
       "Run an init inside the container that forwards signals and reaps processes"},
      {"ports", 0, K::kStrings, "",
       "Ports to publish, name:target[/protocol][:published[/protocol]]"},
      {"network", 0, K::kString, "", "Network name"},
      {"memory-reservation", 0, K::kString, "", "Amount of reserved memory (e.g. 512m)"},
      {"memory-limit", 0, K::kString, "", "Memory limit (e.g. 512m)"},
      {"cpu-reservation", 0, K::kString, "", "Number of CPU cores reserved (e.g. 0.5)"},
      {"cpu-limit", 0, K::kString, "", "CPU cores limit (e.g. 0.5)"},
      {"generic-resources", 0, K::kString, "", "Generic resources to reserve (e.g. gpu=3,fpga=1)"},
      {"ulimit", 0, K::kStrings, "", "Ulimit options, name=soft[:hard]"},
      {"update-parallelism", 0, K::kUint, "", "Task update parallelism (0 = all at once)"},
      {"update-delay", 0, K::kDuration, "", "Delay between task updates (0s = none)"},
      {"update-on-failure", 0, K::kString, "",
       "Action on failure during update (pause|continue|rollback)"},
      {"update-order", 0, K::kString, "", "Order of updates (stop-first|start-first)"},
      {"rollback-parallelism", 0, K::kUint, "",
       "Task update parallelism during rollback (0 = all at once)"},
      {"rollback-delay", 0, K::kDuration, "",
       "Delay between task updates during rollback (0s = none)"},
      {"rollback-on-failure", 0, K::kString, "",
       "Action on failure during rollback (pause|continue)"},
      {"rollback-order", 0, K::kString, "",
       "Order of updates during rollback (stop-first|start-first)"},
      {"restart-condition", 0, K::kString, "any",
       "Condition to restart the task (any, failure, none)"},
      {"restart-delay", 0, K::kDuration, "5s", "Delay between task restarts"},
      {"restart-max-attempts", 0, K::kUint, "",
       "Maximum number of restart attempts (0 = unlimited)"},
      {"restart-window", 0, K::kDuration, "0s",
       "Time window to evaluate restart attempts (0 = unbound)"},
      {"constraint", 0, K::kStrings, "", "Placement constraint (e.g. node.labels.key==value)"},
      {"bind", 0, K::kStrings, "", "Define a bind mount, source:target"},
      {"volume", 0, K::kStrings, "", "Define a volume mount, target"},
      {"tmpfs", 0, K::kStrings, "", "Define a tmpfs mount, target[:options]"},
      {"npipe", 0, K::kStrings, "", "Define a npipe mount, source:target"},
      {"log-driver", 0, K::kString, "", "Specify a log driver"},
      {"log-opt", 0, K::kStrings, "", "Add log driver options"},
      {"oom-score-adj", 0, K::kInt, "", "Oom score adjustment"},
  };
  if (verb == ServiceVerb::kCreate) {
    out.push_back({"mode", 0, K::kString, "replicated", "One of replicated, global"});
    out.push_back({"secret", 0, K::kStrings, "", "Add a secret from swarm, name[:target]"});
  } else {
    out.push_back({"add-secret", 0, K::kStrings, "", "Add a secret, name[:target]"});
    out.push_back({"rm-secret", 0, K::kStrings, "", "Remove a secret by name"});
    out.push_back({"add-config", 0, K::kStrings, "", "Add a config, name[:target]"});
    out.push_back({"rm-config", 0, K::kStrings, "", "Remove a config by name"});
    out.push_back({"add-capability", 0, K::kStrings, "", "Add a kernel capability"});
    out.push_back({"rm-capability", 0, K::kStrings, "", "Remove a kernel capability"});
    out.push_back({"force", 0, K::kBool, "", "Force tasks to restart even if nothing has changed"});
  }
  return out;
}

}  // namespace swarm::ctl
