#include <charconv>
#include <cmath>
#include <cstdint>

#include "gotext/gotext.h"

namespace swarm::gotext {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

// Length of the UTF-8 sequence at the start of `text`, 0 when it is none.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool bad =
      length > 1 && ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) >= 0xa0) ||
                     (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) >= 0x90));
  return bad ? 0 : length;
}

void AppendByte(unsigned char byte, std::string& out) {
  out += "\\x";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

void AppendAscii(char c, std::string& out) {
  constexpr std::string_view kNamed = "\a\b\f\n\r\t\v";
  constexpr std::string_view kNames = "abfnrtv";
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (const auto at = kNamed.find(c); at != std::string_view::npos) {
    out += '\\';
    out += kNames[at];
  } else if (c < ' ' || c == '\x7f') {
    AppendByte(static_cast<unsigned char>(c), out);
  } else {
    out += c;
  }
}

}  // namespace

std::string Quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    if (length == 0) {
      AppendByte(static_cast<unsigned char>(text.front()), out);
      text.remove_prefix(1);
    } else if (length == 1) {
      AppendAscii(text.front(), out);
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out + '"';
}

std::string ShortestFloat(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char digits[40];
  // The exponent decides the form; the C library knows another rule.
  const auto end =
      std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific);
  const std::string_view scientific(digits, static_cast<std::size_t>(end.ptr - digits));
  const auto e = scientific.find('e');
  int exponent = 0;
  const char* from = scientific.data() + e + 1 + (scientific[e + 1] == '+' ? 1 : 0);
  std::from_chars(from, end.ptr, exponent);
  if (exponent < -4 || exponent >= 6) return std::string(scientific);
  char fixed[64];
  const auto done = std::to_chars(fixed, fixed + sizeof fixed, value, std::chars_format::fixed);
  return std::string(fixed, done.ptr);
}

}  // namespace swarm::gotext
