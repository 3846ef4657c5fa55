#pragma once

#include <chrono>
#include <string>

#include "engine_client/reactor.h"
#include "swarm/runtime.h"
#include "swarm/settings.h"
#include "swarm/status.h"

namespace swarm::executor_docker {

enum class PullPolicy : unsigned char {
  kAlways,   // what the registry has counts; without it, what the engine has
  kMissing,  // only when the engine has none
  kNever,
};

struct DockerOptions {
  engine::ClientOptions engine;
  std::string hostname;  // empty: the engine's
  PullPolicy pull = PullPolicy::kAlways;
  Duration pull_timeout{};  // 0: any time
  Duration pull_idle_timeout = std::chrono::minutes(5);
  Duration poll_interval = std::chrono::seconds(30);
  Duration reconnect_initial = std::chrono::milliseconds(100);
  Duration reconnect_maximum = std::chrono::seconds(10);
  std::string payload_dir;
  // Secrets may be written into containers on engines of other machines.
  bool remote_secrets = false;
};

// InvalidArgument names the key that is wrong.
Result<DockerOptions> OptionsFromSettings(const Settings& settings);

}  // namespace swarm::executor_docker
