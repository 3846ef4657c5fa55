#include "service_defaults.h"

namespace swarm::controlapi {
namespace {

namespace pb = ::docker::swarmkit::v1;

constexpr int kStopGraceSeconds = 10;
constexpr int kRestartDelaySeconds = 5;
constexpr int kMonitorSeconds = 5;

void FillContainer(pb::ContainerSpec* spec) {
  if (!spec->has_stop_grace_period()) {
    spec->mutable_stop_grace_period()->set_seconds(kStopGraceSeconds);
  }
  spec->mutable_pull_options();
  spec->mutable_dns_config();
}

void FillRestart(pb::TaskSpec* spec) {
  if (!spec->has_restart()) spec->mutable_restart()->set_condition(pb::RestartPolicy::ANY);
  auto* restart = spec->mutable_restart();
  if (!restart->has_delay()) restart->mutable_delay()->set_seconds(kRestartDelaySeconds);
}

void FillUpdate(bool present, pb::UpdateConfig* config) {
  if (!present) {
    config->set_failure_action(pb::UpdateConfig::PAUSE);
    config->set_parallelism(1);
    config->set_order(pb::UpdateConfig::STOP_FIRST);
  }
  if (!config->has_monitor()) config->mutable_monitor()->set_seconds(kMonitorSeconds);
}

}  // namespace

void InsertServiceDefaults(pb::ServiceSpec* spec) {
  pb::TaskSpec* task = spec->mutable_task();
  if (task->has_container()) FillContainer(task->mutable_container());
  task->mutable_resources();
  FillRestart(task);
  task->mutable_placement();
  const bool has_update = spec->has_update();
  FillUpdate(has_update, spec->mutable_update());
  const bool has_rollback = spec->has_rollback();
  FillUpdate(has_rollback, spec->mutable_rollback());
}

}  // namespace swarm::controlapi
