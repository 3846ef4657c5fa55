// One i/o thread for any number of engines and of calls to them.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "engine_client/address.h"
#include "engine_client/client.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::engine {

// Files in PEM, read when the client is made and again for every new connection.
struct TlsFiles {
  std::string ca;    // whom to trust; empty: the machine's own authorities
  std::string cert;  // what to present, with `key`; both or neither
  std::string key;
  // The name the engine's certificate must carry; empty: the address's host.
  std::string server_name;
};

struct ClientOptions {
  Address address;
  // Absent: tcp is plain. Not for unix sockets.
  std::optional<TlsFiles> tls;
  // An engine whose newest version is older is refused with kBadVersion.
  ApiVersion oldest_api{1, 41};
  // Newer ones may mean something else by the same words; an engine that speaks only newer ones is
  // refused with kBadVersion.
  ApiVersion newest_api{1, 52};
  Duration connect_timeout = std::chrono::seconds(10);
  Duration call_timeout = std::chrono::seconds(60);
  // Largest answer, JSON object or frame where the request does not say.
  std::size_t limit = 16 << 20;
};

// Threading: [any].
// Lifetime: outlives its clients; uses the runtime until its end.
class Reactor {
 public:
  static Result<std::unique_ptr<Reactor>> Make(Runtime& runtime);
  virtual ~Reactor() = default;

  // Does not connect yet. InvalidArgument for options that do not fit or TLS files that cannot be
  // read.
  virtual Result<std::unique_ptr<Client>> NewClient(ClientOptions options) noexcept = 0;
  // Whether the caller is a callback of this reactor.
  virtual bool InThread() const noexcept = 0;
};

}  // namespace swarm::engine
