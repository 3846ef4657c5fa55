// A container's spec, with its placeholders tried on a task that does not exist.
#include <set>
#include <string>
#include <string_view>

#include "durations.h"
#include "errors.h"
#include "gotext/gotext.h"
#include "image_reference.h"
#include "service_spec.h"
#include "template/expand.h"

namespace swarm::controlapi {
namespace {

const templates::Context& DummyTask() {
  static const templates::Context kContext = [] {
    templates::Context c;
    c.service = {"serviceid", "servicename", {}};
    c.node = {"nodeid", "nodeHostname", "architecture", "os"};
    c.task = {"", "taskname", "1"};
    return c;
  }();
  return kContext;
}

bool HasPlaceholder(std::string_view text) { return text.find("{{") != std::string_view::npos; }

template <class Map>
bool MapHasPlaceholder(const Map& map) {
  for (const auto& [key, value] : map) {
    if (HasPlaceholder(value)) return true;
  }
  return false;
}

bool HasPlaceholder(const pb::Mount& mount) {
  return HasPlaceholder(mount.source()) || HasPlaceholder(mount.target()) ||
         MapHasPlaceholder(mount.volume_options().labels()) ||
         MapHasPlaceholder(mount.volume_options().driver_config().options());
}

bool HasPlaceholder(const pb::ContainerSpec& spec) {
  if (HasPlaceholder(spec.hostname())) return true;
  for (const std::string& env : spec.env()) {
    if (HasPlaceholder(env)) return true;
  }
  for (const pb::Mount& mount : spec.mounts()) {
    if (HasPlaceholder(mount)) return true;
  }
  return false;
}

Status CheckImage(const std::string& image) {
  if (image.empty()) return Invalid("ContainerSpec: image reference must be provided");
  if (!IsImageReference(image)) {
    return Invalid("ContainerSpec: " + gotext::Quote(image) + " is not a valid repository/tag");
  }
  return Status::Ok();
}

Status CheckMounts(const pb::ContainerSpec& spec) {
  if (spec.mounts_size() < 2) return Status::Ok();
  std::set<std::string_view> targets;
  for (const pb::Mount& mount : spec.mounts()) {
    if (!targets.insert(mount.target()).second) {
      return Invalid("ContainerSpec: duplicate mount point: " + mount.target());
    }
  }
  return Status::Ok();
}

Status CheckInterval(const google::protobuf::Duration& value, std::string_view name) {
  SWARM_ASSIGN_OR_RETURN(const Duration interval, ToDuration(value));
  if (interval != Duration::zero() && interval < std::chrono::milliseconds(1)) {
    return Invalid("ContainerSpec: " + std::string(name) +
                   " in HealthConfig cannot be less than 1ms");
  }
  return Status::Ok();
}

Status CheckHealth(const pb::HealthConfig& health) {
  SWARM_RETURN_IF_ERROR(CheckInterval(health.interval(), "Interval"));
  SWARM_RETURN_IF_ERROR(CheckInterval(health.timeout(), "Timeout"));
  SWARM_RETURN_IF_ERROR(CheckInterval(health.start_period(), "StartPeriod"));
  SWARM_RETURN_IF_ERROR(CheckInterval(health.start_interval(), "StartInterval"));
  if (health.retries() < 0) {
    return Invalid("ContainerSpec: Retries in HealthConfig cannot be negative");
  }
  return Status::Ok();
}

Status CheckExpanded(const pb::ContainerSpec& spec) {
  SWARM_RETURN_IF_ERROR(CheckImage(spec.image()));
  SWARM_RETURN_IF_ERROR(CheckMounts(spec));
  return CheckHealth(spec.healthcheck());
}

}  // namespace

Status CheckContainerSpec(const pb::ContainerSpec& spec) {
  if (!HasPlaceholder(spec)) return CheckExpanded(spec);
  pb::ContainerSpec expanded = spec;
  if (const Status status = templates::ExpandContainer(DummyTask(), &expanded); !status.ok()) {
    return Invalid(status.message());
  }
  return CheckExpanded(expanded);
}

}  // namespace swarm::controlapi
