// Fernet: version byte, big-endian time, initialisation vector, AES-128-CBC text, HMAC-SHA256 of
// all before it; the whole in URL-safe base 64 with padding. No age limit here.
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstring>
#include <memory>
#include <optional>

#include "wal/cipher.h"

namespace swarm::wal::fernet {
namespace {

constexpr unsigned char kVersion = 0x80;
constexpr std::size_t kHeaderSize = 1 + 8 + 16;
constexpr std::size_t kBlock = 16;
constexpr std::size_t kMacSize = 32;
constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct CipherFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherFree>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string ToBase64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      const bool padding = i + k > bytes.size();
      out.push_back(padding ? '=' : kDigits[word >> (18 - 6 * k) & 63]);
    }
  }
  return out;
}

std::optional<std::string> FromBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::string out;
  std::uint32_t word = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    word = word << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<char>(word >> bits & 0xff));
  }
  return out;
}

// Encrypts or decrypts with the second half of the key.
std::optional<std::string> Crypt(const Key& key, std::string_view text, const unsigned char* iv,
                                 bool encrypt) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::string out(text.size() + kBlock, '\0');
  auto* at = reinterpret_cast<unsigned char*>(out.data());
  int first = 0;
  int last = 0;
  if (context == nullptr ||
      EVP_CipherInit_ex(context.get(), EVP_aes_128_cbc(), nullptr, key.data() + 16, iv,
                        encrypt ? 1 : 0) != 1 ||
      EVP_CipherUpdate(context.get(), at, &first, Bytes(text), static_cast<int>(text.size())) !=
          1 ||
      EVP_CipherFinal_ex(context.get(), at + first, &last) != 1) {
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(first + last));
  return out;
}

std::optional<std::string> Mac(const Key& key, std::string_view text) {
  std::string out(kMacSize, '\0');
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), 16, Bytes(text), text.size(),
           reinterpret_cast<unsigned char*>(out.data()), &size) == nullptr) {
    return std::nullopt;
  }
  return out;
}

}  // namespace

std::size_t TokenSize(std::size_t text_size) {
  const std::size_t padded = (text_size / kBlock + 1) * kBlock;
  return (kHeaderSize + padded + kMacSize + 2) / 3 * 4;
}

Result<std::string> Encode(const Key& key, std::string_view text, std::uint64_t unix_seconds,
                           const std::array<unsigned char, 16>& iv) {
  std::string token(1, static_cast<char>(kVersion));
  for (int shift = 56; shift >= 0; shift -= 8) {
    token.push_back(static_cast<char>(unix_seconds >> shift & 0xff));
  }
  token.append(reinterpret_cast<const char*>(iv.data()), iv.size());
  const std::optional<std::string> secret = Crypt(key, text, iv.data(), true);
  if (!secret) return Status(Code::kInternal, "OpenSSL cannot encrypt with AES-128-CBC");
  token += *secret;
  const std::optional<std::string> mac = Mac(key, token);
  if (!mac) return Status(Code::kInternal, "OpenSSL cannot compute HMAC-SHA256");
  return ToBase64(token + *mac);
}

Result<std::string> Decode(const Key& key, std::string_view token) {
  const Status wrong(Code::kUnauthenticated, "not a Fernet token of this key");
  const std::optional<std::string> bytes = FromBase64(token);
  if (!bytes || bytes->size() < kHeaderSize + kBlock + kMacSize) return wrong;
  if (static_cast<unsigned char>(bytes->front()) != kVersion) return wrong;
  const std::string_view all = *bytes;
  const std::string_view body = all.substr(0, all.size() - kMacSize);
  const std::optional<std::string> mac = Mac(key, body);
  if (!mac || CRYPTO_memcmp(mac->data(), all.data() + body.size(), kMacSize) != 0) return wrong;
  std::optional<std::string> text =
      Crypt(key, body.substr(kHeaderSize), Bytes(body.substr(9, 16)), false);
  if (!text) return wrong;
  return *std::move(text);
}

}  // namespace swarm::wal::fernet
