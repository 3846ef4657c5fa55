#include "pki/root_ca.h"

#include <algorithm>

#include "csr.h"
#include "openssl.h"
#include "pki/text_keys.h"
#include "sign.h"

namespace swarm::pki {

namespace {

using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

constexpr Duration kRootLifetime = std::chrono::seconds(630'720'000);  // 20 years of 365 days
constexpr Duration kRootBackdate = 5min;
constexpr Duration kNodeBackdate = 1h;  // for clocks that are behind

Status Invalid(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

WallTime RoundToMinute(WallTime time) { return std::chrono::round<std::chrono::minutes>(time); }

// What signs must lead to the trusted roots, and its intermediates must begin with itself.
Status CheckSigner(const Certificate& signer, const std::vector<Certificate>& intermediates,
                   const std::vector<Certificate>& roots, WallTime now) {
  if (!signer.HasStrongSignature()) {
    return Invalid("the signing CA certificate is not signed with SHA-256 or better");
  }
  if (!intermediates.empty() && (intermediates[0].SubjectDer() != signer.SubjectDer() ||
                                 intermediates[0].PublicKeyDer() != signer.PublicKeyDer())) {
    return Invalid("the first intermediate is not the signing CA certificate");
  }
  std::vector<Certificate> path = intermediates;
  if (path.empty()) path.push_back(signer);
  auto issuer = VerifyChain(path, roots, now);
  return issuer.ok() ? Status() : issuer.status().WithContext("signing CA certificate");
}

Status AddNodeParts(X509* certificate, const Certificate& signer, const NodeSubject& subject) {
  X509_NAME* name = X509_get_subject_name(certificate);
  SWARM_RETURN_IF_ERROR(AddName(name, NID_organizationName, subject.organization));
  SWARM_RETURN_IF_ERROR(AddName(name, NID_organizationalUnitName, subject.unit));
  SWARM_RETURN_IF_ERROR(AddName(name, NID_commonName, subject.node_id));
  if (X509_set_issuer_name(certificate, X509_get_subject_name(signer.native())) != 1) {
    return OpensslError(Code::kInternal, "cannot name the issuer");
  }
  const auto add = [&](int extension, const std::string& value) {
    return AddExtension(certificate, signer.native(), extension, value);
  };
  SWARM_RETURN_IF_ERROR(add(NID_key_usage, "critical,digitalSignature,keyEncipherment"));
  SWARM_RETURN_IF_ERROR(add(NID_ext_key_usage, "serverAuth,clientAuth"));
  SWARM_RETURN_IF_ERROR(add(NID_basic_constraints, "critical,CA:FALSE"));
  SWARM_RETURN_IF_ERROR(add(NID_subject_key_identifier, "hash"));
  if (X509_get0_subject_key_id(signer.native()) != nullptr) {
    SWARM_RETURN_IF_ERROR(add(NID_authority_key_identifier, "keyid:always"));
  }
  std::string names = "DNS:" + subject.unit + ",DNS:" + subject.node_id;
  if (subject.unit == kManagerUnit) names += ",DNS:" + std::string(kCaName);
  return add(NID_subject_alt_name, names);
}

}  // namespace

Result<RootCa> RootCa::Create(WallTime now, std::string_view common_name) {
  SWARM_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::Generate());
  const WallTime not_before = RoundToMinute(now) - kRootBackdate;
  SWARM_ASSIGN_OR_RETURN(CertPtr certificate,
                         NewCertificate(key.native(), not_before, not_before + kRootLifetime));
  X509* raw = certificate.get();
  SWARM_RETURN_IF_ERROR(AddName(X509_get_subject_name(raw), NID_commonName, common_name));
  if (X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1) {
    return OpensslError(Code::kInternal, "cannot name the issuer");
  }
  SWARM_RETURN_IF_ERROR(AddExtension(raw, nullptr, NID_key_usage, "critical,keyCertSign,cRLSign"));
  SWARM_RETURN_IF_ERROR(AddExtension(raw, nullptr, NID_basic_constraints, "critical,CA:TRUE"));
  SWARM_RETURN_IF_ERROR(AddExtension(raw, nullptr, NID_subject_key_identifier, "hash"));
  SWARM_ASSIGN_OR_RETURN(Certificate root, Sign(std::move(certificate), key));
  RootCa out;
  out.roots_pem_ = root.Pem();
  out.roots_ = {root};
  out.signer_ = {root};
  out.key_ = std::move(key);
  return out;
}

Result<RootCa> RootCa::Load(std::string_view roots_pem, const std::optional<SignerFiles>& signer,
                            WallTime now) {
  RootCa out;
  out.roots_pem_ = roots_pem;
  SWARM_ASSIGN_OR_RETURN(out.roots_, ParseRoots(roots_pem, now));
  if (!signer) return out;

  auto certificates = ParseCertificates(signer->certificate_pem);
  if (!certificates.ok()) return certificates.status().WithContext("signing CA certificate");
  auto key = PrivateKey::FromPem(signer->key_pem);
  if (!key.ok()) return key.status().WithContext("signing CA key");
  SWARM_RETURN_IF_ERROR(key->CheckStrength());
  std::vector<Certificate> intermediates;
  if (!signer->intermediates_pem.empty()) {
    auto parsed = ParseCertificates(signer->intermediates_pem);
    if (!parsed.ok()) return parsed.status().WithContext("intermediate CA certificates");
    intermediates = std::move(*parsed);
  }
  const Certificate& first = certificates->front();
  SWARM_RETURN_IF_ERROR(CheckSigner(first, intermediates, out.roots_, now));
  if (!key->Matches(first)) return Invalid("certificate key mismatch");
  out.signer_ = {first};
  out.key_ = std::move(*key);
  out.intermediates_pem_ = EncodeCertificates(intermediates);
  return out;
}

Result<std::string> RootCa::CrossSign(std::string_view root_pem) const {
  if (!key_) return Status(Code::kFailedPrecondition, "no valid signer found");
  SWARM_ASSIGN_OR_RETURN(const auto certificates, ParseCertificates(root_pem));
  if (certificates.size() != 1 || !certificates.front().IsCa()) {
    return Invalid("only one certificate of a certificate authority can be cross-signed");
  }
  const Certificate& signer = signer_.front();
  CertPtr copy(X509_dup(certificates.front().native()));
  if (!copy || X509_set_issuer_name(copy.get(), X509_get_subject_name(signer.native())) != 1) {
    return OpensslError(Code::kInternal, "cannot name the issuer");
  }
  // Always there, also where both subjects are equal: without it some take the result for
  // self-signed.
  const int old = X509_get_ext_by_NID(copy.get(), NID_authority_key_identifier, -1);
  if (old >= 0) X509_EXTENSION_free(X509_delete_ext(copy.get(), old));
  if (X509_get0_subject_key_id(signer.native()) != nullptr) {
    SWARM_RETURN_IF_ERROR(
        AddExtension(copy.get(), signer.native(), NID_authority_key_identifier, "keyid:always"));
  }
  SWARM_ASSIGN_OR_RETURN(const Certificate crossed, Sign(std::move(copy), *key_));
  return crossed.Pem();
}

std::string RootCa::Digest() const { return Sha256Digest(roots_pem_); }

Result<std::string> RootCa::SignNode(std::string_view csr_pem, const NodeSubject& subject,
                                     Duration expiry, WallTime now) const {
  if (!key_) return Status(Code::kFailedPrecondition, "no valid signer found");
  SWARM_ASSIGN_OR_RETURN(const KeyPtr key, PublicKeyOfCsr(csr_pem));
  if (expiry < kMinNodeCertificateExpiry) expiry = kDefaultNodeCertificateExpiry;
  const WallTime rounded = RoundToMinute(now);
  SWARM_ASSIGN_OR_RETURN(CertPtr certificate,
                         NewCertificate(key.get(), rounded - kNodeBackdate, rounded + expiry));
  SWARM_RETURN_IF_ERROR(AddNodeParts(certificate.get(), signer_.front(), subject));
  SWARM_ASSIGN_OR_RETURN(const Certificate leaf, Sign(std::move(certificate), *key_));
  return leaf.Pem() + intermediates_pem_;
}

}  // namespace swarm::pki
