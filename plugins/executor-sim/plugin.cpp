// The simulated executor's descriptor.
#include "swarm/plugin.h"
#include "sim_executor.h"
#include "sim_options.h"

namespace {

using swarm::SettingDescriptor;
using swarm::SettingType;

constexpr SettingDescriptor kSettings[] = {
    {"hostname", SettingType::kString, "\"\"", "Name of the node; empty: the node's own."},
    {"os", SettingType::kString, "linux", "Operating system the node claims to have."},
    {"architecture", SettingType::kString, "x86_64", "Architecture the node claims to have."},
    {"cpus", SettingType::kInteger, "4", "Processors the node offers.", 1, 1'000'000},
    {"memory", SettingType::kBytes, "8GiB", "Memory the node offers.", 0, std::int64_t{1} << 50},
    {"labels", SettingType::kStringMap, "{}", "Engine labels, for constraints on engine.labels.*."},
    {"prepare_min", SettingType::kDuration, "0s", "Least time a prepare takes."},
    {"prepare_max", SettingType::kDuration, "0s", "Most time a prepare takes."},
    {"start_min", SettingType::kDuration, "0s", "Least time a start takes."},
    {"start_max", SettingType::kDuration, "0s", "Most time a start takes."},
    {"run_min", SettingType::kDuration, "0s", "Least time a task runs; 0: until it is stopped."},
    {"run_max", SettingType::kDuration, "0s", "Most time a task runs."},
    {"stop_min", SettingType::kDuration, "0s",
     "Least time a stop takes; never more than the task's grace period."},
    {"stop_max", SettingType::kDuration, "0s", "Most time a stop takes."},
    {"unhealthy_after", SettingType::kDuration, "0s",
     "A task becomes unhealthy after so long; 0: never."},
    {"prepare_failures", SettingType::kInteger, "0", "How many of 1000 prepares fail.", 0, 1000},
    {"start_failures", SettingType::kInteger, "0", "How many of 1000 starts fail.", 0, 1000},
    {"run_failures", SettingType::kInteger, "0",
     "How many of 1000 tasks that end by themselves fail.", 0, 1000},
    {"failure_exit_code", SettingType::kInteger, "1", "Exit code of a task that fails by chance.",
     1, 255},
};

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  auto options = swarm::executor_sim::OptionsFromSettings(context.settings());
  const auto* parameters = dynamic_cast<const swarm::ExecutorParameters*>(context.parameters());
  if (options.hostname.empty() && parameters) options.hostname = parameters->hostname;
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::executor_sim::SimExecutor>(
      context.runtime(), context.logger(), std::move(options)));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"executor/1", swarm::Scope::kInstance, "", "", &Create},
};

}  // namespace

SWARM_PLUGIN(executor_sim) = {SWARM_PLUGIN_HEADER,
                              "executor-sim",
                              "0.1.0",
                              "Runs tasks that are only numbers, as slowly and badly as asked",
                              swarm::Maturity::kStable,
                              kSettings,
                              std::size(kSettings),
                              kUnits,
                              std::size(kUnits)};
