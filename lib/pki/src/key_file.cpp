#include "pki/key_file.h"

#include <openssl/evp.h>
#include <openssl/pkcs12.h>

#include <charconv>
#include <span>

#include "openssl.h"
#include "pki/pem.h"

namespace swarm::pki {

namespace {

constexpr int kRounds = 2048;
constexpr std::string_view kPlainType = "PRIVATE KEY";
constexpr std::string_view kEncryptedType = "ENCRYPTED PRIVATE KEY";

EncryptedPtr ParseEncrypted(std::string_view der) {
  const unsigned char* at = Bytes(der);
  EncryptedPtr box(d2i_X509_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!box || at != Bytes(der) + der.size()) {
    static_cast<void>(OpensslError(Code::kInvalidArgument, ""));  // forgets why
    return nullptr;
  }
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_OBJECT* object = nullptr;
  X509_SIG_get0(box.get(), &algorithm, nullptr);
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  return OBJ_obj2nid(object) == NID_pbes2 ? std::move(box) : nullptr;
}

Status Locked() { return {Code::kUnauthenticated, std::string(kLockedText)}; }

std::string RandomBytes(Random& random, std::size_t size) {
  std::string out(size, '\0');
  random.Fill(std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace

Result<std::string> EncryptPkcs8(const PrivateKey& key, std::string_view passphrase,
                                 std::string_view salt, std::string_view iv) {
  const Pkcs8Ptr info(EVP_PKEY2PKCS8(key.native()));
  std::string salt_copy(salt);
  std::string iv_copy(iv);
  // HMAC-SHA1 is what an absent PRF field means; peers read no other.
  Owned<X509_ALGOR, X509_ALGOR_free> algorithm(PKCS5_pbe2_set_iv(
      EVP_aes_256_cbc(), kRounds, reinterpret_cast<unsigned char*>(salt_copy.data()),
      static_cast<int>(salt_copy.size()), reinterpret_cast<unsigned char*>(iv_copy.data()),
      NID_hmacWithSHA1));
  if (!info || !algorithm) return OpensslError(Code::kInternal, "cannot encrypt the key");
  const EncryptedPtr box(PKCS8_set0_pbe(passphrase.data(), static_cast<int>(passphrase.size()),
                                        info.get(), algorithm.get()));
  if (!box) return OpensslError(Code::kInternal, "cannot encrypt the key");
  static_cast<void>(algorithm.release());  // the box owns it now
  return ToDer(box.get(), i2d_X509_SIG);
}

Result<PrivateKey> DecryptPkcs8(std::string_view der, std::string_view passphrase) {
  const EncryptedPtr box = ParseEncrypted(der);
  if (!box) return Status(Code::kInvalidArgument, "not a key encrypted with PBES2");
  const Pkcs8Ptr info(
      PKCS8_decrypt(box.get(), passphrase.data(), static_cast<int>(passphrase.size())));
  KeyPtr key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
  if (!key) {
    static_cast<void>(OpensslError(Code::kUnauthenticated, ""));
    return Locked();
  }
  return PrivateKey(std::move(key));
}

Result<KeyFile> KeyFile::Parse(std::string_view pem, std::string_view kek) {
  const PemText text = DecodePem(pem);
  if (text.blocks.empty()) {
    return Status(Code::kInvalidArgument, "no private key found");
  }
  const PemBlock& block = text.blocks.front();
  std::map<std::string, std::string> headers = block.headers;
  if (headers.contains("DEK-Info")) {
    return Status(Code::kInvalidArgument,
                  "the key is encrypted in the old form of RFC 1423, which is not supported");
  }
  const bool encrypted = ParseEncrypted(block.bytes) != nullptr;
  auto key = encrypted ? kek.empty() ? Result<PrivateKey>(Locked()) : DecryptPkcs8(block.bytes, kek)
                       : PrivateKey::FromDer(block.bytes);
  if (!key.ok()) return key.status();
  headers.erase("Proc-Type");
  return KeyFile{std::move(*key), std::move(headers), encrypted};
}

std::uint64_t KeyFile::KekVersion() const {
  const auto header = headers.find(std::string(kKekVersionHeader));
  if (header == headers.end()) return 0;
  std::uint64_t version = 0;
  const std::string& text = header->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  return error == std::errc() && end == text.data() + text.size() ? version : 0;
}

Result<std::string> KeyFile::Format(std::string_view kek, Random& random) const {
  PemBlock block;
  block.headers = headers;
  block.headers.emplace(kKekVersionHeader, "0");
  if (kek.empty()) {
    block.type = kPlainType;
    block.bytes = key.Pkcs8Der();
  } else {
    block.type = kEncryptedType;
    SWARM_ASSIGN_OR_RETURN(block.bytes,
                           EncryptPkcs8(key, kek, RandomBytes(random, 8), RandomBytes(random, 16)));
  }
  return EncodePem(block);
}

}  // namespace swarm::pki
