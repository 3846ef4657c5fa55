#include "swarm_engine.h"

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

namespace swarm::test {

SwarmEngine::SwarmEngine() : space_("swarm-ctl-" + std::to_string(getpid())) {}

SwarmEngine::~SwarmEngine() {
  if (engine_ && engine_->running()) {
    Docker({"swarm", "leave", "--force"});
    engine_->Signal(SIGTERM);
    if (engine_->Wait(30s) < 0) engine_->Signal(SIGKILL);
  }
  std::istringstream mounts(ReadText("/proc/mounts"));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, target;
    words >> device >> target;
    if (target.starts_with(folder_.path() + "/")) umount2(target.c_str(), MNT_DETACH);
  }
  Execute({"ip", "netns", "delete", space_});
}

bool SwarmEngine::Start() {
  if (Execute({"ip", "netns", "add", space_}).code != 0) return false;
  // Not `ip netns exec`: it hides the control groups, which the engine needs.
  const std::string enter = "--net=/var/run/netns/" + space_;
  Execute({"nsenter", enter, "ip", "link", "set", "lo", "up"});
  engine_ = std::make_unique<Process>(
      std::vector<std::string>{"nsenter", enter, "dockerd", "--host", "unix://" + api_socket(),
                               "--exec-root", folder_ / "exec", "--data-root", folder_ / "data",
                               "--pidfile", folder_ / "docker.pid", "--iptables=false",
                               "--bridge=none"},
      folder_ / "dockerd.log");
  const bool up = Eventually([this] { return Docker({"version"}).code == 0; }, 60s);
  return up && ImportImage() &&
         Docker(
             {"swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:4242"})
                 .code == 0;
}

bool SwarmEngine::ImportImage() {
  const std::string bin = folder_ / "image/bin";
  std::filesystem::create_directories(bin);
  std::filesystem::copy_file("/bin/busybox", bin + "/busybox");
  for (const char* name : {"sh", "sleep", "echo", "false", "true"}) {
    std::filesystem::create_symlink("busybox", bin + "/" + name);
  }
  const std::string archive = folder_ / "image.tar";
  return Execute({"tar", "-C", folder_ / "image", "-cf", archive, "."}).code == 0 &&
         Docker({"import", archive, "bb:1"}).code == 0;
}

Finished SwarmEngine::Docker(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"docker", "--host", "unix://" + api_socket()});
  return Execute(arguments);
}

Finished SwarmEngine::Ctl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(),
                   {BuildDirectory() + "/bin/swarmctl", "--socket", control_socket()});
  return Execute(arguments);
}

std::string SwarmEngine::log() const { return ReadText(folder_ / "dockerd.log"); }

}  // namespace swarm::test
