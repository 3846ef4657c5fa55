#include "node_summary.h"

#include <map>
#include <set>

#include "table.h"
#include "words.h"

namespace swarm::ctl {
namespace {

namespace pb = ::docker::swarmkit::v1;

template <class Labels>
std::string LabelText(const Labels& labels) {
  std::vector<std::string> parts;
  for (const auto& [key, value] :
       std::map<std::string, std::string>(labels.begin(), labels.end())) {
    parts.push_back(key + "=" + value);
  }
  return Join(parts, " ");
}

void PrintResources(const pb::Resources& resources, Table& table) {
  constexpr std::int64_t kNanosPerCpu = 1'000'000'000;
  table.Line("Resources:\t");
  table.Line("  CPUs\t: " + std::to_string(resources.nano_cpus() / kNanosPerCpu));
  table.Line("  Memory\t: " + IecBytes(static_cast<std::uint64_t>(resources.memory_bytes())));
  table.Line("  Generic Resources:\t");
  for (const pb::GenericResource& r : resources.generic()) {
    if (r.has_discrete_resource_spec()) {
      table.Line("    " + r.discrete_resource_spec().kind() +
                 "\t: " + std::to_string(r.discrete_resource_spec().value()));
    } else {
      table.Line("    " + r.named_resource_spec().kind() +
                 "\t: " + r.named_resource_spec().value());
    }
  }
}

void PrintEngine(const pb::EngineDescription& engine, Table& table) {
  std::map<std::string, std::set<std::string>> plugins;
  for (const auto& plugin : engine.plugins()) plugins[plugin.type()].insert(plugin.name());
  if (!plugins.empty()) table.Line("Plugins:\t");
  for (const auto& [type, names] : plugins) {
    table.Line("  " + type + "\t: [" + Join({names.begin(), names.end()}, " ") + "]");
  }
  if (!engine.engine_version().empty()) {
    table.Line("Engine Version\t: " + engine.engine_version());
  }
  if (!engine.labels().empty()) table.Line("Engine Labels\t: " + LabelText(engine.labels()));
}

void PrintStatus(const pb::Node& node, Table& table) {
  table.Line("Status:\t");
  table.Line("  State\t: " + pb::NodeStatus::State_Name(node.status().state()));
  if (!node.status().message().empty()) table.Line("  Message\t: " + node.status().message());
  table.Line("  Availability\t: " + pb::NodeSpec::Availability_Name(node.spec().availability()));
  if (!node.status().addr().empty()) table.Line("  Address\t: " + node.status().addr());
  if (!node.has_manager_status()) return;
  const pb::ManagerStatus& manager = node.manager_status();
  table.Line("Manager status:\t");
  table.Line("  Address\t: " + manager.addr());
  table.Line("  Raft status\t: " + pb::RaftMemberStatus::Reachability_Name(manager.reachability()));
  table.Line(std::string("  Leader\t: ") + (manager.leader() ? "yes" : "no"));
}

}  // namespace

std::string NodeSummary(const pb::Node& node) {
  Table table = SummaryTable();
  table.Line("ID\t: " + node.id());
  if (node.has_description()) table.Line("Hostname\t: " + node.description().hostname());
  const auto& labels = node.spec().annotations().labels();
  if (!labels.empty()) table.Line("Node Labels\t: " + LabelText(labels));
  PrintStatus(node, table);
  const pb::NodeDescription& description = node.description();
  if (description.has_platform()) {
    table.Line("Platform:\t");
    table.Line("  Operating System\t: " + description.platform().os());
    table.Line("  Architecture\t: " + description.platform().architecture());
  }
  if (description.has_resources()) PrintResources(description.resources(), table);
  if (description.has_engine()) PrintEngine(description.engine(), table);
  return table.Text();
}

}  // namespace swarm::ctl
