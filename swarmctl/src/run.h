// swarmctl as a function, so that tests run it in their own process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "swarm/rpc.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::ctl {

struct Environment {
  std::string program;         // argv[0] as typed
  std::string default_socket;  // where neither -s nor SWARM_SOCKET names one, the usual path
  std::function<Result<std::shared_ptr<Channel>>(const std::string& socket)> connect;
  std::function<WallTime()> now;
};

struct Outcome {
  int exit_code = 0;
  std::string out;
  std::string err;
};

inline constexpr int kFailure = 255;

// `arguments`: without the program's name.
Outcome RunCtl(std::vector<std::string> arguments, const Environment& environment);

}  // namespace swarm::ctl
