// One server under measurement: a name, its control socket, and its process for memory readings.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "swarm/network.h"
#include "swarm/status.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::bench {

namespace pb = ::docker::swarmkit::v1;

struct TargetSpec {
  std::string name;
  std::string socket;  // path of the unix socket
  pid_t pid = 0;       // 0: found from the socket's owner when asked for
  bool plaintext = false;
};

// "name=/path/to.sock[,pid=N][,plaintext]".
Result<TargetSpec> ParseTarget(const std::string& text);

// One client with a connection of its own, as a program would have.
class Client {
 public:
  Client(Network& network, const TargetSpec& target);

  // Why there can be no connection; OK when there can.
  const Status& status() const { return dial_error_; }
  template <class Response, class Request>
  Result<std::shared_ptr<const Response>> Call(const char* method, const Request& request) {
    SWARM_ASSIGN_OR_RETURN(Payload reply, CallBytes(method, Payload::Of(request)));
    return reply.As<Response>();
  }

 private:
  Result<Payload> CallBytes(const char* method, Payload request);
  std::shared_ptr<Channel> channel_;
  Status dial_error_;
};

// Resident memory in bytes of a process.
Result<std::uint64_t> ResidentBytes(pid_t pid);

}  // namespace swarm::bench
