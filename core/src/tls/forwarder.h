// The calling side of the transport: gRPC connects to a listener inside of this process, and each
// such connection makes one to the remote, with the credentials of that moment.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "tls/context.h"
#include "tls/dial.h"
#include "tls/io_thread.h"

namespace swarm::tls {

struct ForwarderOptions {
  Target target;
  bool plaintext = false;                  // no TLS at all
  std::optional<std::string> server_name;  // absent: the remote is not verified
  // [io] What to present and whom to trust, asked for each connection.
  std::function<Result<std::shared_ptr<const TlsContext>>()> context;
  Duration connect_timeout = std::chrono::seconds(10);
  Duration handshake_timeout = std::chrono::seconds(10);
  Logger logger;
};

// Threading: [any]. Destroying it closes its connections, soon.
class Forwarder {
 public:
  static Result<std::unique_ptr<Forwarder>> Start(std::shared_ptr<IoThread> io,
                                                  ForwarderOptions options);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Abstract name to connect to.
  const std::string& name() const { return name_; }
  // Why the last connection failed, with the address; empty once one has carried bytes.
  std::string last_error() const;

  class Core;

 private:
  Forwarder(std::shared_ptr<IoThread> io, std::string name, std::shared_ptr<Core> core);

  const std::shared_ptr<IoThread> io_;
  const std::string name_;
  const std::shared_ptr<Core> core_;
};

}  // namespace swarm::tls
