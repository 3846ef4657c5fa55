// The process executor's descriptor.
#include <limits>
#include <utility>

#include "process_executor.h"
#include "setup.h"
#include "swarm/plugin.h"

namespace {

using swarm::SettingDescriptor;
using swarm::SettingType;
using swarm::executor_process::ProcessOptions;

constexpr std::int64_t kGibi = 1LL << 30;

constexpr SettingDescriptor kSettings[] = {
    {"hostname", SettingType::kString, "\"\"", "Name of the node; empty: the node's own."},
    {"state_dir", SettingType::kString, "\"\"",
     "Folder for the tasks' files; empty: in the node's state folder."},
    {"helper", SettingType::kString, "\"\"",
     "Path of the program swarm-task; empty: looked for beside the plugin and the program."},
    {"labels", SettingType::kStringMap, "{}", "Labels of the node's engine, for placement."},
    {"cpus", SettingType::kInteger, "0", "Processors the node offers. 0: all it may use.", 0,
     65536},
    {"memory", SettingType::kBytes, "0", "Memory the node offers. 0: all there is.", 0,
     std::numeric_limits<std::int64_t>::max()},
    {"log_file_size", SettingType::kBytes, "10MiB",
     "Size after which a task's output goes on in another file.", 16 * 1024, 1024 * kGibi},
    {"log_files", SettingType::kInteger, "5", "Files of output kept of a task.", 1, 1000},
    {"user", SettingType::kString, "\"\"",
     "Who tasks run as that name no user, as name or number, with :group; empty: swarmd's own."},
    {"capabilities", SettingType::kStringList,
     "[CHOWN, DAC_OVERRIDE, FSETID, FOWNER, MKNOD, NET_RAW, SETGID, SETUID, SETFCAP, SETPCAP, "
     "NET_BIND_SERVICE, SYS_CHROOT, KILL, AUDIT_WRITE]",
     "What tasks of root may do, and any task can gain, unless they add or drop capabilities; "
     "[ALL]: everything swarmd may."},
    {"no_new_privileges", SettingType::kBool, "false",
     "No task gains rights by executing programs that give some."},
    {"cgroup_parent", SettingType::kString, "swarmd",
     "Control group below which tasks get theirs; made if absent. Empty: no control groups."},
    {"unenforced_limits", SettingType::kChoice, "reject",
     "A task with limits that this node cannot enforce is rejected, or runs without them and says "
     "so in its output.",
     0, 0, "reject,run"},
    {"orphans_after", SettingType::kDuration, "10m",
     "How long after the start a task that nobody has asked for is stopped and removed. 0: never.",
     0, 365LL * 24 * 3600 * 1'000'000'000},
};

void TakeParameters(const swarm::InstanceContext& context, ProcessOptions* options) {
  const auto* given = dynamic_cast<const swarm::ExecutorParameters*>(context.parameters());
  if (!given) return;
  if (options->hostname.empty()) options->hostname = given->hostname;
  if (options->rules.state_dir.empty()) options->rules.state_dir = given->state_dir;
}

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  const swarm::Settings& settings = context.settings();
  ProcessOptions options;
  options.hostname = settings.GetString("hostname");
  options.helper = settings.GetString("helper");
  options.labels = settings.GetStringMap("labels");
  options.cpus = settings.GetInteger("cpus");
  options.memory = settings.GetInteger("memory");
  options.orphans_after = settings.GetDuration("orphans_after");
  auto& rules = options.rules;
  rules.state_dir = settings.GetString("state_dir");
  rules.user = settings.GetString("user");
  rules.no_new_privileges = settings.GetBool("no_new_privileges");
  rules.output_size = settings.GetInteger("log_file_size");
  rules.output_files = settings.GetInteger("log_files");
  rules.cgroup_parent = settings.GetString("cgroup_parent");
  rules.run_unlimited = settings.GetString("unenforced_limits") == "run";
  auto capabilities =
      swarm::executor_process::ParseCapabilities(settings.GetStringList("capabilities"));
  if (!capabilities.ok()) return capabilities.status().WithContext("setting capabilities");
  rules.capabilities = *capabilities;
  TakeParameters(context, &options);
  if (rules.state_dir.empty()) {
    return swarm::Status(swarm::Code::kFailedPrecondition,
                         "executor-process has no folder for its files; set state_dir");
  }
  return std::unique_ptr<swarm::Instance>(
      std::make_unique<swarm::executor_process::ProcessExecutor>(
          context.runtime(), context.logger(), std::move(options)));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"executor/1", swarm::Scope::kInstance, "", "", &Create},
};

}  // namespace

SWARM_PLUGIN(executor_process) = {SWARM_PLUGIN_HEADER,
                                  "executor-process",
                                  "0.1.0",
                                  "Runs tasks as processes of the machine",
                                  swarm::Maturity::kAlpha,
                                  kSettings,
                                  std::size(kSettings),
                                  kUnits,
                                  std::size(kUnits)};
