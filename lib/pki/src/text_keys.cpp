#include "pki/text_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <span>
#include <vector>

#include "base36.h"
#include "pki/pem.h"

namespace swarm::pki {

namespace {

constexpr std::size_t kDigestWidth = 50;
constexpr std::size_t kSecretWidth = 25;
constexpr std::size_t kSecretBytes = 16;
constexpr std::string_view kUnlockPrefix = "SWMKEY-1-";

std::string Sha256(std::string_view text) {
  std::string out(32, '\0');
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), &size,
             EVP_sha256(), nullptr);
  return out;
}

std::string HexDigest(std::string_view hash) {
  std::string out = "sha256:";
  for (const char c : hash) {
    const auto byte = static_cast<unsigned char>(c);
    out += "0123456789abcdef"[byte >> 4U];
    out += "0123456789abcdef"[byte & 15U];
  }
  return out;
}

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t dash = text.find('-');
    parts.push_back(text.substr(0, dash));
    if (dash == std::string_view::npos) return parts;
    text.remove_prefix(dash + 1);
  }
}

}  // namespace

std::string Sha256Digest(std::string_view text) { return HexDigest(Sha256(text)); }

std::string MakeJoinToken(std::string_view roots_pem, std::string_view secret, bool fips) {
  return std::string(fips ? "SWMTKN-2-1-" : "SWMTKN-1-") +
         ToBase36(Sha256(roots_pem), kDigestWidth) + "-" + ToBase36(secret, kSecretWidth);
}

std::string MakeJoinToken(std::string_view roots_pem, Random& random, bool fips) {
  std::string secret(kSecretBytes, '\0');
  random.Fill(std::as_writable_bytes(std::span(secret)));
  return MakeJoinToken(roots_pem, secret, fips);
}

Result<JoinToken> ParseJoinToken(std::string_view text) {
  const Status invalid(Code::kInvalidArgument, "invalid join token");
  const auto parts = Split(text);
  if (parts.size() < 4 || parts[0] != "SWMTKN") return invalid;
  JoinToken token;
  std::size_t next = 2;
  if (parts[1] == "2") {
    if (parts.size() != 5 || (parts[2] != "0" && parts[2] != "1")) return invalid;
    token.fips = parts[2] == "1";
    next = 3;
  } else if (parts[1] != "1" || parts.size() != 4) {
    return invalid;
  }
  if (parts[next].size() != kDigestWidth || parts[next + 1].size() != kSecretWidth) return invalid;
  const auto digest = FromBase36(parts[next], 32);
  if (!digest) return invalid;
  token.digest = HexDigest(*digest);
  token.secret = parts[next + 1];
  return token;
}

std::string FormatUnlockKey(std::string_view key) {
  std::string text = EncodeBase64(key);
  while (text.ends_with('=')) text.pop_back();
  return std::string(kUnlockPrefix) + text;
}

Result<std::string> ParseUnlockKey(std::string_view text) {
  const Status invalid(Code::kInvalidArgument,
                       "invalid key string\nAn unlock key is SWMKEY-1- followed by 43 characters");
  if (!text.starts_with(kUnlockPrefix)) return invalid;
  std::string body(text.substr(kUnlockPrefix.size()));
  if (body.find_first_of("= \t\r\n") != std::string::npos) return invalid;
  while (body.size() % 4 != 0) body += '=';
  auto key = DecodeBase64(body);
  if (!key.ok()) return invalid;
  return key;
}

bool EqualSecrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace swarm::pki
