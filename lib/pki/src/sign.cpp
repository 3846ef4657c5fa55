#include "sign.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace swarm::pki {

namespace {

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(" '()+,-./:=?").find(c) != std::string_view::npos;
  });
}

bool SetTime(ASN1_TIME* to, WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
  return ASN1_TIME_set(to, seconds.count()) != nullptr;
}

const EVP_MD* HashFor(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
    return bits >= 4096 ? EVP_sha512() : bits >= 3072 ? EVP_sha384() : EVP_sha256();
  }
  return bits > 384 ? EVP_sha512() : bits > 256 ? EVP_sha384() : EVP_sha256();
}

}  // namespace

Result<CertPtr> NewCertificate(EVP_PKEY* public_key, WallTime not_before, WallTime not_after) {
  CertPtr certificate(X509_new());
  std::array<unsigned char, 20> serial{};
  const bool random = RAND_bytes(serial.data(), serial.size()) == 1;
  serial[0] &= 0x7f;  // positive
  const NumberPtr number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  if (!certificate || !random || !number ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) == nullptr ||
      X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !SetTime(X509_getm_notBefore(certificate.get()), not_before) ||
      !SetTime(X509_getm_notAfter(certificate.get()), not_after) ||
      X509_set_pubkey(certificate.get(), public_key) != 1) {
    return OpensslError(Code::kInternal, "cannot make a certificate");
  }
  return certificate;
}

Status AddName(X509_NAME* name, int attribute, std::string_view text) {
  const int type = IsPrintable(text) ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
  if (X509_NAME_add_entry_by_NID(name, attribute, type, Bytes(text), static_cast<int>(text.size()),
                                 -1, 0) == 1) {
    return {};
  }
  return OpensslError(Code::kInvalidArgument, "\"" + std::string(text) + "\" cannot be a name");
}

Status AddExtension(X509* certificate, X509* issuer, int extension, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer != nullptr ? issuer : certificate, certificate, nullptr, nullptr,
                 0);
  const Owned<X509_EXTENSION, X509_EXTENSION_free> made(
      X509V3_EXT_nconf_nid(nullptr, &context, extension, value.c_str()));
  if (made && X509_add_ext(certificate, made.get(), -1) == 1) return {};
  return OpensslError(Code::kInternal, "cannot add a certificate extension");
}

Result<Certificate> Sign(CertPtr certificate, const PrivateKey& key) {
  if (X509_sign(certificate.get(), key.native(), HashFor(key.native())) == 0) {
    return OpensslError(Code::kInternal, "cannot sign a certificate");
  }
  return Certificate(std::shared_ptr<x509_st>(std::move(certificate)));
}

}  // namespace swarm::pki
