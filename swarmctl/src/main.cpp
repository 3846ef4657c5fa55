// swarmctl: controls a swarm through the socket of one of its managers.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "rpc/network.h"
#include "run.h"

namespace {

constexpr const char* kUsualSocket = "/var/run/swarmd.sock";

std::string DefaultSocket() {
  const char* socket = std::getenv("SWARM_SOCKET");
  return socket && *socket ? socket : kUsualSocket;
}

}  // namespace

int main(int argc, char** argv) {
  const auto network = swarm::rpc::MakeNetwork({});
  swarm::ctl::Environment environment;
  environment.program = argv[0];
  environment.default_socket = DefaultSocket();
  environment.now = [] { return swarm::WallTime(std::chrono::system_clock::now()); };
  environment.connect = [&network](const std::string& socket) {
    return network->Dial("unix://" + socket, {});
  };
  const auto outcome =
      swarm::ctl::RunCtl(std::vector<std::string>(argv + 1, argv + argc), environment);
  std::fwrite(outcome.out.data(), 1, outcome.out.size(), stdout);
  std::fwrite(outcome.err.data(), 1, outcome.err.size(), stderr);
  return outcome.exit_code;
}
