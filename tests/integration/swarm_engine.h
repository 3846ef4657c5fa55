// A real Docker Engine, the only manager of a swarm, in a network namespace of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace swarm::test {

class SwarmEngine {
 public:
  // Everything it made is gone with this object.
  SwarmEngine();
  ~SwarmEngine();

  // Starts the engine with the image "bb:1" of a busybox; whether it got there. log() tells more.
  bool Start();

  Finished Docker(std::vector<std::string> arguments) const;
  Finished Ctl(std::vector<std::string> arguments) const;
  std::string control_socket() const { return folder_ / "exec/swarm/control.sock"; }
  std::string api_socket() const { return folder_ / "docker.sock"; }
  std::string log() const;

 private:
  bool ImportImage();

  const TemporaryFolder folder_;
  const std::string space_;
  std::unique_ptr<Process> engine_;
};

}  // namespace swarm::test
