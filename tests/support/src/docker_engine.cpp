#include "support/docker_engine.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <sstream>
#include <stdexcept>

#include "runtime/production.h"

namespace swarm::test {
namespace {

// Two addresses of 10.213.0.0/16 for each of up to 16384 engines at a time.
std::string Ip(int engine, int host) {
  return "10.213." + std::to_string(engine / 64) + "." + std::to_string(engine % 64 * 4 + host);
}

bool Run(const std::vector<std::string>& argv) { return Execute(argv).code == 0; }

std::string MakeFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "swarm-engine-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  return name;
}

}  // namespace

std::optional<std::string> DockerEngine::Unavailable() {
  if (geteuid() != 0) return "a Docker Engine needs root";
  for (const char* program : {"dockerd", "docker", "busybox", "ip", "nsenter"}) {
    if (!Run({"sh", "-c", std::string("command -v ") + program}))
      return std::string(program) + " is not installed";
  }
  return std::nullopt;
}

DockerEngine::DockerEngine() : folder_(MakeFolder()), runtime_(MakeRuntime()) {
  if (!MakeNamespace()) throw std::runtime_error("cannot make a network namespace");
  guardian_ = std::make_unique<Guardian>(
      std::vector<std::string>{SourceDirectory() + "/tests/support/clean-engine", folder_,
                               namespace_, /*cgroup=*/namespace_});
  auto reactor = engine::Reactor::Make(*runtime_);
  if (!reactor.ok()) throw std::runtime_error(reactor.status().message());
  reactor_ = std::move(*reactor);
  engine::ClientOptions options;
  options.address = engine::ParseAddress(address()).value();
  client_ = reactor_->NewClient(std::move(options)).value();
}

DockerEngine::~DockerEngine() {
  client_.reset();
  reactor_.reset();
  process_.reset();
  guardian_.reset();
}

bool DockerEngine::MakeNamespace() {
  for (int engine = 0; engine < 16384; ++engine) {
    const std::string number = std::to_string(engine);
    // Making it is what reserves the number.
    if (!Run({"ip", "netns", "add", "swarm-engine-" + number})) continue;
    namespace_ = "swarm-engine-" + number;
    ip_ = Ip(engine, 2);
    outside_ip_ = Ip(engine, 1);
    if (Connect("swe" + number, outside_ip_)) return true;
    // A namespace is gone before its interface is: the number of an engine that has just ended may
    // have an old one still. The next number has not.
    Run({"ip", "netns", "del", namespace_});
  }
  return false;
}

bool DockerEngine::Connect(const std::string& outside, const std::string& outside_ip) {
  const std::string net = "--net=/run/netns/" + namespace_;
  return Run({"nsenter", net, "ip", "link", "set", "lo", "up"}) &&
         Run({"ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns",
              namespace_}) &&
         Run({"ip", "addr", "add", outside_ip + "/30", "dev", outside}) &&
         Run({"ip", "link", "set", outside, "up"}) &&
         Run({"nsenter", net, "ip", "addr", "add", ip_ + "/30", "dev", "eth0"}) &&
         Run({"nsenter", net, "ip", "link", "set", "eth0", "up"});
}

// Through this machine, which passes on what comes from these two interfaces only.
bool DockerEngine::RouteTo(const DockerEngine& other) const {
  const std::string outside = "swe" + namespace_.substr(namespace_.rfind('-') + 1);
  const std::string net = "--net=/run/netns/" + namespace_;
  const auto route = [&](const std::string& to) {
    return Run({"nsenter", net, "ip", "route", "replace", to, "via", outside_ip_});
  };
  WriteText("/proc/sys/net/ipv4/conf/" + outside + "/forwarding", "1");
  return route(other.ip_) && route(other.outside_ip_);
}

bool DockerEngine::ConnectTo(const DockerEngine& other) {
  return RouteTo(other) && other.RouteTo(*this);
}

bool DockerEngine::Start(const std::vector<std::string>& arguments) {
  arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
  std::vector<std::string> argv = {"nsenter",         "--net=/run/netns/" + namespace_,
                                   "dockerd",         "-H",
                                   address(),         "--exec-root",
                                   exec_root(),       "--data-root",
                                   folder_ + "/data", "--pidfile",
                                   folder_ + "/pid",  "--cgroup-parent",
                                   "/" + namespace_};
  argv.insert(argv.end(), arguments_.begin(), arguments_.end());
  process_ = std::make_unique<Process>(argv, folder_ + "/dockerd.log");
  // Engines wait for each other: iptables has one lock for all namespaces.
  if (!Eventually([&] { return Answers() || !running(); }, 120s) || !running()) return false;
  if (Call(engine::Request::Get("/images/busybox:latest/json")).ok()) return true;
  return MakeImage("busybox:latest", "1");
}

bool DockerEngine::Answers() {
  std::promise<bool> answer;
  const auto call = client_->Negotiate(
      [&](engine::Reply reply, engine::ApiVersion) { answer.set_value(reply.ok()); });
  return answer.get_future().get();
}

void DockerEngine::Stop() {
  process_->Signal(SIGTERM);
  if (process_->Wait(40s) < 0) throw std::runtime_error("dockerd does not stop");
}

void DockerEngine::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
  // Its containerd dies with it. The next one would take a number that is still, or again, in use
  // for a running one, and wait for it in vain.
  std::filesystem::remove(folder_ + "/pid");
  std::filesystem::remove(exec_root() + "/containerd/containerd.pid");
}

void DockerEngine::Freeze() { process_->Signal(SIGSTOP); }
void DockerEngine::Thaw() { process_->Signal(SIGCONT); }

engine::Reply DockerEngine::Call(engine::Request request) {
  std::promise<engine::Reply> answer;
  const auto call = client_->Send(std::move(request),
                                  [&](engine::Reply reply) { answer.set_value(std::move(reply)); });
  return answer.get_future().get();
}

std::vector<nlohmann::json> DockerEngine::Containers(const std::vector<std::string>& labels) {
  engine::Request request = engine::Request::Get("/containers/json");
  request.query = {{"all", "1"}, {"filters", engine::Filters({{"label", labels}})}};
  const engine::Reply reply = Call(std::move(request));
  if (!reply.ok()) throw std::runtime_error(reply.status.message());
  return reply.Json().value().get<std::vector<nlohmann::json>>();
}

bool DockerEngine::MakeImage(const std::string& name, const std::string& version,
                             const std::string& change) {
  const TemporaryFolder root;
  WriteText(root / "version", version + "\n");
  // Runs until it is told to stop, and then ends at once, which `sleep` as process 1 does not.
  WriteText(root / "serve", "#!/bin/sh\ntrap 'exit 0' TERM\nsleep 100000 &\nwait\n");
  const std::string script =
      "mkdir -p bin tmp && chmod +x serve && mv serve bin && cp \"$(command -v busybox)\" "
      "bin/busybox && "
      "for program in $(bin/busybox --list); do "
      "[ \"$program\" = busybox ] || ln -s busybox \"bin/$program\"; done && "
      "tar -c . | docker -H \"$0\" import --change 'ENV PATH=/bin' --change \"$3\" - \"$1\"";
  const Finished made =
      Execute({"sh", "-c", "cd \"$2\" && " + script, address(), name, root.path(), change});
  return made.code == 0;
}

Finished DockerEngine::Docker(std::vector<std::string> arguments) {
  std::vector<std::string> argv = {"docker", "-H", address()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return Execute(argv);
}

}  // namespace swarm::test
