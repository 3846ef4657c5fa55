#include "service_spec.h"

#include <set>
#include <utility>

#include "durations.h"
#include "errors.h"
#include "names.h"

namespace swarm::controlapi {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

// Counts are unsigned on the wire, and a client's negative number has its top bit set.
bool IsNegative(std::uint64_t count) { return (count & kSignBit) != 0; }

Status CheckMode(const pb::ServiceSpec& spec) {
  switch (spec.mode_case()) {
    case pb::ServiceSpec::kReplicated:
      if (IsNegative(spec.replicated().replicas())) {
        return Invalid("Number of replicas must be non-negative");
      }
      return Status::Ok();
    case pb::ServiceSpec::kReplicatedJob:
      if (IsNegative(spec.replicated_job().max_concurrent())) {
        return Invalid("Maximum concurrent jobs must not be negative");
      }
      if (IsNegative(spec.replicated_job().total_completions())) {
        return Invalid("Total completed jobs must not be negative");
      }
      return Status::Ok();
    case pb::ServiceSpec::kGlobal:
    case pb::ServiceSpec::kGlobalJob:
      return Status::Ok();
    case pb::ServiceSpec::MODE_NOT_SET:
      break;
  }
  return Invalid("Unrecognized service mode");
}

Status CheckUpdateConfig(const pb::UpdateConfig& config) {
  SWARM_ASSIGN_OR_RETURN(const Duration delay, ToDuration(config.delay()));
  if (delay < Duration::zero()) return Invalid("TaskSpec: update-delay cannot be negative");
  SWARM_ASSIGN_OR_RETURN(const Duration monitor, ToDuration(config.monitor()));
  if (monitor < Duration::zero()) return Invalid("TaskSpec: update-monitor cannot be negative");
  if (config.max_failure_ratio() < 0 || config.max_failure_ratio() > 1) {
    return Invalid("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1");
  }
  return Status::Ok();
}

Status CheckUpdate(const pb::ServiceSpec& spec) {
  if (!spec.has_update()) return Status::Ok();
  if (spec.has_replicated_job() || spec.has_global_job()) {
    return Invalid("Jobs may not have an update config");
  }
  return CheckUpdateConfig(spec.update());
}

Status CheckEndpoint(const pb::EndpointSpec& endpoint) {
  std::set<std::pair<std::uint32_t, int>> published;
  for (const pb::PortConfig& port : endpoint.ports()) {
    if (endpoint.mode() == pb::EndpointSpec::DNSRR &&
        port.publish_mode() == pb::PortConfig::INGRESS) {
      return Invalid(
          "EndpointSpec: port published with ingress mode can't be used with dnsrr mode");
    }
    if (port.published_port() != 0 &&
        !published.emplace(port.published_port(), port.protocol()).second) {
      return Invalid("EndpointSpec: duplicate published ports provided");
    }
  }
  return Status::Ok();
}

}  // namespace

Status CheckServiceSpec(const pb::ServiceSpec& spec) {
  SWARM_RETURN_IF_ERROR(CheckName(spec.annotations().name()));
  SWARM_RETURN_IF_ERROR(CheckTaskSpec(spec.task()));
  SWARM_RETURN_IF_ERROR(CheckMode(spec));
  SWARM_RETURN_IF_ERROR(CheckUpdate(spec));
  return CheckEndpoint(spec.endpoint());
}

}  // namespace swarm::controlapi
