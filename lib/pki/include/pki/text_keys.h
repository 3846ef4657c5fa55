// Secrets that people copy: join tokens and the unlock key.
#pragma once

#include <string>
#include <string_view>

#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::pki {

struct JoinToken {
  bool fips = false;   // the cluster mandates FIPS 140
  std::string digest;  // "sha256:<64 hex>" of the root bundle
  std::string secret;  // as written
};

// "SWMTKN-1-<digest>-<secret>", and "SWMTKN-2-1-..." for a FIPS cluster.
std::string MakeJoinToken(std::string_view roots_pem, Random& random, bool fips = false);
// The same with a given secret of 16 bytes.
std::string MakeJoinToken(std::string_view roots_pem, std::string_view secret, bool fips = false);
// InvalidArgument "invalid join token".
Result<JoinToken> ParseJoinToken(std::string_view text);

// "sha256:<64 hex>" of the text.
std::string Sha256Digest(std::string_view text);

// "SWMKEY-1-" and base64 without padding; of an empty key, the prefix alone.
std::string FormatUnlockKey(std::string_view key);
// InvalidArgument "invalid human-readable unlock key".
Result<std::string> ParseUnlockKey(std::string_view text);

// Same time for equal and different texts of a length.
bool EqualSecrets(std::string_view a, std::string_view b);

}  // namespace swarm::pki
