// What Go's strconv reads.
#include <limits>

#include "flags.h"
#include "gotext/gotext.h"

namespace swarm::ctl {
namespace {

Status NumberError(std::string_view function, std::string_view text, std::string_view what) {
  return {Code::kInvalidArgument, "strconv." + std::string(function) + ": parsing " +
                                      gotext::Quote(text) + ": " + std::string(what)};
}

int TakeBase(std::string_view& digits, int base) {
  if (base != 0) return base;
  if (digits.size() > 2 && digits[0] == '0') {
    const char mark = static_cast<char>(digits[1] | 0x20);
    const int found = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (found != 0) {
      digits.remove_prefix(2);
      return found;
    }
  }
  return digits.size() > 1 && digits[0] == '0' ? 8 : 10;
}

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 36;
}

Result<std::uint64_t> Magnitude(std::string_view function, std::string_view whole,
                                std::string_view digits, int base, std::uint64_t most) {
  base = TakeBase(digits, base);
  if (digits.empty()) return NumberError(function, whole, "invalid syntax");
  std::uint64_t value = 0;
  bool over = false;
  for (const char c : digits) {
    const int digit = DigitValue(c);
    if (digit >= base) return NumberError(function, whole, "invalid syntax");
    over = over || __builtin_mul_overflow(value, static_cast<std::uint64_t>(base), &value) ||
           __builtin_add_overflow(value, static_cast<std::uint64_t>(digit), &value);
  }
  if (over || value > most) return NumberError(function, whole, "value out of range");
  return value;
}

}  // namespace

Result<std::uint64_t> ParseUint(std::string_view text, int base, int bits) {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max() >> (64 - bits);
  return Magnitude("ParseUint", text, text, base, most);
}

Result<std::int64_t> ParseInt(std::string_view text, int base, int bits) {
  const bool negative = text.starts_with('-');
  const bool sign = negative || text.starts_with('+');
  const std::uint64_t limit = std::uint64_t{1} << (bits - 1);
  SWARM_ASSIGN_OR_RETURN(
      const std::uint64_t value,
      Magnitude("ParseInt", text, text.substr(sign ? 1 : 0), base, negative ? limit : limit - 1));
  return static_cast<std::int64_t>(negative ? ~value + 1 : value);
}

}  // namespace swarm::ctl
