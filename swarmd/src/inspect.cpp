#include "inspect.h"

#include <algorithm>
#include <iostream>
#include <set>

namespace swarm::daemon {
namespace {

std::string_view ScopeName(Scope scope) {
  switch (scope) {
    case Scope::kNode:
      return "node";
    case Scope::kManager:
      return "manager";
    case Scope::kLeader:
      return "leader";
    case Scope::kInstance:
      break;
  }
  return "instance";
}

std::string_view MaturityName(Maturity maturity) {
  switch (maturity) {
    case Maturity::kStable:
      return "stable";
    case Maturity::kAlpha:
      return "alpha";
    case Maturity::kWip:
      break;
  }
  return "wip";
}

// Rows of cells in columns as wide as their widest cell.
void PrintTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += row[c];
      if (c + 1 < row.size()) line.append(widths[c] - row[c].size() + 2, ' ');
    }
    std::cout << line << "\n";
  }
}

}  // namespace

int ListPlugins(host::PluginRegistry& registry, const std::vector<std::string>& path,
                const config::NodeConfig& config) {
  std::set<const PluginDescriptor*> used;
  for (const auto& plugin : config.plugins) used.insert(plugin.descriptor);
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "VERSION", "ROLE", "SCOPE", "REQUIRES", "MATURITY", "STATUS", "SUMMARY"}};
  std::vector<const host::FoundFile*> refused;
  const auto files = registry.LoadAll(path);
  for (const auto& file : files) {
    if (file.descriptor == nullptr) {
      refused.push_back(&file);
      continue;
    }
    const PluginDescriptor& d = *file.descriptor;
    for (std::size_t u = 0; u < d.unit_count; ++u) {
      const UnitDescriptor& unit = d.units[u];
      const std::string needs = unit.requires_;
      rows.push_back({u == 0 ? d.name : "", u == 0 ? d.version : "", unit.role,
                      std::string(ScopeName(unit.scope)), needs.empty() ? "-" : needs,
                      std::string(MaturityName(d.maturity)),
                      used.contains(&d) ? "used" : "available", u == 0 ? d.summary : ""});
    }
  }
  PrintTable(rows);
  for (const auto* file : refused) {
    std::cerr << "refused: " << file->refusal.message() << "\n";
  }
  return 0;
}

int PrintDefaultConfig(host::PluginRegistry& registry, const std::vector<std::string>& path) {
  std::vector<const PluginDescriptor*> available;
  for (const auto& file : registry.LoadAll(path)) {
    if (file.descriptor != nullptr) available.push_back(file.descriptor);
  }
  const auto text = config::PrintDefault(
      [&registry](std::string_view name, const std::vector<std::string>& folders) {
        return registry.Load(name, folders);
      },
      available);
  if (!text.ok()) {
    std::cerr << "Error: " << text.status().message() << "\n";
    return 1;
  }
  std::cout << *text;
  return 0;
}

}  // namespace swarm::daemon
