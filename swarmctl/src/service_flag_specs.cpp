// The flags of `service create` and `service update`, as help shows them.
#include <utility>

#include "service_flags.h"

namespace swarm::ctl {
namespace {

using K = FlagKind;
using Specs = std::vector<FlagSpec>;

void Add(Specs* out, const std::string& group, Specs specs) {
  for (FlagSpec& spec : specs) {
    spec.group = group;
    out->push_back(std::move(spec));
  }
}

void Describe(Specs* specs, const std::string& name, std::vector<std::string> choices,
              Completes completes = Completes::kNothing) {
  for (FlagSpec& spec : *specs) {
    if (spec.name != name) continue;
    spec.choices = choices;
    spec.completes = completes;
  }
}

Specs ServiceItself() {
  return {
      {"name", 0, K::kString, "", "Service name"},
      {"label", 0, K::kStrings, "", "Service label (key=value)"},
      {"replicas", 0, K::kUint, "1",
       "Number of replicas for the service (only works in replicated service mode); of a job, how "
       "many are to complete"},
      {"max-concurrent", 0, K::kUint, "",
       "How many tasks of a replicated job run at once (default: all)"},
  };
}

Specs Container() {
  return {
      {"image", 0, K::kString, "", "Container image"},
      {"command", 0, K::kStrings, "", "Override entrypoint in the container"},
      {"args", 0, K::kStrings, "", "Args to pass to the container"},
      {"env", 0, K::kStrings, "", "Environment variables to pass to the container"},
      {"container-label", 0, K::kStrings, "", "Container label (key=value)"},
      {"dir", 0, K::kString, "", "Working directory"},
      {"user", 0, K::kString, "", "User, user:group"},
      {"group", 0, K::kStrings, "", "Further groups of the user"},
      {"tty", 0, K::kBool, "", "Open a tty"},
      {"open-stdin", 0, K::kBool, "", "Open stdin"},
      {"init", 0, K::kBool, "",
       "Run an init inside the container that forwards signals and reaps processes"},
      {"read-only", 0, K::kBool, "", "Mount the root file system read-only"},
      {"stop-signal", 0, K::kString, "", "Signal that asks the container to stop"},
      {"stop-grace-period", 0, K::kDuration, "", "Time to stop in before it is killed"},
      {"isolation", 0, K::kString, "", "Isolation on Windows (default|process|hyperv)"},
      {"add-capability", 0, K::kStrings, "", "Add a kernel capability"},
      {"rm-capability", 0, K::kStrings, "", "Remove a kernel capability"},
      {"sysctl", 0, K::kStrings, "", "Kernel parameter (key=value)"},
  };
}

Specs Health() {
  return {
      {"health-cmd", 0, K::kString, "", "Command that tells whether the container is healthy"},
      {"health-interval", 0, K::kDuration, "", "Time between two checks"},
      {"health-timeout", 0, K::kDuration, "", "Time a check may take"},
      {"health-retries", 0, K::kInt, "", "Failed checks in a row that make it unhealthy"},
      {"health-start-period", 0, K::kDuration, "", "Time to start in, when failures do not count"},
      {"no-healthcheck", 0, K::kBool, "", "Disable the check that the image defines"},
  };
}

Specs Resources() {
  return {
      {"memory-reservation", 0, K::kString, "", "Amount of reserved memory (e.g. 512m)"},
      {"memory-limit", 0, K::kString, "", "Memory limit (e.g. 512m)"},
      {"memory-swap", 0, K::kString, "", "Swap limit (e.g. 512m; -1 = none)"},
      {"memory-swappiness", 0, K::kInt, "", "Swappiness, 0 to 100"},
      {"cpu-reservation", 0, K::kString, "", "Number of CPU cores reserved (e.g. 0.5)"},
      {"cpu-limit", 0, K::kString, "", "CPU cores limit (e.g. 0.5)"},
      {"generic-resources", 0, K::kString, "", "Generic resources to reserve (e.g. gpu=3,fpga=1)"},
      {"pids-limit", 0, K::kInt, "", "Number of processes at most (0 = unlimited)"},
      {"ulimit", 0, K::kStrings, "", "Ulimit options, name=soft[:hard]"},
      {"oom-score-adj", 0, K::kInt, "", "Oom score adjustment"},
  };
}

Specs Updating() {
  return {
      {"update-parallelism", 0, K::kUint, "", "Task update parallelism (0 = all at once)"},
      {"update-delay", 0, K::kDuration, "", "Delay between task updates (0s = none)"},
      {"update-on-failure", 0, K::kString, "",
       "Action on failure during update (pause|continue|rollback)"},
      {"update-order", 0, K::kString, "", "Order of updates (stop-first|start-first)"},
      {"update-monitor", 0, K::kDuration, "", "How long an updated task is watched for failure"},
      {"update-max-failure-ratio", 0, K::kString, "", "Failures an update stands, 0 to 1"},
      {"rollback-parallelism", 0, K::kUint, "",
       "Task update parallelism during rollback (0 = all at once)"},
      {"rollback-delay", 0, K::kDuration, "",
       "Delay between task updates during rollback (0s = none)"},
      {"rollback-on-failure", 0, K::kString, "",
       "Action on failure during rollback (pause|continue)"},
      {"rollback-order", 0, K::kString, "",
       "Order of updates during rollback (stop-first|start-first)"},
      {"rollback-monitor", 0, K::kDuration, "",
       "How long a task that was rolled back is watched for failure"},
      {"rollback-max-failure-ratio", 0, K::kString, "", "Failures a rollback stands, 0 to 1"},
  };
}

Specs Restarting() {
  return {
      {"restart-condition", 0, K::kString, "any",
       "Condition to restart the task (any, failure, none)"},
      {"restart-delay", 0, K::kDuration, "5s", "Delay between task restarts"},
      {"restart-max-attempts", 0, K::kUint, "",
       "Maximum number of restart attempts (0 = unlimited)"},
      {"restart-window", 0, K::kDuration, "0s",
       "Time window to evaluate restart attempts (0 = unbound)"},
  };
}

Specs Placement() {
  return {
      {"constraint", 0, K::kStrings, "", "Placement constraint (e.g. node.labels.key==value)"},
      {"placement-pref", 0, K::kStrings, "", "Placement preference (e.g. spread=node.labels.rack)"},
      {"platform", 0, K::kStrings, "", "Platforms the image is for (e.g. linux/amd64)"},
      {"replicas-max-per-node", 0, K::kUint, "",
       "Maximum number of replicas per node (only works in replicated service mode)"},
  };
}

Specs Networking() {
  return {
      {"ports", 0, K::kStrings, "",
       "Ports to publish, name:target[/protocol][:published[/protocol]]"},
      {"publish-mode", 0, K::kString, "", "How all its ports are published (host|ingress)"},
      {"endpoint-mode", 0, K::kString, "", "How clients find the tasks (vip|dnsrr)"},
      {"network", 0, K::kString, "", "Network name"},
      {"hostname", 0, K::kString, "", "Container hostname"},
      {"host", 0, K::kStrings, "", "Line of the hosts file (\"address name\")"},
      {"dns", 0, K::kStrings, "", "Name servers"},
      {"dns-search", 0, K::kStrings, "", "Domains to search"},
      {"dns-option", 0, K::kStrings, "", "Options of the resolver"},
  };
}

Specs Files(ServiceVerb verb) {
  Specs out = {
      {"bind", 0, K::kStrings, "", "Define a bind mount, source:target"},
      {"volume", 0, K::kStrings, "", "Define a volume mount, target"},
      {"tmpfs", 0, K::kStrings, "", "Define a tmpfs mount, target[:options]"},
      {"npipe", 0, K::kStrings, "", "Define a npipe mount, source:target"},
      {"mount", 0, K::kRepeated, "",
       "Define any mount, type=volume,source=name,target=path[,readonly][,volume-driver=...]"},
  };
  if (verb == ServiceVerb::kCreate) {
    out.push_back({"secret", 0, K::kStrings, "", "Add a secret from swarm, name[:target]"});
    out.push_back({"config", 0, K::kStrings, "", "Add a config from swarm, name[:target]"});
    return out;
  }
  out.push_back({"rm-mount", 0, K::kStrings, "", "Remove a mount by its target"});
  out.push_back({"add-secret", 0, K::kStrings, "", "Add a secret, name[:target]"});
  out.push_back({"rm-secret", 0, K::kStrings, "", "Remove a secret by name"});
  out.push_back({"add-config", 0, K::kStrings, "", "Add a config, name[:target]"});
  out.push_back({"rm-config", 0, K::kStrings, "", "Remove a config by name"});
  return out;
}

}  // namespace

std::vector<FlagSpec> ServiceFlags(ServiceVerb verb) {
  Specs out = ServiceItself();
  if (verb == ServiceVerb::kCreate) {
    out.push_back({"mode", 0, K::kString, "replicated",
                   "One of replicated, global, replicated-job, global-job"});
    Describe(&out, "mode", {"replicated", "global", "replicated-job", "global-job"});
  } else {
    out.push_back({"force", 0, K::kBool, "", "Force tasks to restart even if nothing has changed"});
  }
  Add(&out, "Container", Container());
  Add(&out, "Health", Health());
  Add(&out, "Resources", Resources());
  Add(&out, "Updates and rollbacks", Updating());
  Add(&out, "Restarts", Restarting());
  Add(&out, "Placement", Placement());
  Add(&out, "Network", Networking());
  Add(&out, "Files", Files(verb));
  Add(&out, "Logging",
      {{"log-driver", 0, K::kString, "", "Specify a log driver"},
       {"log-opt", 0, K::kStrings, "", "Add log driver options"}});
  const std::vector<std::string> orders{"stop-first", "start-first"};
  Describe(&out, "update-on-failure", {"pause", "continue", "rollback"});
  Describe(&out, "update-order", orders);
  Describe(&out, "rollback-on-failure", {"pause", "continue"});
  Describe(&out, "rollback-order", orders);
  Describe(&out, "restart-condition", {"any", "failure", "none"});
  Describe(&out, "publish-mode", {"host", "ingress"});
  Describe(&out, "endpoint-mode", {"vip", "dnsrr"});
  Describe(&out, "isolation", {"default", "process", "hyperv"});
  Describe(&out, "network", {}, Completes::kNetworks);
  for (const char* name : {"secret", "add-secret"}) Describe(&out, name, {}, Completes::kSecrets);
  for (const char* name : {"config", "add-config"}) Describe(&out, name, {}, Completes::kConfigs);
  return out;
}

}  // namespace swarm::ctl
