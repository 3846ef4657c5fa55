#include "task_dirty.h"

#include "constraint/constraint.h"
#include "messages.h"

namespace swarm::controlapi {
namespace {

bool Satisfies(const pb::Node& node, const pb::Placement& placement) {
  const auto constraints = constraint::Parse(placement.constraints());
  return !constraints.ok() || constraint::Match(*constraints, node);
}

bool OnlyPlacementDiffers(const pb::TaskSpec& wanted, const pb::TaskSpec& has) {
  pb::TaskSpec moved = wanted;
  if (has.has_placement()) {
    *moved.mutable_placement() = has.placement();
  } else {
    moved.clear_placement();
  }
  return Same(moved, has);
}

// New registry credentials do not concern a container that has its image.
bool IgnoresPullOptions(const pb::TaskSpec& wanted, const Task& task) {
  return task.desired_state <= pb::RUNNING && task.status.state >= pb::READY &&
         task.status.state <= pb::RUNNING && wanted.has_container() && task.spec->has_container();
}

bool SameSpec(const pb::TaskSpec& wanted, const Task& task) {
  if (!IgnoresPullOptions(wanted, task)) return Same(wanted, *task.spec);
  pb::TaskSpec left = wanted;
  pb::TaskSpec right = *task.spec;
  left.mutable_container()->clear_pull_options();
  right.mutable_container()->clear_pull_options();
  return Same(left, right);
}

bool SameEndpoint(const pb::ServiceSpec& wanted, const pb::Endpoint& endpoint) {
  return wanted.has_endpoint() == endpoint.has_spec() && Same(wanted.endpoint(), endpoint.spec());
}

}  // namespace

bool IsUpToDate(const pb::Service& service, const Task& task, const pb::Node* node) {
  if (service.has_spec_version() && task.has_spec_version &&
      service.spec_version().index() == task.spec_version) {
    return true;
  }
  const pb::TaskSpec& wanted = service.spec().task();
  if (node && OnlyPlacementDiffers(wanted, *task.spec) && Satisfies(*node, wanted.placement())) {
    return true;
  }
  if (!SameSpec(wanted, task)) return false;
  return !task.endpoint || SameEndpoint(service.spec(), *task.endpoint);
}

}  // namespace swarm::controlapi
