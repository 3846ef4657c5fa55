#include "node_state.h"

#include <algorithm>

namespace swarm::scheduler {
namespace {

// What a node has of a kind: a number, or names.
struct Offer {
  bool named = false;
  std::int64_t count = 0;
  std::vector<std::string> names;
};

// The first entry of a kind decides which of both it is.
Offer OfferOf(const pb::Node& node, const std::string& kind) {
  Offer out;
  bool found = false;
  for (const auto& resource : node.description().resources().generic()) {
    const bool named = resource.has_named_resource_spec();
    const std::string& its_kind =
        named ? resource.named_resource_spec().kind() : resource.discrete_resource_spec().kind();
    if (its_kind != kind) continue;
    if (!found) out.named = named;
    found = true;
    if (named) {
      out.names.push_back(resource.named_resource_spec().value());
    } else if (!out.named) {
      out.count += resource.discrete_resource_spec().value();
    }
  }
  return out;
}

template <class Map, class Key, class Value>
void Add(Map& map, const Key& key, Value by) {
  if ((map[key] += by) == 0) map.erase(key);
}

}  // namespace

std::vector<HostPort> HostPortsOf(const Task& task) {
  std::vector<HostPort> out;
  if (!task.endpoint) return out;
  for (const auto& port : task.endpoint->ports()) {
    if (port.publish_mode() == pb::PortConfig::HOST && port.published_port() != 0) {
      out.emplace_back(port.protocol(), port.published_port());
    }
  }
  return out;
}

std::vector<GenericNeed> GenericNeedsOf(const pb::Resources& wanted) {
  std::vector<GenericNeed> out;
  for (const auto& resource : wanted.generic()) {
    const auto& need = resource.discrete_resource_spec();
    const auto known = std::find_if(out.begin(), out.end(), [&need](const GenericNeed& other) {
      return other.kind == need.kind();
    });
    if (known == out.end()) {
      out.push_back({need.kind(), need.value()});
    } else {
      known->count += need.value();
    }
  }
  return out;
}

bool NodeState::open() const {
  return node_->status().state() == pb::NodeStatus::READY &&
         node_->spec().availability() == pb::NodeSpec::ACTIVE;
}

void NodeState::Count(const Task& task, ServiceNumber service, int sign) {
  const pb::Resources& wanted = task.spec->resources().reservations();
  cpu_taken_ += sign * wanted.nano_cpus();
  memory_taken_ += sign * wanted.memory_bytes();
  if (task.extras) {
    for (const auto& resource : task.extras->assigned_generic_resources) {
      if (resource.has_discrete_resource_spec()) {
        const auto& spec = resource.discrete_resource_spec();
        Add(discrete_taken_, spec.kind(), sign * spec.value());
      } else if (sign > 0) {
        const auto& spec = resource.named_resource_spec();
        named_taken_[spec.kind()].insert(spec.value());
      } else {
        auto& taken = named_taken_[resource.named_resource_spec().kind()];
        const auto found = taken.find(resource.named_resource_spec().value());
        if (found != taken.end()) taken.erase(found);
      }
    }
  }
  for (const HostPort& port : HostPortsOf(task)) Add(ports_, port, sign);
  if (task.desired_state <= pb::COMPLETE) {
    active_ += static_cast<std::uint32_t>(sign);
    Add(active_by_service_, service, static_cast<std::uint32_t>(sign));
  }
}

std::int64_t NodeState::FreeCpu() const {
  return node_->description().resources().nano_cpus() - cpu_taken_;
}

std::int64_t NodeState::FreeMemory() const {
  return node_->description().resources().memory_bytes() - memory_taken_;
}

bool NodeState::HasGeneric(const std::vector<GenericNeed>& needs) const {
  for (const GenericNeed& need : needs) {
    const Offer offer = OfferOf(*node_, need.kind);
    std::int64_t free = offer.named ? static_cast<std::int64_t>(offer.names.size()) : offer.count;
    if (const auto it = discrete_taken_.find(need.kind); it != discrete_taken_.end()) {
      free -= it->second;
    }
    if (const auto it = named_taken_.find(need.kind); it != named_taken_.end()) {
      free -= static_cast<std::int64_t>(it->second.size());
    }
    if (free < need.count || (offer.count == 0 && offer.names.empty())) return false;
  }
  return true;
}

std::vector<pb::GenericResource> NodeState::PickGeneric(
    const std::vector<GenericNeed>& needs) const {
  std::vector<pb::GenericResource> out;
  for (const GenericNeed& need : needs) {
    const Offer offer = OfferOf(*node_, need.kind);
    if (!offer.named) {
      if (need.count == 0) continue;
      auto& picked = *out.emplace_back().mutable_discrete_resource_spec();
      picked.set_kind(need.kind);
      picked.set_value(need.count);
      continue;
    }
    const auto taken = named_taken_.find(need.kind);
    std::int64_t left = need.count;
    for (const std::string& name : offer.names) {
      if (left == 0) break;
      if (taken != named_taken_.end() && taken->second.contains(name)) continue;
      auto& picked = *out.emplace_back().mutable_named_resource_spec();
      picked.set_kind(need.kind);
      picked.set_value(name);
      --left;
    }
  }
  return out;
}

std::uint32_t NodeState::ActiveOf(ServiceNumber service) const {
  const auto found = active_by_service_.find(service);
  return found == active_by_service_.end() ? 0 : found->second;
}

void NodeState::RecordFailure(const FailureKey& key, SteadyTime now) {
  for (auto it = failures_.begin(); it != failures_.end();) {
    std::erase_if(it->second, [now](SteadyTime time) { return now - time >= kFailureWindow; });
    it = it->second.empty() ? failures_.erase(it) : std::next(it);
  }
  failures_[key].push_back(now);
}

std::size_t NodeState::Failures(const FailureKey& key, SteadyTime now) const {
  const auto found = failures_.find(key);
  if (found == failures_.end()) return 0;
  return static_cast<std::size_t>(
      std::count_if(found->second.begin(), found->second.end(),
                    [now](SteadyTime time) { return now - time < kFailureWindow; }));
}

}  // namespace swarm::scheduler
