#include "swarm/plugin.h"

#include <utility>

#include "store_impl.h"

namespace {

constexpr swarm::SettingDescriptor kSettings[] = {
    {"entries_in_flight", swarm::SettingType::kInteger, "1024",
     "Changes on their way to the disk or to the other managers; who comes beyond waits", 1, 65536},
    {"bytes_in_flight", swarm::SettingType::kBytes, "16MiB", "Total size of those changes", 2 << 20,
     1 << 30},
};

class StoreInstance final : public swarm::Instance {
 public:
  StoreInstance(swarm::InstanceContext& context, swarm::Consensus& consensus,
                swarm::store::PipelineLimits limits)
      : store_(context.runtime(), consensus, context.logger(), limits) {}

  void* role() noexcept override { return static_cast<swarm::Store*>(&store_); }
  // It works from the moment it is attached.
  void Start(swarm::Function<void(swarm::Status)> done) noexcept override {
    done(swarm::Status::Ok());
  }
  void Stop(swarm::Function<void()> done) noexcept override {
    store_.Stop();
    done();
  }

 private:
  swarm::store::StoreImpl store_;
};

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(swarm::Consensus * consensus,
                         context.Require<swarm::Consensus>(swarm::kConsensusRole));
  swarm::store::PipelineLimits limits;
  const swarm::Settings& settings = context.settings();
  limits.entries = static_cast<std::size_t>(settings.GetInteger("entries_in_flight"));
  limits.bytes = static_cast<std::size_t>(settings.GetInteger("bytes_in_flight"));
  return std::unique_ptr<swarm::Instance>(
      std::make_unique<StoreInstance>(context, *consensus, limits));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"store/1", swarm::Scope::kManager, "consensus/1", "", &Create}};

}  // namespace

SWARM_PLUGIN(store) = {SWARM_PLUGIN_HEADER,
                       "store",
                       "0.1.0",
                       "Keeps the cluster's objects in memory, durable through consensus",
                       swarm::Maturity::kStable,
                       kSettings,
                       std::size(kSettings),
                       kUnits,
                       std::size(kUnits)};
