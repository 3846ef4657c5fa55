#include "http2/grpc_wire.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace swarm::http2 {
namespace {

// gRPC's own libraries refuse headers of more than 8 KiB in all.
constexpr std::size_t kMaxEncodedMessage = 6 << 10;
// A peer may announce more than it will ever send.
constexpr std::size_t kReserveAtMost = 64 << 10;
constexpr std::size_t kMaxTimeoutDigits = 8;

bool IsPlain(unsigned char c) { return c >= 0x20 && c <= 0x7e && c != '%'; }

std::optional<Duration> Unit(char unit) {
  using namespace std::chrono;
  switch (unit) {
    case 'H':
      return hours(1);
    case 'M':
      return minutes(1);
    case 'S':
      return seconds(1);
    case 'm':
      return milliseconds(1);
    case 'u':
      return microseconds(1);
    case 'n':
      return nanoseconds(1);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::array<char, kPrefixBytes> Prefix(std::size_t message_bytes) {
  return {'\0', static_cast<char>(message_bytes >> 24), static_cast<char>(message_bytes >> 16),
          static_cast<char>(message_bytes >> 8), static_cast<char>(message_bytes)};
}

std::optional<Duration> ParseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxTimeoutDigits + 1) return std::nullopt;
  const auto unit = Unit(text.back());
  text.remove_suffix(1);
  long long count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (!unit || error != std::errc() || end != text.data() + text.size() || count < 0) {
    return std::nullopt;
  }
  // Hours may be more than a duration holds, and more than anybody waits.
  constexpr auto kForever = std::chrono::hours(24 * 365);
  if (count > kForever / *unit) return kForever;
  return *unit * count;
}

std::string EncodeMessage(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t whole = 0;  // of `out`: up to the end of the last complete character
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool continues = (byte & 0xc0) == 0x80;
    if (!continues) whole = out.size();
    if (out.size() + 3 > kMaxEncodedMessage) {
      out.resize(whole);
      return out + "...";
    }
    if (IsPlain(byte)) {
      out += c;
      continue;
    }
    out += '%';
    out += "0123456789ABCDEF"[byte >> 4];
    out += "0123456789ABCDEF"[byte & 15];
  }
  return out;
}

Status MessageReader::Feed(std::span<const char> data, std::deque<std::string>& messages) {
  while (!data.empty()) {
    if (prefix_bytes_ < kPrefixBytes) {
      prefix_[prefix_bytes_++] = static_cast<unsigned char>(data.front());
      data = data.subspan(1);
      if (prefix_bytes_ < kPrefixBytes) continue;
      SWARM_RETURN_IF_ERROR(ReadPrefix());
    }
    const std::size_t take = std::min(expected_ - message_.size(), data.size());
    message_.append(data.data(), take);
    data = data.subspan(take);
    if (message_.size() < expected_) continue;
    messages.push_back(std::exchange(message_, std::string()));
    prefix_bytes_ = 0;
  }
  return Status::Ok();
}

Status MessageReader::ReadPrefix() {
  if (prefix_[0] != 0) {
    return {Code::kUnimplemented, "the message is compressed, which is not supported here"};
  }
  expected_ = std::size_t{prefix_[1]} << 24 | std::size_t{prefix_[2]} << 16 |
              std::size_t{prefix_[3]} << 8 | std::size_t{prefix_[4]};
  if (expected_ > max_) {
    return {Code::kResourceExhausted, "grpc: received message larger than max (" +
                                          std::to_string(expected_) + " vs. " +
                                          std::to_string(max_) + ")"};
  }
  message_.reserve(std::min(expected_, kReserveAtMost));
  return Status::Ok();
}

}  // namespace swarm::http2
