// Connecting to an address, without blocking.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "tls/io_thread.h"
#include "tls/sockets.h"

namespace swarm::tls {

// Where to connect: a path, or a host and a port.
struct Target {
  std::string unix_path;  // empty: TCP
  HostPort tcp;

  bool is_unix() const { return !unix_path.empty(); }
  std::string Printed() const;
};
// "host:port" or "unix:///path"; InvalidArgument else.
Result<Target> ParseTarget(std::string_view address);

// [io] Tries every address of the host's name in turn. `done` once, on the IoThread, not inside of
// this call. Destroying the returned object gives up, without calling it.
std::shared_ptr<void> Connect(IoThread& io, const Target& target, Duration timeout,
                              Function<void(Result<Fd>)> done);

}  // namespace swarm::tls
