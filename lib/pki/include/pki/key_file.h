// The node's key file: one private key, encrypted when the cluster is locked, and headers that
// carry the keys of the consensus log.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "pki/private_key.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::pki {

inline constexpr std::string_view kKekVersionHeader = "kek-version";
inline constexpr std::string_view kRaftDekHeader = "raft-dek";
inline constexpr std::string_view kRaftDekPendingHeader = "raft-dek-pending";
inline constexpr std::string_view kRaftDekNeedsRotationHeader = "raft-dek-needs-rotation";

// What a node without the right unlock key says.
inline constexpr std::string_view kLockedText = "node is locked, and needs a valid unlock key";

struct KeyFile {
  PrivateKey key;
  std::map<std::string, std::string> headers;
  bool encrypted = false;  // on disk

  // `kek`: raw key-encryption key, empty: none. Unauthenticated with kLockedText when the key is
  // encrypted and `kek` does not open it; InvalidArgument when it is no key file.
  static Result<KeyFile> Parse(std::string_view pem, std::string_view kek);
  // "kek-version", 0 when absent or no number.
  std::uint64_t KekVersion() const;
  // Encrypted when `kek` is not empty; "kek-version" is always written.
  Result<std::string> Format(std::string_view kek, Random& random) const;
};

// PKCS#8 with PBES2: PBKDF2 with HMAC-SHA1 and 2048 rounds, AES-256-CBC; the only form that every
// peer opens. `salt` has 8 bytes, `iv` 16.
Result<std::string> EncryptPkcs8(const PrivateKey& key, std::string_view passphrase,
                                 std::string_view salt, std::string_view iv);
Result<PrivateKey> DecryptPkcs8(std::string_view der, std::string_view passphrase);

}  // namespace swarm::pki
