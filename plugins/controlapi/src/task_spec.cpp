// The part of a service's spec that its tasks get.
#include <algorithm>
#include <cctype>
#include <string>

#include "constraint/constraint.h"
#include "durations.h"
#include "errors.h"
#include "gotext/gotext.h"
#include "service_spec.h"

namespace swarm::controlapi {
namespace {

constexpr std::int64_t kLeastNanoCpus = 1'000'000;
constexpr std::int64_t kLeastMemory = 4 * 1024 * 1024;

Status CheckResources(const pb::Resources& resources) {
  if (resources.nano_cpus() != 0 && resources.nano_cpus() < kLeastNanoCpus) {
    return Invalid("invalid cpu value " +
                   gotext::ShortestFloat(static_cast<double>(resources.nano_cpus()) / 1e9) +
                   ": Must be at least " +
                   gotext::ShortestFloat(static_cast<double>(kLeastNanoCpus) / 1e9));
  }
  if (resources.memory_bytes() != 0 && resources.memory_bytes() < kLeastMemory) {
    return Invalid("invalid memory value " + std::to_string(resources.memory_bytes()) +
                   ": Must be at least 4MiB");
  }
  return Status::Ok();
}

Status CheckRestart(const pb::RestartPolicy& policy) {
  SWARM_ASSIGN_OR_RETURN(const Duration delay, ToDuration(policy.delay()));
  if (delay < Duration::zero()) return Invalid("TaskSpec: restart-delay cannot be negative");
  SWARM_ASSIGN_OR_RETURN(const Duration window, ToDuration(policy.window()));
  if (window < Duration::zero()) return Invalid("TaskSpec: restart-window cannot be negative");
  return Status::Ok();
}

Status CheckPlacement(const pb::Placement& placement) {
  if (placement.constraints().empty()) return Status::Ok();
  return constraint::Parse(placement.constraints()).status();
}

Status CheckGeneric(const pb::GenericRuntimeSpec& generic) {
  constexpr std::size_t kShortestKind = 3;
  if (generic.kind().size() < kShortestKind) {
    return Invalid("Generic runtime: Invalid name " + gotext::Quote(generic.kind()));
  }
  std::string kind = generic.kind();
  std::transform(kind.begin(), kind.end(), kind.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (kind == "container" || kind == "attachment") {
    return Invalid("Generic runtime: " + gotext::Quote(generic.kind()) + " is a reserved name");
  }
  if (!generic.has_payload()) return Invalid("Generic runtime is missing payload");
  if (generic.payload().type_url().empty()) {
    return Invalid("Generic runtime is missing payload type");
  }
  if (generic.payload().value().empty()) return Invalid("Generic runtime has an empty payload");
  return Status::Ok();
}

}  // namespace

Status CheckTaskSpec(const pb::TaskSpec& spec) {
  SWARM_RETURN_IF_ERROR(CheckResources(spec.resources().limits()));
  SWARM_RETURN_IF_ERROR(CheckResources(spec.resources().reservations()));
  SWARM_RETURN_IF_ERROR(CheckRestart(spec.restart()));
  SWARM_RETURN_IF_ERROR(CheckPlacement(spec.placement()));
  switch (spec.runtime_case()) {
    case pb::TaskSpec::kContainer:
      SWARM_RETURN_IF_ERROR(CheckReferences(spec.container()));
      return CheckContainerSpec(spec.container());
    case pb::TaskSpec::kGeneric:
      return CheckGeneric(spec.generic());
    case pb::TaskSpec::kAttachment:
      return Unimplemented("RuntimeSpec: unimplemented runtime in service spec");
    case pb::TaskSpec::RUNTIME_NOT_SET:
      break;
  }
  return Invalid("TaskSpec: missing runtime");
}

}  // namespace swarm::controlapi
