// HostConfig: limits, isolation and what else concerns the container and its host.
#include <string>
#include <string_view>
#include <utility>

#include "create_body.h"

namespace swarm::executor_docker {
namespace {

using nlohmann::json;

template <class Strings>
void AddList(const char* key, const Strings& strings, json* out) {
  for (const auto& text : strings) (*out)[key].push_back(text);
}

template <class Map>
void AddMap(const char* key, const Map& map, json* out) {
  for (const auto& [name, value] : map) (*out)[key][name] = value;
}

void AddLimits(const pb::Task& task, json* out) {
  const pb::ContainerSpec& spec = task.spec().container();
  if (spec.pidslimit() > 0) (*out)["PidsLimit"] = spec.pidslimit();
  const pb::ResourceRequirements& resources = task.spec().resources();
  const std::int64_t memory = resources.limits().memory_bytes();
  if (memory > 0) (*out)["Memory"] = memory;
  if (resources.limits().nano_cpus() > 0) (*out)["NanoCpus"] = resources.limits().nano_cpus();
  if (resources.has_swap_bytes()) {
    // The engine counts memory and swap together; below zero means any amount.
    const std::int64_t swap = resources.swap_bytes().value();
    (*out)["MemorySwap"] = swap < 0 ? -1 : memory + swap;
  }
  if (resources.has_memory_swappiness()) {
    (*out)["MemorySwappiness"] = resources.memory_swappiness().value();
  }
  for (const auto& ulimit : spec.ulimits()) {
    (*out)["Ulimits"].push_back(
        {{"Name", ulimit.name()}, {"Soft", ulimit.soft()}, {"Hard", ulimit.hard()}});
  }
}

// "IP name [alias ...]", as in /etc/hosts, becomes one entry a name.
void AddHosts(const pb::ContainerSpec& spec, json* out) {
  for (const std::string& line : spec.hosts()) {
    std::string_view rest = line;
    std::string_view address;
    while (true) {
      const auto begin = rest.find_first_not_of(" \t");
      if (begin == rest.npos) break;
      rest.remove_prefix(begin);
      const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
      rest.remove_prefix(word.size());
      if (address.empty()) {
        address = word;
      } else {
        (*out)["ExtraHosts"].push_back(std::string(word) + ":" + std::string(address));
      }
    }
  }
}

void AddNames(const pb::ContainerSpec& spec, json* out) {
  AddHosts(spec, out);
  AddList("Dns", spec.dns_config().nameservers(), out);
  AddList("DnsSearch", spec.dns_config().search(), out);
  AddList("DnsOptions", spec.dns_config().options(), out);
}

void AddIsolation(const pb::ContainerSpec& spec, json* out) {
  if (spec.isolation() == pb::ContainerSpec::ISOLATION_PROCESS) (*out)["Isolation"] = "process";
  if (spec.isolation() == pb::ContainerSpec::ISOLATION_HYPERV) (*out)["Isolation"] = "hyperv";
}

void AddLogDriver(const pb::Task& task, json* out) {
  const pb::Driver& driver = task.has_log_driver() ? task.log_driver() : task.spec().log_driver();
  if (driver.name().empty() && driver.options().empty()) return;
  json config = json::object();
  for (const auto& [name, value] : driver.options()) config[name] = value;
  (*out)["LogConfig"] = {{"Type", driver.name()}, {"Config", std::move(config)}};
}

}  // namespace

std::vector<std::string> SecurityOptions(const pb::Privileges& privileges,
                                         const std::optional<std::string>& credential_spec) {
  std::vector<std::string> out;
  const auto add = [&out](const char* key, const std::string& value) {
    if (!value.empty()) out.push_back(key + value);
  };
  const auto& credentials = privileges.credential_spec();
  add("credentialspec=file://", credentials.file());
  add("credentialspec=registry://", credentials.registry());
  if (credential_spec && !credentials.config().empty()) {
    out.push_back("credentialspec=raw://" + *credential_spec);
  } else {
    add("credentialspec=config://", credentials.config());
  }
  const auto& selinux = privileges.selinux_context();
  if (selinux.disable()) out.push_back("label=disable");
  add("label=user:", selinux.user());
  add("label=role:", selinux.role());
  add("label=level:", selinux.level());
  add("label=type:", selinux.type());
  const auto& seccomp = privileges.seccomp();
  if (seccomp.mode() == pb::Privileges::SeccompOpts::UNCONFINED) {
    out.push_back("seccomp=unconfined");
  } else if (seccomp.mode() == pb::Privileges::SeccompOpts::CUSTOM) {
    add("seccomp=", seccomp.profile());
  }
  if (privileges.apparmor().mode() == pb::Privileges::AppArmorOpts::DISABLED) {
    out.push_back("apparmor=unconfined");
  }
  if (privileges.no_new_privileges()) out.push_back("no-new-privileges=true");
  return out;
}

json HostConfig(const pb::Task& task, const CreateContext& context) {
  const pb::ContainerSpec& spec = task.spec().container();
  json out = json::object();
  AddLimits(task, &out);
  AddNames(spec, &out);
  AddIsolation(spec, &out);
  AddLogDriver(task, &out);
  AddList("GroupAdd", spec.groups(), &out);
  AddList("CapAdd", spec.capability_add(), &out);
  AddList("CapDrop", spec.capability_drop(), &out);
  AddMap("Sysctls", spec.sysctls(), &out);
  if (spec.has_init()) out["Init"] = spec.init().value();
  if (spec.read_only()) out["ReadonlyRootfs"] = true;
  if (spec.oom_score_adj() != 0) out["OomScoreAdj"] = spec.oom_score_adj();
  AddList("SecurityOpt", SecurityOptions(spec.privileges(), context.credential_spec), &out);
  return out;
}

void AddPorts(const pb::Task& task, json* body) {
  for (const pb::PortConfig& port : task.endpoint().ports()) {
    if (port.publish_mode() != pb::PortConfig::HOST) continue;
    const char* protocol = port.protocol() == pb::PortConfig::UDP    ? "/udp"
                           : port.protocol() == pb::PortConfig::SCTP ? "/sctp"
                                                                     : "/tcp";
    const std::string key = std::to_string(port.target_port()) + protocol;
    (*body)["ExposedPorts"][key] = json::object();
    // Left empty, the engine chooses.
    json binding = {
        {"HostPort", port.published_port() == 0 ? "" : std::to_string(port.published_port())}};
    (*body)["HostConfig"]["PortBindings"][key].push_back(std::move(binding));
  }
}

}  // namespace swarm::executor_docker
