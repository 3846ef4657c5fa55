// Encryption of what lies on disk: a docker.swarmkit.v1.MaybeEncryptedRecord around each payload.
//
// Secretbox (XSalsa20-Poly1305) is what is normally written. Where FIPS 140 binds, Fernet
// (AES-128-CBC with HMAC-SHA256) is written, and nothing else is read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::wal {

enum class Scheme : std::uint8_t { kSecretbox, kFernet };

// 32 bytes; a shorter text is filled with zeros, a longer one cut.
using Key = std::array<unsigned char, 32>;
Key MakeKey(std::string_view text);

// Wraps payloads. Threading: one user at a time.
class Sealer {
 public:
  Sealer(std::string_view key, Scheme scheme, std::unique_ptr<Random> random, const Clock& clock);

  void UseKey(std::string_view key) { key_ = MakeKey(key); }

  // Size of the record around `size` bytes.
  std::size_t SealedSize(std::size_t size) const;
  // Appends the record around `head` followed by `tail`. Internal when the library fails.
  Status Seal(std::string& out, std::string_view head, std::string_view tail);

 private:
  void SealSecretbox(std::string& out, std::string_view head, std::string_view tail);
  Status SealFernet(std::string& out, std::string_view head, std::string_view tail);
  std::string_view NextNonce();

  static constexpr std::size_t kNonceSize = 24;
  // Drawn from the source many at a time: each draw is a system call.
  static constexpr std::size_t kNonceBatch = 64;

  Key key_;
  const Scheme scheme_;
  const std::unique_ptr<Random> random_;
  const Clock& clock_;
  std::array<std::byte, kNonceSize * kNonceBatch> nonces_;
  std::size_t next_nonce_ = kNonceBatch;
};

// Opens records with any of several keys. Threading: one user at a time.
class Unsealer {
 public:
  // `fips`: refuse everything but Fernet.
  Unsealer(const std::vector<std::string>& keys, bool fips);

  // The payload. Unauthenticated when no key fits; DataLoss when it is no such record.
  Result<std::string> Unseal(std::string_view record);

 private:
  std::vector<Key> keys_;  // the one that fitted last comes first
  bool fips_;
};

namespace fernet {

// The token of `text`, made at `unix_seconds` with this initialisation vector.
Result<std::string> Encode(const Key& key, std::string_view text, std::uint64_t unix_seconds,
                           const std::array<unsigned char, 16>& iv);
// Unauthenticated when the token is not one of this key.
Result<std::string> Decode(const Key& key, std::string_view token);
std::size_t TokenSize(std::size_t text_size);

}  // namespace fernet
}  // namespace swarm::wal
