#include "pki/pem.h"

#include <algorithm>
#include <array>
#include <optional>

namespace swarm::pki {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kDashes = "-----";
constexpr std::string_view kSpace = " \t\r\n";

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return line;
}

// The next block at a line's start, or nothing; `text` moves behind it.
std::optional<PemBlock> TakeBlock(std::string_view& text) {
  while (!text.empty()) {
    const std::string_view line = Trim(TakeLine(text));
    if (!line.starts_with(kBegin) || !line.ends_with(kDashes) ||
        line.size() < kBegin.size() + kDashes.size()) {
      continue;
    }
    PemBlock block;
    block.type = line.substr(kBegin.size(), line.size() - kBegin.size() - kDashes.size());
    std::string_view rest = text;
    while (!rest.empty()) {  // headers end where a line has no colon
      std::string_view after = rest;
      const std::string_view header = TakeLine(after);
      const std::size_t colon = header.find(':');
      if (colon == std::string_view::npos) break;
      block.headers.emplace(Trim(header.substr(0, colon)), Trim(header.substr(colon + 1)));
      rest = after;
    }
    const std::string end = "-----END " + block.type + "-----";
    const std::size_t stop = rest.find(end);
    if (stop == std::string_view::npos) continue;
    auto bytes = DecodeBase64(rest.substr(0, stop));
    if (!bytes.ok()) continue;
    block.bytes = std::move(*bytes);
    text = rest.substr(stop + end.size());
    return block;
  }
  return std::nullopt;
}

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += i + k <= bytes.size() ? kAlphabet[group >> (18U - 6U * k) & 63U] : '=';
    }
  }
  return out;
}

Result<std::string> DecodeBase64(std::string_view text) {
  std::string out;
  std::uint32_t group = 0;
  unsigned bits = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (kSpace.find(c) != std::string_view::npos) continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos || padding > 0) {
      return Status(Code::kInvalidArgument, "not base64");
    }
    ++digits;
    group = group << 6U | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(group >> bits & 255U);
  }
  if ((digits + padding) % 4 != 0 || padding > 2 || (group & ((1U << bits) - 1U)) != 0) {
    return Status(Code::kInvalidArgument, "not base64");
  }
  return out;
}

std::string EncodePem(const PemBlock& block) {
  std::string out = "-----BEGIN " + block.type + "-----\n";
  if (const auto type = block.headers.find("Proc-Type"); type != block.headers.end()) {
    out += "Proc-Type: " + type->second + "\n";
  }
  for (const auto& [name, value] : block.headers) {
    if (name != "Proc-Type") out += name + ": " + value + "\n";
  }
  if (!block.headers.empty()) out += "\n";
  const std::string body = EncodeBase64(block.bytes);
  for (std::size_t i = 0; i < body.size(); i += 64) out += body.substr(i, 64) + "\n";
  return out + "-----END " + block.type + "-----\n";
}

PemText DecodePem(std::string_view text) {
  PemText out;
  std::string_view rest = text;
  std::string_view after = text;
  while (auto block = TakeBlock(rest)) {
    out.blocks.push_back(std::move(*block));
    after = rest;
  }
  out.garbage_after = !Trim(after).empty();
  return out;
}

}  // namespace swarm::pki
