#include "create_body.h"

#include <algorithm>
#include <map>
#include <utility>

#include "names.h"
#include "networking.h"

namespace swarm::executor_docker {
namespace {

using nlohmann::json;

template <class Strings>
json List(const Strings& strings) {
  json out = json::array();
  for (const auto& text : strings) out.push_back(text);
  return out;
}

// What the scheduler has given the task, told to the program in its environment.
void AddGenericResources(const pb::Task& task, json* env) {
  std::map<std::string, std::string> kinds;
  const auto add = [&kinds](const std::string& kind, const std::string& value) {
    std::string& values = kinds[kind];
    values += (values.empty() ? "" : ",") + value;
  };
  for (const pb::GenericResource& resource : task.assigned_generic_resources()) {
    if (resource.has_named_resource_spec()) {
      add(resource.named_resource_spec().kind(), resource.named_resource_spec().value());
    } else if (resource.has_discrete_resource_spec()) {
      add(resource.discrete_resource_spec().kind(),
          std::to_string(resource.discrete_resource_spec().value()));
    }
  }
  for (auto& [kind, values] : kinds) {
    std::string upper = kind;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    env->push_back("DOCKER_RESOURCE_" + upper + "=" + values);
  }
}

void AddCommand(const pb::ContainerSpec& spec, json* body) {
  if (spec.command_size() > 0) (*body)["Entrypoint"] = List(spec.command());
  if (spec.args_size() > 0) (*body)["Cmd"] = List(spec.args());
}

json Health(const pb::HealthConfig& health) {
  json out = {{"Test", List(health.test())}};
  if (health.has_interval()) out["Interval"] = Nanoseconds(health.interval());
  if (health.has_timeout()) out["Timeout"] = Nanoseconds(health.timeout());
  if (health.retries() != 0) out["Retries"] = health.retries();
  if (health.has_start_period()) out["StartPeriod"] = Nanoseconds(health.start_period());
  if (health.has_start_interval()) out["StartInterval"] = Nanoseconds(health.start_interval());
  return out;
}

}  // namespace

std::int64_t Nanoseconds(const google::protobuf::Duration& duration) {
  return duration.seconds() * 1'000'000'000 + duration.nanos();
}

Result<json> CreateBody(const pb::Task& task, const CreateContext& context) {
  const pb::ContainerSpec& spec = task.spec().container();
  json body = {{"Image", spec.image()},
               {"Labels", ContainerLabels(task)},
               {"HostConfig", HostConfig(task, context)}};
  json env = List(spec.env());
  AddGenericResources(task, &env);
  if (!env.empty()) body["Env"] = std::move(env);
  AddCommand(spec, &body);
  if (!spec.hostname().empty()) body["Hostname"] = spec.hostname();
  if (!spec.dir().empty()) body["WorkingDir"] = spec.dir();
  if (!spec.user().empty()) body["User"] = spec.user();
  if (!spec.stop_signal().empty()) body["StopSignal"] = spec.stop_signal();
  if (spec.tty()) body["Tty"] = true;
  if (spec.open_stdin()) body["OpenStdin"] = true;
  if (spec.has_healthcheck()) body["Healthcheck"] = Health(spec.healthcheck());
  AddPorts(task, &body);
  AddFirstNetwork(task, &body);
  SWARM_RETURN_IF_ERROR(AddMounts(spec, context, &body["HostConfig"]));
  return body;
}

}  // namespace swarm::executor_docker
