#include "inspect.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "json_read.h"
#include "names.h"

namespace swarm::executor_docker {
namespace {

using nlohmann::json;

RunState StateOf(std::string_view word) {
  if (word == "created") return RunState::kCreated;
  if (word == "exited" || word == "dead") return RunState::kExited;
  if (word == "removing") return RunState::kRemoving;
  return RunState::kRunning;
}

// Absent without a health check. An engine that ends the checks, since the container is stopped or
// paused, also says "unhealthy"; then it has counted no failures.
Health HealthOf(const json& state) {
  const json& health = At(state, "Health");
  const std::string word = Text(At(health, "Status"));
  if (word == "healthy") return Health::kHealthy;
  if (word == "unhealthy" && Number(At(health, "FailingStreak")) > 0) return Health::kUnhealthy;
  return word == "starting" || word == "unhealthy" ? Health::kStarting : Health::kNone;
}

std::optional<std::uint32_t> PortNumber(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > 65535) return {};
  return value;
}

Result<pb::PortConfig> PortOf(const std::string& key, const std::string& host_port) {
  const auto slash = key.find('/');
  const std::string protocol = slash == key.npos ? "tcp" : key.substr(slash + 1);
  const auto target = PortNumber(std::string_view(key).substr(0, slash));
  const auto published = PortNumber(host_port);
  if (!target || !published) {
    return Status(Code::kDataLoss, "invalid port: " + key + " published as " + host_port);
  }
  pb::PortConfig port;
  if (protocol == "udp") {
    port.set_protocol(pb::PortConfig::UDP);
  } else if (protocol == "sctp") {
    port.set_protocol(pb::PortConfig::SCTP);
  } else if (protocol != "tcp") {
    return Status(Code::kDataLoss, "invalid protocol: " + protocol);
  }
  port.set_publish_mode(pb::PortConfig::HOST);
  port.set_target_port(*target);
  port.set_published_port(*published);
  return port;
}

// An engine lists a port once for IPv4 and once for IPv6.
Result<std::vector<pb::PortConfig>> PortsOf(const json& ports) {
  std::vector<pb::PortConfig> out;
  if (!ports.is_object()) return out;
  std::set<std::tuple<int, std::uint32_t, std::uint32_t>> seen;
  for (const auto& [key, bindings] : ports.items()) {
    if (!bindings.is_array()) continue;
    for (const json& binding : bindings) {
      SWARM_ASSIGN_OR_RETURN(pb::PortConfig port, PortOf(key, Text(At(binding, "HostPort"))));
      if (seen.emplace(port.protocol(), port.target_port(), port.published_port()).second) {
        out.push_back(std::move(port));
      }
    }
  }
  return out;
}

}  // namespace

Result<ContainerView> ParseContainer(const json& body) {
  ContainerView out;
  out.id = Text(At(body, "Id"));
  if (out.id.empty()) return Status(Code::kDataLoss, "the engine described a container with no id");
  const json& state = At(body, "State");
  out.state = StateOf(Text(At(state, "Status")));
  out.pid = static_cast<int>(Number(At(state, "Pid")));
  out.exit_code = static_cast<int>(Number(At(state, "ExitCode")));
  out.out_of_memory = Flag(At(state, "OOMKilled"));
  out.error = Text(At(state, "Error"));
  out.health = HealthOf(state);
  const json& config = At(body, "Config");
  out.terminal = Flag(At(config, "Tty"));
  if (const json& labels = At(config, "Labels"); labels.is_object()) {
    for (const auto& [key, value] : labels.items()) out.labels[key] = Text(value);
  }
  const json& network = At(body, "NetworkSettings");
  if (const json& networks = At(network, "Networks"); networks.is_object()) {
    for (const auto& [name, settings] : networks.items()) out.networks.insert(name);
  }
  SWARM_ASSIGN_OR_RETURN(out.ports, PortsOf(At(network, "Ports")));
  return out;
}

Result<std::vector<ContainerRow>> ParseContainerList(const json& body) {
  if (!body.is_array()) {
    return Status(Code::kDataLoss, "the engine's list of containers is not a list");
  }
  std::vector<ContainerRow> out;
  for (const json& row : body) {
    ContainerRow one;
    one.id = Text(At(row, "Id"));
    one.task_id = Text(At(At(row, "Labels"), std::string(kLabelTaskId).c_str()));
    one.state = StateOf(Text(At(row, "State")));
    if (!one.id.empty()) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace swarm::executor_docker
