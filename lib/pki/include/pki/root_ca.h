// The cluster's certificate authority: what is trusted, and, where the key is at hand, signing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pki/certificate.h"
#include "pki/chain.h"
#include "pki/private_key.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::pki {

inline constexpr std::string_view kManagerUnit = "swarm-manager";
inline constexpr std::string_view kWorkerUnit = "swarm-worker";
inline constexpr std::string_view kCaName = "swarm-ca";  // also the CA's server name
inline constexpr Duration kDefaultNodeCertificateExpiry = std::chrono::hours(2160);
inline constexpr Duration kMinNodeCertificateExpiry = std::chrono::hours(1);

// What a node certificate says.
struct NodeSubject {
  std::string node_id;
  std::string unit;          // kManagerUnit or kWorkerUnit
  std::string organization;  // cluster id
};

struct SignerFiles {
  std::string certificate_pem;
  std::string key_pem;
  std::string intermediates_pem;  // appended to what is signed; during a root rotation
};

// Threading: a value; immutable.
class RootCa {
 public:
  // A new self-signed root of 20 years.
  static Result<RootCa> Create(WallTime now, std::string_view common_name = kCaName);
  // InvalidArgument, saying what is wrong with which part.
  static Result<RootCa> Load(std::string_view roots_pem, const std::optional<SignerFiles>& signer,
                             WallTime now);

  const std::string& roots_pem() const { return roots_pem_; }  // as given, byte for byte
  const std::vector<Certificate>& roots() const { return roots_; }
  // "sha256:<hex>" of roots_pem.
  std::string Digest() const;
  bool CanSign() const { return key_.has_value(); }
  // SEC1; empty when there is no key.
  std::string KeyPem() const { return key_ ? key_->TraditionalPem() : std::string(); }

  // The other root, signed by this one's key instead of its own: subject, key, serial number, dates
  // and extensions stay. Peers that trust only this root accept what the other signs when this
  // goes along. InvalidArgument unless `root_pem` is one certificate of an authority;
  // FailedPrecondition without a key.
  Result<std::string> CrossSign(std::string_view root_pem) const;
  // The chain, leaf first, for the public key of the request; nothing else of it counts. An
  // expiry under an hour becomes the default. FailedPrecondition without a key;
  // InvalidArgument "CSR Decode failed ..." when the request is none.
  Result<std::string> SignNode(std::string_view csr_pem, const NodeSubject& subject,
                               Duration expiry, WallTime now) const;

 private:
  RootCa() = default;

  std::string roots_pem_;
  std::vector<Certificate> roots_;
  std::vector<Certificate> signer_;  // one, when there is a key
  std::optional<PrivateKey> key_;
  std::string intermediates_pem_;
};

// A certificate request for the key, empty of everything else.
Result<std::string> MakeCsr(const PrivateKey& key);
// The same with the certificate's subject.
Result<std::string> MakeCsr(const PrivateKey& key, const Certificate& subject);
// The public key in a request whose own signature is right, as SubjectPublicKeyInfo.
// InvalidArgument "CSR Decode failed ...".
Result<std::string> CsrPublicKeyDer(std::string_view csr_pem);

}  // namespace swarm::pki
