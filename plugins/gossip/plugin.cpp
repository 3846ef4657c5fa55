// The gossip introducer's descriptor.
#include <memory>

#include "component/component.h"
#include "dialer.h"
#include "introducer.h"
#include "swarm/plugin.h"

namespace {

using swarm::SettingDescriptor;
using swarm::SettingType;

constexpr std::int64_t kSecond = 1'000'000'000;

constexpr SettingDescriptor kSettings[] = {
    {.key = "interval",
     .type = SettingType::kDuration,
     .default_value = "30s",
     .help = "How often engines are asked whether they still know each other.",
     .minimum = kSecond,
     .maximum = 3'600 * kSecond},
    {.key = "connect_timeout",
     .type = SettingType::kDuration,
     .default_value = "3s",
     .help = "How long reaching an engine's port 7946 may take.",
     .minimum = kSecond / 10,
     .maximum = 60 * kSecond},
    {.key = "timeout",
     .type = SettingType::kDuration,
     .default_value = "10s",
     .help = "How long an engine may take for its answer.",
     .minimum = kSecond / 10,
     .maximum = 60 * kSecond},
};

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* store, context.Require<swarm::Store>(swarm::kStoreRole));
  const swarm::Settings& settings = context.settings();
  const swarm::gossip::IntroducerOptions options{settings.GetDuration("interval")};
  swarm::gossip::DialerOptions dialer;
  dialer.connect_timeout = settings.GetDuration("connect_timeout");
  dialer.timeout = settings.GetDuration("timeout");
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::component::Component>(
      context.runtime(), *store, context.logger(),
      swarm::component::ComponentParameters{"gossip",
                                            {swarm::Table::kCluster, swarm::Table::kNode}},
      [options, dialer, &runtime = context.runtime()](swarm::component::Env& env) {
        return std::make_unique<swarm::gossip::Introducer>(
            env, options, swarm::gossip::MakeSocketDialer(runtime, dialer));
      }));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"component/1", swarm::Scope::kLeader, "store/1", "keymanager", &Create},
};

}  // namespace

SWARM_PLUGIN(gossip) = {SWARM_PLUGIN_HEADER,
                        "gossip",
                        "1.0.0",
                        "Introduces Docker Engines to each other, for their overlay networks",
                        swarm::Maturity::kAlpha,
                        kSettings,
                        std::size(kSettings),
                        kUnits,
                        std::size(kUnits)};
