// How gRPC lies on HTTP/2: messages in the data, timeouts and statuses in the headers.
// Source: gRPC over HTTP/2, PROTOCOL-HTTP2.md of the gRPC project.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "swarm/export.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::http2 {

// What comes before each message: a byte of flags and the size.
inline constexpr std::size_t kPrefixBytes = 5;
SWARM_EXPORT std::array<char, kPrefixBytes> Prefix(std::size_t message_bytes);

// The value of grpc-timeout, "200m"; nothing when it is malformed.
SWARM_EXPORT std::optional<Duration> ParseTimeout(std::string_view text);

// The value of grpc-message, cut where peers' limits for headers would make the status unreadable.
SWARM_EXPORT std::string EncodeMessage(std::string_view text);

// Cuts messages out of the data of a stream.
class SWARM_EXPORT MessageReader {
 public:
  explicit MessageReader(std::size_t max_message_bytes) : max_(max_message_bytes) {}
  // Appends the messages that are complete now. Unimplemented for a compressed message,
  // ResourceExhausted for one over the limit; nothing can be read after either.
  Status Feed(std::span<const char> data, std::deque<std::string>& messages);
  // Of the message under way.
  std::size_t buffered() const { return message_.size(); }

 private:
  Status ReadPrefix();

  const std::size_t max_;
  std::array<unsigned char, kPrefixBytes> prefix_{};
  std::size_t prefix_bytes_ = 0;
  std::size_t expected_ = 0;  // of the message, once the prefix is complete
  std::string message_;
};

}  // namespace swarm::http2
