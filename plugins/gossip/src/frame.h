// Encrypted messages of a gossip cluster, as they travel over TCP.
// Protocol: type 10, length, then version 1, nonce, AES-128-GCM, tag; the first five bytes are
// authenticated with it. What is inside may be compressed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/status.h"

namespace swarm::gossip {

inline constexpr std::size_t kHeaderBytes = 5;
// More than any member sends.
inline constexpr std::size_t kLargestMessage = 20u << 20;

using Nonce = std::array<unsigned char, 12>;

// Version, nonce, ciphertext and tag. `key` has 16 bytes.
Result<std::string> Encrypt(std::string_view plain, std::string_view key, const Nonce& nonce,
                            std::string_view authenticated);
// With whichever of the keys fits. Unauthenticated when none does.
Result<std::string> Decrypt(std::string_view blob, const std::vector<std::string>& keys,
                            std::string_view authenticated);

// A whole TCP message.
Result<std::string> Seal(std::string_view plain, std::string_view key, const Nonce& nonce);
// How long a TCP message is that begins so; nothing when that cannot be told yet. An error when it
// is not encrypted or too long.
Result<std::optional<std::size_t>> FrameSize(std::string_view begin);
// The message inside, expanded if it was compressed.
Result<std::string> OpenFrame(std::string_view frame, const std::vector<std::string>& keys);

}  // namespace swarm::gossip
