// A real Docker Engine for one test: own socket, folders, network namespace and cgroup; it can be
// stopped, killed, frozen and started again. Nothing of it outlives the test process, even when
// that is killed. Needs root and Debian's docker.io.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine_client/reactor.h"
#include "support/guardian.h"
#include "support/process.h"
#include "swarm/runtime.h"

namespace swarm::test {

class DockerEngine {
 public:
  // Why there can be no engine on this machine; nothing when there can.
  static std::optional<std::string> Unavailable();

  // Nothing runs until Start.
  DockerEngine();
  ~DockerEngine();

  // Whether it answers, within two minutes, with an image busybox:latest; `arguments` are added
  // to dockerd's, now and in later starts. log() tells more.
  bool Start(const std::vector<std::string>& arguments = {});
  // In good order: containers end, unless dockerd was started with --live-restore.
  void Stop();
  // As a crash: the containers run on.
  void Kill();
  // It neither answers nor ends (SIGSTOP), until Thaw.
  void Freeze();
  void Thaw();
  bool running() { return process_ && process_->running(); }

  std::string socket() const { return folder_ + "/docker.sock"; }
  std::string address() const { return "unix://" + socket(); }
  // The engine's own address in its namespace, reachable from the test.
  const std::string& ip() const { return ip_; }
  // The test's own address on the way there, where a manager can listen for the engine.
  const std::string& outside_ip() const { return outside_ip_; }
  // From now on both reach each other, and whatever listens on this machine.
  bool ConnectTo(const DockerEngine& other);
  // Where dockerd keeps its run-time files, such as swarm/control.sock.
  std::string exec_root() const { return folder_ + "/exec"; }
  std::string folder() const { return folder_; }
  std::string log() const { return ReadText(folder_ + "/dockerd.log"); }

  engine::Client& client() { return *client_; }
  engine::Reactor& reactor() { return *reactor_; }
  // One call, waited for.
  engine::Reply Call(engine::Request request);
  // The engine's list of containers, those that ended too, with all these labels ("key=value").
  std::vector<nlohmann::json> Containers(const std::vector<std::string>& labels = {});
  // An image with every program of busybox, `version` in /version, and the program `serve`, which
  // runs until it is told to stop.
  bool MakeImage(const std::string& name, const std::string& version,
                 const std::string& change = "ENV PATH=/bin");
  // The engine's command line client.
  Finished Docker(std::vector<std::string> arguments);

 private:
  bool MakeNamespace();
  bool Connect(const std::string& outside, const std::string& outside_ip);
  bool RouteTo(const DockerEngine& other) const;
  bool Answers();

  std::string folder_;
  std::string namespace_;
  std::string ip_;
  std::string outside_ip_;
  std::unique_ptr<Guardian> guardian_;
  std::vector<std::string> arguments_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<engine::Reactor> reactor_;
  std::unique_ptr<engine::Client> client_;
  std::unique_ptr<Process> process_;
};

}  // namespace swarm::test
