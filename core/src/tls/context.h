// One set of credentials made ready for handshakes. Immutable: rotation makes a new one, and
// connections keep the one they were made with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "swarm/network.h"
#include "tls/openssl.h"
#include "tls/verify.h"

namespace swarm::tls {

class TlsContext;

// How one connection verifies its peer; lives as long as its SSL object.
struct Verification {
  std::shared_ptr<const TlsContext> context;
  Purpose peer = Purpose::kClient;
  // Servers only: absent, the peer is not verified at all.
  std::optional<std::string> server_name;
  // What was wrong with the peer's certificate.
  std::string refused_because;
};

// Threading: [any].
class TlsContext : public std::enable_shared_from_this<TlsContext> {
 public:
  // InvalidArgument when something cannot be read or key and certificate differ.
  static Result<std::shared_ptr<const TlsContext>> Make(const Credentials& credentials);

  bool has_certificate() const { return has_certificate_; }
  Certificates roots() const;

  // Ready for SSL_accept or SSL_connect on `fd`, which stays the caller's. Null when out of
  // memory. `verification` must outlive the object.
  SslPtr NewServer(int fd, Verification& verification) const;
  SslPtr NewClient(int fd, Verification& verification) const;

 private:
  TlsContext() = default;
  Status Load(const Credentials& credentials);
  Result<SslContextPtr> NewContext(const SSL_METHOD* method, const Credentials& credentials) const;

  std::vector<X509Ptr> roots_;
  bool has_certificate_ = false;
  SslContextPtr server_;
  SslContextPtr client_;
};

}  // namespace swarm::tls
