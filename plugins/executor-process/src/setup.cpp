#include "setup.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <utility>

namespace swarm::executor_process {
namespace {

constexpr std::string_view kPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// As a container's environment: later entries win, "NAME" alone removes.
void AddVariable(const std::string& entry, std::vector<std::string>* out) {
  const std::size_t equals = entry.find('=');
  const std::string prefix = entry.substr(0, equals) + "=";
  std::erase_if(*out, [&](const std::string& known) { return known.starts_with(prefix); });
  if (equals != std::string::npos) out->push_back(entry);
}

// What the scheduler has assigned: DOCKER_RESOURCE_<KIND>=v1,v2.
void AddGenericResources(const pb::Task& task, std::vector<std::string>* out) {
  std::map<std::string, std::string> values;
  for (const auto& resource : task.assigned_generic_resources()) {
    const bool named = resource.has_named_resource_spec();
    std::string kind =
        named ? resource.named_resource_spec().kind() : resource.discrete_resource_spec().kind();
    std::transform(kind.begin(), kind.end(), kind.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    std::string& value = values[kind];
    if (!value.empty()) value += ",";
    value += named ? resource.named_resource_spec().value()
                   : std::to_string(resource.discrete_resource_spec().value());
  }
  for (const auto& [kind, value] : values) out->push_back("DOCKER_RESOURCE_" + kind + "=" + value);
}

std::vector<std::string> Environment(const pb::Task& task) {
  const pb::ContainerSpec& container = task.spec().container();
  std::vector<std::string> out{std::string(kPath)};
  if (!container.hostname().empty()) out.push_back("HOSTNAME=" + container.hostname());
  for (const std::string& entry : container.env()) AddVariable(entry, &out);
  AddGenericResources(task, &out);
  return out;
}

Status CheckNetworks(const pb::Task& task) {
  for (const auto& attachment : task.networks()) {
    const pb::NetworkSpec& spec = attachment.network().spec();
    // The machine's network is what processes have.
    if (spec.annotations().name() == "host") continue;
    return Unsupported("network \"" + spec.annotations().name() + "\" (only \"host\")");
  }
  return Status::Ok();
}

Status SetUpPorts(const pb::Task& task, TaskManners* out) {
  for (const pb::PortConfig& port : task.endpoint().ports()) {
    if (port.publish_mode() != pb::PortConfig::HOST) continue;
    // The process listens on the machine itself: nothing stands between two numbers.
    if (port.published_port() != 0 && port.published_port() != port.target_port()) {
      return Unsupported("port " + std::to_string(port.target_port()) + " published as " +
                         std::to_string(port.published_port()) + ": publish it as itself");
    }
    out->ports.push_back(port);
    out->ports.back().set_published_port(port.target_port());
  }
  return Status::Ok();
}

// Fields that would change what the program sees in ways that only a container can.
Status CheckContainer(const pb::ContainerSpec& container) {
  if (container.tty()) return Unsupported("a terminal (tty)");
  if (container.sysctls_size() > 0) return Unsupported("sysctls of its own");
  if (container.isolation() == pb::ContainerSpec::ISOLATION_HYPERV) {
    return Unsupported("isolation hyperv");
  }
  const pb::Privileges& privileges = container.privileges();
  if (privileges.has_credential_spec()) return Unsupported("a credential spec");
  if (privileges.seccomp().mode() == pb::Privileges::SeccompOpts::CUSTOM) {
    return Unsupported("a seccomp profile of its own");
  }
  const auto& selinux = privileges.selinux_context();
  if (!selinux.user().empty() || !selinux.role().empty() || !selinux.type().empty() ||
      !selinux.level().empty()) {
    return Unsupported("an SELinux context of its own");
  }
  return Status::Ok();
}

Status SetUpStop(const pb::ContainerSpec& container, TaskManners* out) {
  if (!container.stop_signal().empty()) {
    SWARM_ASSIGN_OR_RETURN(out->stop_signal, ParseSignal(container.stop_signal()));
  }
  if (container.has_stop_grace_period()) {
    out->grace = std::chrono::seconds(container.stop_grace_period().seconds()) +
                 std::chrono::nanoseconds(container.stop_grace_period().nanos());
  }
  return Status::Ok();
}

// "10m", "1048576", "1.5g" as the option max-size has it.
Result<std::int64_t> ParseSize(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, text.data() + text.size());
  if (!unit.empty() && (unit.back() == 'b' || unit.back() == 'B')) unit.pop_back();
  constexpr std::string_view kUnits = "kmgt";
  if (error == std::errc() && unit.size() <= 1 && number > 0 && number < 1e15) {
    const auto power =
        unit.empty()
            ? std::string_view::npos
            : kUnits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(unit[0]))));
    if (unit.empty()) return static_cast<std::int64_t>(number);
    if (power != std::string_view::npos) {
      return static_cast<std::int64_t>(number * static_cast<double>(1LL << (10 * (power + 1))));
    }
  }
  return Status(Code::kInvalidArgument,
                "log option max-size=" + text + " is not a size such as 10m");
}

}  // namespace

Status Unsupported(std::string_view what) {
  return {Code::kUnimplemented, "executor-process cannot give a process " + std::string(what) +
                                    "; change the service or run it on a container executor"};
}

Status NotPermitted(std::string_view what) {
  return {Code::kFailedPrecondition,
          "swarmd may not give a process " + std::string(what) +
              " on this node; run swarmd as root there, or keep the service from the node"};
}

Status SetUpOutput(const pb::Driver& driver, Plan* plan) {
  const std::string& name = driver.name();
  if (name == "none") {
    plan->keep_output = false;
    return Status::Ok();
  }
  if (!name.empty() && name != "json-file" && name != "local") {
    return Unsupported("log driver \"" + name + "\" (only json-file, local and none)");
  }
  for (const auto& [key, value] : driver.options()) {
    if (key == "max-size") {
      SWARM_ASSIGN_OR_RETURN(const std::int64_t size, ParseSize(value));
      plan->output_size = std::max<std::int64_t>(size, 1024);
    } else if (key == "max-file") {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), plan->output_files);
      if (error != std::errc() || end != value.data() + value.size() || plan->output_files < 1) {
        return {Code::kInvalidArgument,
                "log option max-file=" + value + " is not a number above 0"};
      }
    }
  }
  return Status::Ok();
}

Result<TaskSetup> SetUp(const pb::Task& task, const NodeRules& rules) {
  if (!task.spec().has_container()) {
    return Status(Code::kUnimplemented, "executor-process runs only container tasks");
  }
  const pb::ContainerSpec& container = task.spec().container();
  SWARM_RETURN_IF_ERROR(CheckContainer(container));
  SWARM_RETURN_IF_ERROR(CheckNetworks(task));
  TaskSetup out;
  Plan& plan = out.plan;
  plan.command.assign(container.command().begin(), container.command().end());
  plan.command.insert(plan.command.end(), container.args().begin(), container.args().end());
  if (plan.command.empty()) {
    return Status(Code::kInvalidArgument,
                  "the task names no command: a process has no image to take one from");
  }
  plan.environment = Environment(task);
  plan.directory = container.dir();
  plan.hostname = container.hostname();
  plan.open_stdin = container.open_stdin();
  plan.output_size = rules.output_size;
  plan.output_files = rules.output_files;
  SWARM_RETURN_IF_ERROR(
      SetUpOutput(task.has_log_driver() ? task.log_driver() : task.spec().log_driver(), &plan));
  SWARM_RETURN_IF_ERROR(SetUpIdentity(container, rules, &plan));
  SWARM_RETURN_IF_ERROR(SetUpLimits(task, rules, &plan));
  SWARM_RETURN_IF_ERROR(SetUpMounts(task, rules, &plan));
  SWARM_RETURN_IF_ERROR(SetUpFiles(container, rules, &out));
  SWARM_RETURN_IF_ERROR(SetUpHealth(container.healthcheck(), &plan.health));
  SWARM_RETURN_IF_ERROR(SetUpStop(container, &out.manners));
  SWARM_RETURN_IF_ERROR(SetUpPorts(task, &out.manners));
  out.manners.health = !plan.health.command.empty();
  out.manners.memory_limit = task.spec().resources().limits().memory_bytes();
  return out;
}

}  // namespace swarm::executor_process
