// The process executor's descriptor.
#include "swarm/plugin.h"
#include "process_executor.h"

namespace {

using swarm::SettingDescriptor;
using swarm::SettingType;

constexpr SettingDescriptor kSettings[] = {
    {"hostname", SettingType::kString, "\"\"", "Name of the node; empty: the node's own."},
    {"state_dir", SettingType::kString, "\"\"",
     "Folder for the tasks' files; empty: in the node's state folder."},
    {"helper", SettingType::kString, "\"\"",
     "Path of the program swarm-task; empty: looked for beside the plugin and the program."},
};

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  swarm::executor_process::ProcessOptions options;
  options.hostname = context.settings().GetString("hostname");
  options.state_dir = context.settings().GetString("state_dir");
  options.helper = context.settings().GetString("helper");
  if (const auto* given = dynamic_cast<const swarm::ExecutorParameters*>(context.parameters())) {
    if (options.hostname.empty()) options.hostname = given->hostname;
    if (options.state_dir.empty()) options.state_dir = given->state_dir;
  }
  if (options.state_dir.empty()) {
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
                                  "Runs tasks as processes of the machine, without isolation",
                                  swarm::Maturity::kAlpha,
                                  kSettings,
                                  std::size(kSettings),
                                  kUnits,
                                  std::size(kUnits)};
