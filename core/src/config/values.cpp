#include "config/values.h"

#include <array>
#include <charconv>
#include <limits>

namespace swarm::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t size;
};

constexpr std::array<Unit, 6> kDurations = {{{"h", 3'600'000'000'000},
                                             {"m", 60'000'000'000},
                                             {"s", 1'000'000'000},
                                             {"ms", 1'000'000},
                                             {"us", 1'000},
                                             {"ns", 1}}};
constexpr std::array<Unit, 10> kBytes = {{{"TiB", std::int64_t{1} << 40},
                                          {"GiB", std::int64_t{1} << 30},
                                          {"MiB", std::int64_t{1} << 20},
                                          {"KiB", std::int64_t{1} << 10},
                                          {"TB", 1'000'000'000'000},
                                          {"GB", 1'000'000'000},
                                          {"MB", 1'000'000},
                                          {"kB", 1'000},
                                          {"KB", 1'000},
                                          {"B", 1}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes digits from the front of `text` as a number; nothing when it is too large.
std::optional<std::int64_t> TakeDigits(std::string_view& text) {
  std::int64_t value = 0;
  for (; !text.empty() && IsDigit(text.front()); text.remove_prefix(1)) {
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, text.front() - '0', &value))
      return std::nullopt;
  }
  return value;
}

// Takes "12", "1.5" or ".5" and a unit from the front of `text`; nothing when they are not there
// or the product is too large. A fraction has at most 6 digits, so that its product fits.
template <std::size_t N>
std::optional<std::int64_t> TakeQuantity(std::string_view& text, const std::array<Unit, N>& units) {
  std::size_t digits = text.size();
  const auto whole = TakeDigits(text);
  std::int64_t fraction = 0;
  std::int64_t scale = 1;
  if (text.starts_with(".")) {
    text.remove_prefix(1);
    --digits;
    std::string_view rest = text;
    const auto value = TakeDigits(rest);
    if (!value || text.size() - rest.size() > 6) return std::nullopt;
    for (std::size_t i = text.size() - rest.size(); i > 0; --i) scale *= 10;
    fraction = *value;
    text = rest;
  }
  if (!whole || text.size() == digits) return std::nullopt;
  std::size_t length = 0;
  while (length < text.size() && !IsDigit(text[length]) && text[length] != '.') ++length;
  for (const Unit& unit : units) {
    if (text.substr(0, length) != unit.name) continue;
    text.remove_prefix(length);
    std::int64_t value = 0;
    if (__builtin_mul_overflow(*whole, unit.size, &value) ||
        __builtin_add_overflow(value, fraction * unit.size / scale, &value))
      return std::nullopt;
    return value;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string Format(std::int64_t value, const std::array<Unit, N>& units, std::string_view zero) {
  if (value == 0) return std::string(zero);
  for (const Unit& unit : units) {
    if (value % unit.size == 0) return std::to_string(value / unit.size) + std::string(unit.name);
  }
  return std::to_string(value);
}

}  // namespace

std::optional<Duration> ParseDuration(std::string_view text) {
  if (text == "0") return Duration(0);
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    const auto part = TakeQuantity(text, kDurations);
    if (!part || *part > std::numeric_limits<std::int64_t>::max() - total) return std::nullopt;
    total += *part;
  }
  return Duration(total);
}

std::optional<std::int64_t> ParseBytes(std::string_view text) {
  if (const auto plain = ParseInteger(text)) return *plain < 0 ? std::nullopt : plain;
  const auto value = TakeQuantity(text, kBytes);
  return text.empty() ? value : std::nullopt;
}

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  if (text.starts_with("+")) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::string FormatDuration(Duration value) { return Format(value.count(), kDurations, "0s"); }

std::string FormatBytes(std::int64_t value) {
  static constexpr std::array<Unit, 5> kUnits = {
      {kBytes[0], kBytes[1], kBytes[2], kBytes[3], kBytes[9]}};
  return Format(value, kUnits, "0");
}

}  // namespace swarm::config
