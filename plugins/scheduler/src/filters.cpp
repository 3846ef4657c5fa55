#include "filters.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace swarm::scheduler {
namespace {

struct Text {
  std::string_view one;
  std::string_view before;  // the number goes between both
  std::string_view after;
};

constexpr Text kTexts[] = {
    {"1 node not available for new tasks", "", " nodes not available for new tasks"},
    {"insufficient resources on 1 node", "insufficient resources on ", " nodes"},
    {"missing plugin on 1 node", "missing plugin on ", " nodes"},
    {"scheduling constraints not satisfied on 1 node", "scheduling constraints not satisfied on ",
     " nodes"},
    {"unsupported platform on 1 node", "unsupported platform on ", " nodes"},
    {"host-mode port already in use on 1 node", "host-mode port already in use on ", " nodes"},
    {"max replicas per node limit exceed", "", ""},
    {"cannot fulfill requested CSI volume mounts on 1 node",
     "cannot fulfill requested CSI volume mounts on ", " nodes"},
};

std::string Say(const Text& text, int count) {
  if (count == 1 || text.after.empty()) return std::string(text.one);
  return std::string(text.before) + std::to_string(count) + std::string(text.after);
}

// The drivers named by VOLUME mounts; the node's own one needs no plugin.
bool NamesDriver(const pb::Mount& mount) {
  const std::string& driver = mount.volume_options().driver_config().name();
  return mount.type() == pb::Mount::VOLUME && !driver.empty() && driver != "local";
}

const pb::Driver* LogDriverOf(const Task& task) {
  if (task.extras && task.extras->log_driver) return task.extras->log_driver.get();
  return nullptr;
}

bool NeedsPlugins(const Task& task) {
  if (task.extras && !task.extras->networks.empty()) return true;
  if (LogDriverOf(task)) return true;
  const auto& mounts = task.spec->container().mounts();
  return std::any_of(mounts.begin(), mounts.end(), NamesDriver);
}

bool HasPlugin(const pb::Node& node, std::string_view type, const std::string& name) {
  for (const auto& plugin : node.description().engine().plugins()) {
    if (plugin.type() != type) continue;
    if (plugin.name() == name || plugin.name() == name + ":latest") return true;
  }
  return false;
}

bool ListsType(const pb::Node& node, std::string_view type) {
  const auto& plugins = node.description().engine().plugins();
  return std::any_of(plugins.begin(), plugins.end(),
                     [type](const pb::PluginDescription& p) { return p.type() == type; });
}

bool HasPlugins(const Task& task, const pb::Node& node) {
  if (!node.has_description() || !node.description().has_engine()) return true;
  for (const auto& mount : task.spec->container().mounts()) {
    if (NamesDriver(mount) &&
        !HasPlugin(node, "Volume", mount.volume_options().driver_config().name())) {
      return false;
    }
  }
  if (task.extras) {
    for (const auto& network : task.extras->networks) {
      const std::string& driver = network.network().driver_state().name();
      if (!driver.empty() && !HasPlugin(node, "Network", driver)) return false;
    }
  }
  const pb::Driver* log = LogDriverOf(task);
  if (!log || log->name().empty() || log->name() == "none" || !ListsType(node, "Log")) return true;
  return HasPlugin(node, "Log", log->name());
}

std::string_view Canonical(std::string_view architecture) {
  if (architecture == "x86_64") return "amd64";
  if (architecture == "aarch64") return "arm64";
  return architecture;
}

bool HasPlatform(const pb::Placement& placement, const pb::Node& node) {
  if (!node.description().has_platform()) return false;
  const pb::Platform& its = node.description().platform();
  for (const pb::Platform& listed : placement.platforms()) {
    const bool arch = listed.architecture().empty() ||
                      Canonical(listed.architecture()) == Canonical(its.architecture());
    const bool os = listed.os().empty() || listed.os() == its.os();
    if (arch && os) return true;
  }
  return false;
}

bool MountsClusterVolume(const Task& task) {
  const auto& mounts = task.spec->container().mounts();
  return std::any_of(mounts.begin(), mounts.end(),
                     [](const pb::Mount& m) { return m.type() == pb::Mount::CLUSTER; });
}

}  // namespace

Pipeline::Pipeline(TaskPtr task, ServiceNumber service)
    : task_(std::move(task)), service_(service) {
  const pb::Placement& placement = task_->spec->placement();
  const pb::Resources& wanted = task_->spec->resources().reservations();
  generic_ = GenericNeedsOf(wanted);
  enabled_.push_back(Filter::kReady);
  if (wanted.nano_cpus() != 0 || wanted.memory_bytes() != 0 || !generic_.empty()) {
    enabled_.push_back(Filter::kResources);
  }
  if (NeedsPlugins(*task_)) enabled_.push_back(Filter::kPlugins);
  if (auto parsed = constraint::Parse(placement.constraints()); parsed.ok() && !parsed->empty()) {
    constraints_ = *std::move(parsed);
    enabled_.push_back(Filter::kConstraints);
  }
  if (placement.platforms_size() > 0) enabled_.push_back(Filter::kPlatform);
  ports_ = HostPortsOf(*task_);
  if (!ports_.empty()) enabled_.push_back(Filter::kHostPort);
  if (placement.max_replicas() > 0) enabled_.push_back(Filter::kMaxReplicas);
  if (MountsClusterVolume(*task_)) enabled_.push_back(Filter::kVolumes);
}

bool Pipeline::Passes(Filter filter, const NodeState& state) const {
  const pb::Node& node = state.node();
  const pb::Resources& wanted = task_->spec->resources().reservations();
  switch (filter) {
    case Filter::kReady:
      return state.open();
    case Filter::kResources:
      // A node that is already overdrawn still takes what asks for nothing of that kind.
      if (wanted.nano_cpus() > 0 && wanted.nano_cpus() > state.FreeCpu()) return false;
      if (wanted.memory_bytes() > 0 && wanted.memory_bytes() > state.FreeMemory()) return false;
      return state.HasGeneric(generic_);
    case Filter::kPlugins:
      return HasPlugins(*task_, node);
    case Filter::kConstraints:
      return constraint::Match(constraints_, node);
    case Filter::kPlatform:
      return HasPlatform(task_->spec->placement(), node);
    case Filter::kHostPort:
      return std::none_of(ports_.begin(), ports_.end(),
                          [&state](const HostPort& port) { return state.Uses(port); });
    case Filter::kMaxReplicas:
      return state.ActiveOf(service_) < task_->spec->placement().max_replicas();
    case Filter::kVolumes:
    case Filter::kNone:
      // No volume is known to be available: cluster volumes are not managed here.
      return false;
  }
  return false;
}

Filter Pipeline::FirstFailure(const NodeState& node) const {
  for (const Filter filter : enabled_) {
    if (!Passes(filter, node)) return filter;
  }
  return Filter::kNone;
}

void Verdicts::Set(NodeIndex node, Filter filter) {
  if (node >= by_node_.size()) by_node_.resize(node + 1, Filter::kNone);
  const Filter before = std::exchange(by_node_[node], filter);
  if (before != Filter::kNone) --counts_[static_cast<std::size_t>(before)];
  if (filter != Filter::kNone) ++counts_[static_cast<std::size_t>(filter)];
}

std::string Verdicts::Explain() const {
  std::vector<std::pair<int, std::size_t>> order;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) order.emplace_back(counts_[i], i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string out;
  for (const auto& [count, filter] : order) {
    if (!out.empty()) out += "; ";
    out += Say(kTexts[filter], count);
  }
  return out;
}

}  // namespace swarm::scheduler
