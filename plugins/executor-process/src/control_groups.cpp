#include "control_groups.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <sstream>
#include <utility>

#include "proc_stat.h"
#include "system.h"

namespace swarm::executor_process {
namespace {

constexpr const char* kControllers[] = {"memory", "cpu", "pids"};
constexpr std::int64_t kCpuPeriod = 100'000;  // microseconds, as engines have it

bool HasWord(std::string_view list, std::string_view word, char separator) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(separator), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

using Files = std::vector<PlanGroup::File>;

void AddMemory(const ResourceLimits& limits, int version, Files* files) {
  if (limits.memory <= 0) return;
  // Engines allow as much swap again unless told otherwise.
  const std::int64_t swap = limits.swap.value_or(limits.memory);
  const bool told = limits.swap.has_value();
  if (version == 1) {
    files->push_back({"memory.limit_in_bytes", std::to_string(limits.memory)});
    files->push_back({"memory.memsw.limit_in_bytes",
                      std::to_string(swap < 0 ? -1 : limits.memory + swap), told});
    if (limits.swappiness) {
      files->push_back({"memory.swappiness", std::to_string(*limits.swappiness)});
    }
  } else {
    files->push_back({"memory.max", std::to_string(limits.memory)});
    files->push_back({"memory.swap.max", swap < 0 ? "max" : std::to_string(swap), told});
  }
}

void AddCpu(const ResourceLimits& limits, int version, Files* files) {
  if (limits.nano_cpus <= 0) return;
  // The kernel takes no quota below a millisecond.
  const auto quota = std::to_string(std::max<std::int64_t>(limits.nano_cpus / 10'000, 1000));
  const auto period = std::to_string(kCpuPeriod);
  if (version == 1) {
    files->push_back({"cpu.cfs_period_us", period});
    files->push_back({"cpu.cfs_quota_us", quota});
  } else {
    files->push_back({"cpu.max", quota + " " + period});
  }
}

void AddPids(const ResourceLimits& limits, Files* files) {
  if (limits.pids > 0) files->push_back({"pids.max", std::to_string(limits.pids)});
}

}  // namespace

ControlGroups ControlGroups::Detect(std::string_view mountinfo, std::string_view parent) {
  ControlGroups out;
  if (parent.empty()) {
    out.why_not_ = "the setting cgroup_parent is empty";
    return out;
  }
  out.why_not_ = "this machine has no control groups mounted";
  std::string second;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string skipped, mount, word, type, source, options;
    words >> skipped >> skipped >> skipped >> skipped >> mount;
    while (words >> word && word != "-") {
    }
    words >> type >> source >> options;
    if (type == "cgroup") out.AddFirst(options, mount, parent);
    if (type == "cgroup2" && second.empty()) second = mount;
  }
  if (!second.empty()) out.AddSecond(second, parent);
  return out;
}

bool ControlGroups::MakeParent(const std::string& folder) {
  if (MakeFolders(folder, 0755) && access(folder.c_str(), W_OK) == 0) return true;
  why_not_ = WithErrno("cannot use " + folder);
  return false;
}

void ControlGroups::AddFirst(const std::string& options, const std::string& mount,
                             std::string_view parent) {
  for (const char* name : kControllers) {
    if (!HasWord(options, name, ',')) continue;
    const std::string folder = mount + "/" + std::string(parent);
    if (MakeParent(folder)) controllers_[name] = {folder, 1};
  }
}

void ControlGroups::AddSecond(const std::string& mount, std::string_view parent) {
  const std::string folder = mount + "/" + std::string(parent);
  std::string all = ReadProcFile(mount + "/cgroup.controllers");
  std::replace(all.begin(), all.end(), '\n', ' ');
  std::vector<std::string> found;
  for (const char* name : kControllers) {
    if (HasWord(all, name, ' ') && !controllers_.contains(name)) found.push_back(name);
  }
  if (found.empty() && !controllers_.empty()) return;
  if (!MakeParent(folder)) return;
  tracking_ = folder;
  for (const std::string& name : found) {
    const bool enabled = WriteFile(mount + "/cgroup.subtree_control", "+" + name) &&
                         WriteFile(folder + "/cgroup.subtree_control", "+" + name);
    if (enabled) {
      controllers_[name] = {folder, 2};
    } else {
      why_not_ = WithErrno("cannot enable " + name + " in " + folder);
    }
  }
}

std::vector<std::string> ControlGroups::Apply(const std::string& name, const ResourceLimits& limits,
                                              Plan* plan) const {
  plan->control_groups = All(name);
  const auto files_of = [&](const char* controller, int* version) -> Files* {
    const auto found = controllers_.find(controller);
    if (found == controllers_.end()) return nullptr;
    *version = found->second.version;
    for (PlanGroup& group : plan->control_groups) {
      if (group.folder == found->second.folder + "/" + name) return &group.files;
    }
    return nullptr;
  };
  std::vector<std::string> missing;
  const auto miss = [&](const char* what) { missing.push_back(what + (": " + why_not_)); };
  int version = 0;
  if (Files* files = files_of("memory", &version)) {
    AddMemory(limits, version, files);
    const std::string folder = controllers_.at("memory").folder + "/" + name;
    plan->oom_events = folder + (version == 1 ? "/memory.oom_control" : "/memory.events");
    if (version == 2 && limits.swappiness) {
      missing.push_back("memory swappiness: control groups of version 2 have none");
    }
  } else if (limits.memory > 0) {
    miss("the memory limit");
  }
  if (Files* files = files_of("cpu", &version)) {
    AddCpu(limits, version, files);
  } else if (limits.nano_cpus > 0) {
    miss("the CPU limit");
  }
  if (Files* files = files_of("pids", &version)) {
    AddPids(limits, files);
  } else if (limits.pids > 0) {
    miss("the limit of processes");
  }
  return missing;
}

std::vector<std::string> ControlGroups::Folders() const {
  std::vector<std::string> out;
  for (const auto& [name, controller] : controllers_) out.push_back(controller.folder);
  if (!tracking_.empty()) out.push_back(tracking_);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<PlanGroup> ControlGroups::All(const std::string& name) const {
  std::vector<PlanGroup> out;
  for (const std::string& folder : Folders()) out.push_back({folder + "/" + name, {}});
  return out;
}

std::vector<std::string> ControlGroups::Names(std::string_view suffix) const {
  std::vector<std::string> out;
  for (const std::string& folder : Folders()) {
    const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()), &closedir);
    while (const dirent* entry = open ? readdir(open.get()) : nullptr) {
      if (std::string_view(entry->d_name).ends_with(suffix)) out.push_back(entry->d_name);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void ControlGroups::RemoveParents() const {
  // Those with tasks refuse. One of version 2 has its controllers enabled, which another process
  // with the same parent relies on.
  for (const auto& [name, controller] : controllers_) {
    if (controller.version == 1) (void)rmdir(controller.folder.c_str());
  }
}

std::string ControlGroups::Describe() const {
  std::string out;
  for (const auto& [name, controller] : controllers_) {
    out += (out.empty() ? "" : ", ") + name + " (v" + std::to_string(controller.version) + ")";
  }
  return out.empty() ? why_not_ : out;
}

}  // namespace swarm::executor_process
