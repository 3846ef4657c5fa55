// swarmctl as a function, so that tests run it in their own process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/rpc.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::ctl {

// What the program has around it.
struct Environment {
  std::string program;         // argv[0] as typed
  std::string default_socket;  // where neither -s nor SWARM_SOCKET names one, the usual path
  std::function<Result<std::shared_ptr<Channel>>(const std::string& socket)> connect;
  std::function<WallTime()> now;
  std::function<SteadyTime()> steady;
  // Waits; false when the user has interrupted the program.
  std::function<bool(Duration)> pause;
  // Shows at once what a command has printed so far. Null: it stays for the Outcome.
  std::function<void(std::string_view out, std::string_view err)> show;
  // The content of a file; of standard input for an empty path.
  std::function<Result<std::string>(const std::string& path)> read;
  // Of the terminal that standard error is; 0 when it is none. Null: none.
  std::function<int()> columns;
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
