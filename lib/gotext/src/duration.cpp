#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "gotext/gotext.h"

namespace swarm::gotext {
namespace {

constexpr std::uint64_t kMicro = 1'000;
constexpr std::uint64_t kMilli = 1'000'000;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kLimit = std::uint64_t{1} << 63;

// `value` in units of `unit`, with as many decimals as it needs.
std::string Decimal(std::uint64_t value, std::uint64_t unit) {
  std::string out = std::to_string(value / unit);
  std::uint64_t rest = value % unit;
  if (rest == 0) return out;
  out += '.';
  for (std::uint64_t digit = unit / 10; rest != 0; digit /= 10) {
    out += static_cast<char>('0' + rest / digit);
    rest %= digit;
  }
  return out;
}

Status Invalid(std::string_view what, std::string_view text) {
  return {Code::kInvalidArgument, "time: " + std::string(what) + " " + Quote(text)};
}

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};
constexpr Unit kUnits[] = {
    {"ns", 1},      {"us", kMicro}, {"\xc2\xb5s", kMicro}, {"\xce\xbcs", kMicro},
    {"ms", kMilli}, {"s", kSecond}, {"m", kMinute},        {"h", kHour}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes the leading digits; false when they do not fit.
bool TakeNumber(std::string_view& text, std::uint64_t& value, bool& any) {
  value = 0;
  while (!text.empty() && IsDigit(text.front())) {
    any = true;
    if (value > kLimit / 10) return false;
    value = value * 10 + static_cast<std::uint64_t>(text.front() - '0');
    if (value > kLimit) return false;
    text.remove_prefix(1);
  }
  return true;
}

// What lies behind the point, as a part of 1; digits beyond what counts are dropped.
double TakeFraction(std::string_view& text, bool& any) {
  double value = 0;
  double scale = 1;
  while (!text.empty() && IsDigit(text.front())) {
    any = true;
    scale /= 10;
    value += scale * (text.front() - '0');
    text.remove_prefix(1);
  }
  return value;
}

// One number with its unit.
Result<std::uint64_t> TakeTerm(std::string_view& rest, std::string_view whole) {
  std::uint64_t number = 0;
  bool digits = false;
  if (!TakeNumber(rest, number, digits)) return Invalid("invalid duration", whole);
  double fraction = 0;
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    fraction = TakeFraction(rest, digits);
  }
  if (!digits) return Invalid("invalid duration", whole);
  std::size_t length = 0;
  while (length < rest.size() && rest[length] != '.' && !IsDigit(rest[length])) ++length;
  if (length == 0) return Invalid("missing unit in duration", whole);
  const std::string_view name = rest.substr(0, length);
  rest.remove_prefix(length);
  for (const Unit& unit : kUnits) {
    if (unit.name != name) continue;
    if (number > kLimit / unit.nanoseconds) return Invalid("invalid duration", whole);
    // Half a nanosecond hides that decimal fractions are not exact.
    const double part = fraction * static_cast<double>(unit.nanoseconds) + 1e-4;
    return number * unit.nanoseconds + static_cast<std::uint64_t>(part);
  }
  return Status(Code::kInvalidArgument,
                "time: unknown unit " + Quote(name) + " in duration " + Quote(whole));
}

}  // namespace

std::string FormatDuration(Duration duration) {
  const std::int64_t count = duration.count();
  if (count == 0) return "0s";
  const bool negative = count < 0;
  const auto value =
      negative ? ~static_cast<std::uint64_t>(count) + 1 : static_cast<std::uint64_t>(count);
  std::string out = negative ? "-" : "";
  if (value < kMicro) return out + std::to_string(value) + "ns";
  if (value < kMilli) return out + Decimal(value, kMicro) + "\xc2\xb5s";
  if (value < kSecond) return out + Decimal(value, kMilli) + "ms";
  if (value >= kHour) out += std::to_string(value / kHour) + "h";
  if (value >= kMinute) out += std::to_string(value % kHour / kMinute) + "m";
  return out + Decimal(value % kMinute, kSecond) + "s";
}

Result<Duration> ParseDuration(std::string_view text) {
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
    negative = rest.front() == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return Duration(0);
  if (rest.empty()) return Invalid("invalid duration", text);
  std::uint64_t total = 0;
  while (!rest.empty()) {
    SWARM_ASSIGN_OR_RETURN(const std::uint64_t term, TakeTerm(rest, text));
    total += term;
    if (term > kLimit || total > kLimit) return Invalid("invalid duration", text);
  }
  if (negative) return Duration(static_cast<std::int64_t>(~total + 1));
  if (total >= kLimit) return Invalid("invalid duration", text);
  return Duration(static_cast<std::int64_t>(total));
}

}  // namespace swarm::gotext
