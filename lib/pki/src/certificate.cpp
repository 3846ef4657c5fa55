#include "pki/certificate.h"

#include <openssl/err.h>
#include <openssl/objects.h>

#include "openssl.h"
#include "pki/pem.h"

namespace swarm::pki {

namespace {

std::string TextOf(const ASN1_STRING* text) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, text);
  if (size < 0) return {};
  std::string out(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return out;
}

Subject SubjectOf(const X509_NAME* name) {
  Subject out;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const int kind = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    std::string text = TextOf(X509_NAME_ENTRY_get_data(entry));
    if (kind == NID_commonName && out.common_name.empty()) out.common_name = std::move(text);
    if (kind == NID_organizationName && out.organization.empty()) out.organization = text;
    if (kind == NID_organizationalUnitName) out.units.push_back(std::move(text));
  }
  return out;
}

}  // namespace

Certificate::Certificate(std::shared_ptr<x509_st> certificate)
    : certificate_(std::move(certificate)),
      subject_(SubjectOf(X509_get_subject_name(certificate_.get()))),
      not_before_(TimeOf(X509_get0_notBefore(certificate_.get()))),
      not_after_(TimeOf(X509_get0_notAfter(certificate_.get()))) {}

std::string Certificate::Der() const { return ToDer(certificate_.get(), i2d_X509); }
std::string Certificate::Pem() const { return EncodePem({"CERTIFICATE", {}, Der()}); }
std::string Certificate::SubjectDer() const {
  return ToDer(X509_get_subject_name(certificate_.get()), i2d_X509_NAME);
}
std::string Certificate::PublicKeyDer() const {
  return ToDer(X509_get_X509_PUBKEY(certificate_.get()), i2d_X509_PUBKEY);
}

std::vector<std::string> Certificate::DnsNames() const {
  std::vector<std::string> out;
  const Owned<GENERAL_NAMES, GENERAL_NAMES_free> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) out.push_back(TextOf(name->d.dNSName));
  }
  return out;
}

bool Certificate::SignedBy(const Certificate& issuer) const {
  const bool fits = X509_NAME_cmp(X509_get_issuer_name(certificate_.get()),
                                  X509_get_subject_name(issuer.native())) == 0 &&
                    X509_verify(certificate_.get(), X509_get0_pubkey(issuer.native())) == 1;
  ERR_clear_error();
  return fits;
}

bool Certificate::IsCa() const { return X509_check_ca(certificate_.get()) == 1; }

bool Certificate::HasStrongSignature() const {
  switch (X509_get_signature_nid(certificate_.get())) {
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
      return true;
    default:
      return false;
  }
}

bool Certificate::operator==(const Certificate& other) const {
  return X509_cmp(certificate_.get(), other.certificate_.get()) == 0;
}

Result<std::vector<Certificate>> ParseCertificates(std::string_view pem) {
  const PemText text = DecodePem(pem);
  std::vector<Certificate> out;
  for (const PemBlock& block : text.blocks) {
    if (block.type != "CERTIFICATE") {
      return Status(Code::kInvalidArgument, "found a " + block.type + " among certificates");
    }
    const unsigned char* at = Bytes(block.bytes);
    CertPtr certificate(d2i_X509(nullptr, &at, static_cast<long>(block.bytes.size())));
    if (!certificate || at != Bytes(block.bytes) + block.bytes.size()) {
      return OpensslError(Code::kInvalidArgument, "a certificate cannot be read");
    }
    out.emplace_back(std::shared_ptr<x509_st>(std::move(certificate)));
  }
  if (out.empty()) return Status(Code::kInvalidArgument, "no certificate found");
  if (text.garbage_after) {
    return Status(Code::kInvalidArgument, "something else follows the certificates");
  }
  return out;
}

std::string EncodeCertificates(const std::vector<Certificate>& certificates) {
  std::string out;
  for (const Certificate& certificate : certificates) out += certificate.Pem();
  return out;
}

}  // namespace swarm::pki
