// Reaching other programs: addresses, dialling, and what a node proves and demands when it does.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "swarm/export.h"
#include "swarm/rpc.h"

namespace swarm {

// The certificate, key and trust roots a node uses. Immutable; rotation replaces the whole.
struct Credentials {
  std::string certificate_pem;  // leaf first, then intermediates; empty: none
  std::string key_pem;          // PKCS#8 or SEC1, not encrypted
  std::string roots_pem;        // empty: nobody is trusted
};

struct DialOptions {
  // Name the server's certificate must carry: "swarm-manager", "swarm-ca". Absent: the server is
  // not verified at all, as on the local socket and before the first join.
  std::optional<std::string> server_name;
  // What to present and whom to trust; read anew for each connection. Null: present nothing.
  std::shared_ptr<const Credentials> credentials;
  // Plaintext HTTP/2, on unix sockets only.
  bool plaintext = false;
  // 0: no limit. Clients of SwarmKit accept any size.
  std::size_t max_receive_bytes = 0;
};

// Part of what the host offers; in a simulation, a virtual one.
// Threading: [any].
class SWARM_EXPORT Network {
 public:
  virtual ~Network();
  // `address`: "host:port" or "unix:///path". Connects lazily; a bad address is InvalidArgument.
  virtual Result<std::shared_ptr<Channel>> Dial(std::string_view address,
                                                DialOptions options) noexcept = 0;
};

}  // namespace swarm
