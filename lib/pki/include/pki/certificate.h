// An X.509 certificate and what can be read from it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/runtime.h"
#include "swarm/status.h"

struct x509_st;

namespace swarm::pki {

struct Subject {
  std::string common_name;         // node id
  std::string organization;        // cluster id
  std::vector<std::string> units;  // "swarm-manager" or "swarm-worker"
};

// Threading: a value; shares its content, which is immutable.
class Certificate {
 public:
  explicit Certificate(std::shared_ptr<x509_st> certificate);

  // The first of each attribute; empty when absent.
  const Subject& subject() const { return subject_; }
  WallTime not_before() const { return not_before_; }
  WallTime not_after() const { return not_after_; }
  bool ValidAt(WallTime time) const { return not_before_ <= time && time <= not_after_; }

  std::string Pem() const;
  std::string Der() const;
  std::string SubjectDer() const;
  std::string PublicKeyDer() const;  // SubjectPublicKeyInfo
  // "DNS:..." names of the subject alternative name.
  std::vector<std::string> DnsNames() const;

  // Names fit and the signature is by the other's key; no dates, no purposes.
  bool SignedBy(const Certificate& issuer) const;
  bool IsSelfSigned() const { return SignedBy(*this); }
  bool IsCa() const;
  // Signed with SHA-256, 384 or 512 by RSA or ECDSA.
  bool HasStrongSignature() const;
  bool operator==(const Certificate& other) const;

  x509_st* native() const { return certificate_.get(); }

 private:
  std::shared_ptr<x509_st> certificate_;
  Subject subject_;
  WallTime not_before_;
  WallTime not_after_;
};

// All certificates of a PEM text, at least one. InvalidArgument on anything else in it.
Result<std::vector<Certificate>> ParseCertificates(std::string_view pem);
std::string EncodeCertificates(const std::vector<Certificate>& certificates);

}  // namespace swarm::pki
