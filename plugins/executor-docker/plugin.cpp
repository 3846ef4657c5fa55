// The Docker executor's descriptor.
#include "swarm/plugin.h"
#include "docker_executor.h"
#include "options.h"

namespace {

using swarm::SettingDescriptor;
using swarm::SettingType;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kHour = 3'600'000'000'000;

constexpr SettingDescriptor kSettings[] = {
    {"engine", SettingType::kString, "unix:///var/run/docker.sock",
     "Where the engine listens: unix:///path or tcp://host:port."},
    {"tls", SettingType::kBool, "false",
     "Use TLS on tcp, trusting the machine's authorities; implied by the keys below."},
    {"tls_ca", SettingType::kString, "\"\"", "PEM file of the authorities to trust."},
    {"tls_cert", SettingType::kString, "\"\"", "PEM file of the certificate to present."},
    {"tls_key", SettingType::kString, "\"\"", "PEM file of the key of tls_cert."},
    {"tls_name", SettingType::kString, "\"\"",
     "Name that the engine's certificate carries; empty: the address's host."},
    {"hostname", SettingType::kString, "\"\"", "Name of the node; empty: the engine's."},
    {"pull", SettingType::kChoice, "always",
     "When images are fetched: always asks the registry each time and falls back to what the "
     "engine has, missing only when the engine has none.",
     0, 0, "always,missing,never"},
    {"pull_timeout", SettingType::kDuration, "0s", "Longest time for one pull; 0: any.", 0,
     24 * kHour},
    {"pull_idle_timeout", SettingType::kDuration, "5m", "Longest time a pull may make no progress.",
     1000 * kMillisecond, 24 * kHour},
    {"connect_timeout", SettingType::kDuration, "10s", "Longest time to reach the engine.",
     kMillisecond, kHour},
    {"call_timeout", SettingType::kDuration, "1m",
     "How long the engine may take for a short call; creating and starting get five times that, "
     "stopping its grace period and a minute.",
     kMillisecond, 24 * kHour},
    {"reconnect_maximum", SettingType::kDuration, "10s",
     "Longest pause before an engine that is away is tried again.", kMillisecond, kHour},
    {"poll_interval", SettingType::kDuration, "30s",
     "How often all containers are compared with what events told.", 100 * kMillisecond, kHour},
    {"payload_dir", SettingType::kString, "/run/swarmd/docker",
     "Folder for secrets and configs of an engine on this machine, seen by it under the same path; "
     "where it is not in memory, a tmpfs is mounted. Empty: they are written into containers."},
    {"remote_secrets", SettingType::kBool, "false",
     "Also write secrets into containers when payload_dir cannot be used; they then lie on the "
     "engine's disk."},
};

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto options,
                         swarm::executor_docker::OptionsFromSettings(context.settings()));
  std::unique_ptr<swarm::executor_docker::PayloadStore> payloads;
  if (options.engine.address.local() && !options.payload_dir.empty()) {
    payloads = swarm::executor_docker::MakePayloadStore(options.payload_dir);
  }
  auto connect = swarm::executor_docker::ConnectTo(context.runtime(), options.engine);
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::executor_docker::DockerExecutor>(
      context.runtime(), context.logger(), std::move(options), std::move(connect),
      std::move(payloads)));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"executor/1", swarm::Scope::kInstance, "", "", &Create},
};

}  // namespace

SWARM_PLUGIN(executor_docker) = {SWARM_PLUGIN_HEADER,
                                 "executor-docker",
                                 "0.1.0",
                                 "Runs tasks as containers of a Docker Engine",
                                 swarm::Maturity::kAlpha,
                                 kSettings,
                                 std::size(kSettings),
                                 kUnits,
                                 std::size(kUnits)};
