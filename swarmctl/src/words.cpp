#include "words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "gotext/gotext.h"

namespace swarm::ctl {
namespace {

using namespace std::chrono_literals;

constexpr auto kDay = 24h;
constexpr auto kWeek = 7 * kDay;
constexpr auto kMonth = 30 * kDay;
constexpr auto kYear = 12 * kMonth;

struct Step {
  Duration below;
  const char* text;  // "%" stands for the number of units
  Duration unit;
};

constexpr Step kSteps[] = {
    {1s, "now", 1s},
    {2s, "1 second", 1s},
    {1min, "% seconds", 1s},
    {2min, "1 minute", 1s},
    {1h, "% minutes", 1min},
    {2h, "1 hour", 1h},
    {kDay, "% hours", 1h},
    {2 * kDay, "1 day", 1h},
    {kWeek, "% days", kDay},
    {2 * kWeek, "1 week", 1h},
    {kMonth, "% weeks", kWeek},
    {2 * kMonth, "1 month", 1h},
    {kYear, "% months", kMonth},
    {18 * kMonth, "1 year", 1h},
    {2 * kYear, "2 years", 1h},
    {37 * kYear, "% years", kYear},
};

// Of edits between two words.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string RelativeTime(WallTime then, WallTime now) {
  const bool past = then <= now;
  const Duration distance = past ? now - then : then - now;
  const std::string tail = past ? " ago" : " from now";
  for (const Step& step : kSteps) {
    if (distance >= step.below) continue;
    std::string text = step.text;
    if (text == "now") return text;
    if (text[0] == '%') text = std::to_string(distance / step.unit) + text.substr(1);
    return text + tail;
  }
  return past ? "a long while ago" : "a long while from now";
}

WallTime ToWallTime(const google::protobuf::Timestamp& time) {
  return WallTime(std::chrono::seconds(time.seconds()) + std::chrono::nanoseconds(time.nanos()));
}

std::string RelativeTime(const google::protobuf::Timestamp& then, WallTime now) {
  return RelativeTime(ToWallTime(then), now);
}

std::string AbsoluteTime(const google::protobuf::Timestamp& time) {
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string out = text;
  if (time.nanos() != 0) {
    char decimals[16];
    std::snprintf(decimals, sizeof decimals, ".%09d", time.nanos());
    out += decimals;
    out.erase(out.find_last_not_of('0') + 1);
  }
  return out + "Z";
}

std::string IecBytes(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 10) return std::to_string(bytes) + " B";
  std::size_t unit = 0;
  double scale = 1;
  for (; unit + 1 < kUnits.size() && static_cast<double>(bytes) >= scale * 1024; ++unit) {
    scale *= 1024;
  }
  const double value = std::floor(static_cast<double>(bytes) / scale * 10 + 0.5) / 10;
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.1f" : "%.0f", value);
  return std::string(text) + " " + kUnits[unit];
}

std::string DurationText(const google::protobuf::Duration& d) {
  return gotext::FormatDuration(std::chrono::seconds(d.seconds()) +
                                std::chrono::nanoseconds(d.nanos()));
}

void SetDuration(Duration duration, google::protobuf::Duration* out) {
  out->set_seconds(duration / 1s);
  out->set_nanos(static_cast<std::int32_t>((duration % 1s).count()));
}

std::string Join(const std::vector<std::string>& parts, const std::string& separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : separator) + parts[i];
  return out;
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string Trim(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);
}

std::vector<std::string> NearWords(std::string_view text, const std::vector<std::string>& known) {
  constexpr std::size_t kNear = 2;
  constexpr std::size_t kLeastStart = 3;
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& word : known) {
    const std::size_t distance = Distance(text, word);
    const bool start = text.size() >= kLeastStart && word.starts_with(text);
    if ((distance <= kNear && distance < text.size()) || start) near.emplace_back(distance, word);
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (auto& [distance, word] : near) out.push_back(std::move(word));
  return out;
}

}  // namespace swarm::ctl
