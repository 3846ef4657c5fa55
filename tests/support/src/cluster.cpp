#include "support/cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iterator>
#include <sstream>

namespace swarm::test {

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

Manager::Manager() = default;

Manager::Manager(std::string state) : state_(std::move(state)) {}

Manager::~Manager() {
  if (process_ && process_->running()) {
    // Tasks outlive their manager by design: take them along.
    const Finished services = Ctl({"service", "ls", "-q"});
    std::istringstream ids(services.out);
    for (std::string id; ids >> id;) Ctl({"service", "remove", id});
    Eventually([&] { return TasksIn("RUNNING") == 0; }, 20s);
    process_->Signal(SIGTERM);
    if (process_->Wait(10s) < 0) process_->Signal(SIGKILL);
  }
}

bool Manager::Start(const std::vector<std::string>& arguments) {
  const std::size_t from = log().size();
  std::vector<std::string> argv = prefix_;
  for (const std::string& argument :
       {BuildDirectory() + "/bin/swarmd", std::string("--state-dir"), state(),
        std::string("--listen-control-api"), socket(), std::string("--listen-remote-api"), remote_})
    argv.push_back(argument);
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  process_ = std::make_unique<Process>(argv, log_path());
  return AwaitReady(from);
}

bool Manager::StartWithConfig(const std::string& yaml) {
  WriteText(folder_ / "swarmd.yaml", yaml);
  return Start({"--config", folder_ / "swarmd.yaml"});
}

bool Manager::AwaitReady(std::size_t from) {
  return Eventually(
             [&] {
               return log().find("node is ready", from) != std::string::npos ||
                      !process_->running();
             },
             60s) &&
         process_->running();
}

Finished Manager::Ctl(std::vector<std::string> arguments) {
  std::vector<std::string> argv = {BuildDirectory() + "/bin/swarmctl", "--socket", socket()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return Execute(argv);
}

int Manager::TasksIn(const std::string& state) {
  std::istringstream lines(Ctl({"task", "ls"}).out);
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    // The observed state is followed by how long ago; the desired one stands alone before it.
    std::istringstream words(line);
    std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    if (fields.size() > 3 && fields[3] == state) ++count;
  }
  return count;
}

std::string Manager::log() const { return ReadText(log_path()); }

}  // namespace swarm::test
