// The scheduler's descriptor.
#include "swarm/plugin.h"
#include "component/component.h"
#include "scheduler.h"

namespace {

using swarm::SettingDescriptor;
using swarm::SettingType;

constexpr SettingDescriptor kSettings[] = {
    {.key = "strategy",
     .type = SettingType::kChoice,
     .default_value = "spread",
     .help = "How nodes are ranked; spread: the one with the fewest tasks of the service, then "
             "with the fewest tasks.",
     .choices = "spread"},
    {.key = "debounce",
     .type = SettingType::kDuration,
     .default_value = "0s",
     .help = "How long changes are collected before tasks are placed, at most 1s; 0: no longer "
             "than they keep arriving.",
     .minimum = 0,
     .maximum = 1'000'000'000},
};

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* store, context.Require<swarm::Store>(swarm::kStoreRole));
  const swarm::scheduler::SchedulerOptions options{context.settings().GetDuration("debounce")};
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::component::Component>(
      context.runtime(), *store, context.logger(),
      swarm::component::ComponentParameters{
          "scheduler", {swarm::Table::kNode, swarm::Table::kService, swarm::Table::kTask}},
      [options](swarm::component::Env& env) {
        return std::make_unique<swarm::scheduler::Scheduler>(env, options);
      }));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"component/1", swarm::Scope::kLeader, "store/1", "allocator", &Create},
};

}  // namespace

SWARM_PLUGIN(scheduler) = {SWARM_PLUGIN_HEADER,
                           "scheduler",
                           "0.1.0",
                           "Gives each task a node",
                           swarm::Maturity::kAlpha,
                           kSettings,
                           std::size(kSettings),
                           kUnits,
                           std::size(kUnits)};
