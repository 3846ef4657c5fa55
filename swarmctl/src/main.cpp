// swarmctl: controls a swarm through the socket of one of its managers.
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/network.h"
#include "run.h"

namespace {

constexpr const char* kUsualSocket = "/var/run/swarmd.sock";

std::string DefaultSocket() {
  const char* socket = std::getenv("SWARM_SOCKET");
  return socket && *socket ? socket : kUsualSocket;
}

swarm::Result<std::string> Read(const std::string& path) {
  const auto failed = [&path] {
    const std::string what = path.empty() ? "" : "open " + path + ": ";
    std::string reason = std::strerror(errno);
    if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z') reason[0] |= 0x20;
    return swarm::Status(swarm::Code::kInvalidArgument, what + reason);
  };
  std::FILE* file = path.empty() ? stdin : std::fopen(path.c_str(), "rb");
  if (!file) return failed();
  std::string out;
  char part[1 << 16];
  while (const std::size_t size = std::fread(part, 1, sizeof part, file)) out.append(part, size);
  const bool good = std::ferror(file) == 0;
  const swarm::Status error = good ? swarm::Status::Ok() : failed();
  if (!path.empty()) std::fclose(file);
  if (!good) return error;
  return out;
}

void Show(std::string_view out, std::string_view err) {
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
  std::fwrite(err.data(), 1, err.size(), stderr);
}

int Columns() {
  constexpr int kUsual = 80;
  if (isatty(STDERR_FILENO) == 0) return 0;
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

int interrupts[2] = {-1, -1};  // a pipe that the signal handler writes to

// Waits. The first interrupt during a command that waits ends the wait; the second the program.
bool Pause(swarm::Duration duration) {
  if (interrupts[0] < 0) {
    if (pipe(interrupts) != 0) return true;
    struct sigaction action {};
    action.sa_handler = [](int) {
      const char byte = 0;
      [[maybe_unused]] const ssize_t written = write(interrupts[1], &byte, 1);
    };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
  }
  pollfd wait{interrupts[0], POLLIN, 0};
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  const int ready = poll(&wait, 1, static_cast<int>(milliseconds));
  return ready == 0 || (ready < 0 && errno != EINTR);
}

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<swarm::Network> network;
  swarm::ctl::Environment environment;
  environment.program = argv[0];
  environment.default_socket = DefaultSocket();
  environment.now = [] { return swarm::WallTime(std::chrono::system_clock::now()); };
  environment.steady = [] {
    return swarm::SteadyTime(std::chrono::steady_clock::now().time_since_epoch());
  };
  environment.pause = Pause;
  environment.show = Show;
  environment.read = Read;
  environment.columns = Columns;
  // Threads and all: made by commands that call somebody only.
  environment.connect = [&network](const std::string& socket) {
    if (!network) network = swarm::rpc::MakeNetwork({});
    return network->Dial("unix://" + socket, {});
  };
  const auto outcome =
      swarm::ctl::RunCtl(std::vector<std::string>(argv + 1, argv + argc), environment);
  Show(outcome.out, outcome.err);
  return outcome.exit_code;
}
