#include "pki/private_key.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "openssl.h"
#include "pki/certificate.h"
#include "pki/pem.h"

namespace swarm::pki {

Result<PrivateKey> PrivateKey::Generate() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return OpensslError(Code::kInternal, "cannot make a private key");
  return PrivateKey(std::move(key));
}

Result<PrivateKey> PrivateKey::FromDer(std::string_view der) {
  const unsigned char* at = Bytes(der);
  const auto size = static_cast<long>(der.size());
  KeyPtr key(d2i_AutoPrivateKey(nullptr, &at, size));
  if (!key || at != Bytes(der) + der.size()) {
    return OpensslError(Code::kInvalidArgument, "not a private key");
  }
  return PrivateKey(std::move(key));
}

Result<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  for (const PemBlock& block : DecodePem(pem).blocks) {
    if (block.type.ends_with("PRIVATE KEY")) return FromDer(block.bytes);
  }
  return Status(Code::kInvalidArgument, "no private key found");
}

std::string PrivateKey::Pkcs8Der() const {
  const Pkcs8Ptr info(EVP_PKEY2PKCS8(key_.get()));
  return info ? ToDer(info.get(), i2d_PKCS8_PRIV_KEY_INFO) : std::string();
}

std::string PrivateKey::Pkcs8Pem() const { return EncodePem({"PRIVATE KEY", {}, Pkcs8Der()}); }

std::string PrivateKey::TraditionalPem() const {
  if (EVP_PKEY_get_base_id(key_.get()) != EVP_PKEY_EC) return Pkcs8Pem();
  return EncodePem({"EC PRIVATE KEY", {}, ToDer(key_.get(), i2d_PrivateKey)});
}

bool PrivateKey::Matches(const Certificate& certificate) const {
  return EVP_PKEY_eq(X509_get0_pubkey(certificate.native()), key_.get()) == 1;
}

Status PrivateKey::CheckStrength() const {
  const int bits = EVP_PKEY_get_bits(key_.get());
  switch (EVP_PKEY_get_base_id(key_.get())) {
    case EVP_PKEY_RSA:
      if (bits >= 2048) return {};
      return {Code::kInvalidArgument, "an RSA key needs at least 2048 bits"};
    case EVP_PKEY_EC:
      if (bits == 256 || bits == 384 || bits == 521) return {};
      return {Code::kInvalidArgument, "an elliptic curve key must be on P-256, P-384 or P-521"};
    default:
      return {Code::kInvalidArgument, "only RSA and elliptic curve keys are supported"};
  }
}

}  // namespace swarm::pki
