#include "swarm/plugin.h"

#include <iterator>
#include <memory>

#include "settings.h"
#include "standalone.h"
#include "swarm/consensus.h"
#include "swarm/fatal.h"

namespace {

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::standalone::Standalone>(
      context.runtime(), swarm::consensus::ReadOptions(context.settings(), context.node()),
      context.logger(),
      [&context](swarm::Status why) { swarm::ReportFatal(context, std::move(why)); }));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"consensus/1", swarm::Scope::kManager, "", "", Create},
};

}  // namespace

SWARM_PLUGIN(standalone) = {SWARM_PLUGIN_HEADER,
                            "standalone",
                            "1.0.0",
                            "A consensus group of one manager, on a durable log",
                            swarm::Maturity::kStable,
                            swarm::standalone::kSettings,
                            std::size(swarm::standalone::kSettings),
                            kUnits,
                            std::size(kUnits)};
