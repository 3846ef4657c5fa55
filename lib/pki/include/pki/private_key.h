// A private key in memory.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "swarm/status.h"

struct evp_pkey_st;

namespace swarm::pki {

class Certificate;

// Threading: a value; shares its content, which is immutable.
class PrivateKey {
 public:
  // A new ECDSA key on P-256.
  static Result<PrivateKey> Generate();
  // PKCS#8 or SEC1, not encrypted. InvalidArgument.
  static Result<PrivateKey> FromPem(std::string_view pem);
  static Result<PrivateKey> FromDer(std::string_view der);

  std::string Pkcs8Der() const;
  std::string Pkcs8Pem() const;
  // "EC PRIVATE KEY"; PKCS#8 for other kinds of keys.
  std::string TraditionalPem() const;
  bool Matches(const Certificate& certificate) const;
  // RSA of 2048 bits and more, and the curves P-256, P-384 and P-521.
  Status CheckStrength() const;

  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  evp_pkey_st* native() const { return key_.get(); }

 private:
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace swarm::pki
