#include "log_lines.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace swarm::executor_docker {
namespace {

// A terminal may write for ever without a newline.
constexpr std::size_t kLongestLine = 64 << 10;

std::optional<unsigned> Digits(std::string_view text, std::size_t at, std::size_t count) {
  unsigned value = 0;
  if (at + count > text.size()) return {};
  const char* first = text.data() + at;
  const auto [end, error] = std::from_chars(first, first + count, value);
  if (error != std::errc() || end != first + count) return {};
  return value;
}

}  // namespace

std::optional<std::int64_t> ParseTimestamp(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() <= kForm.size() || text.back() != 'Z') return {};
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != '0' && kForm[i] != text[i]) return {};
  }
  const auto year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  const auto hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return {};
  std::int64_t nanos = 0;
  text.remove_suffix(1);
  if (std::string_view fraction = text.substr(kForm.size()); !fraction.empty()) {
    fraction.remove_prefix(1);
    const auto value = Digits(fraction, 0, fraction.size());
    if (!value || fraction.size() > 9) return {};
    nanos = *value;
    for (std::size_t i = fraction.size(); i < 9; ++i) nanos *= 10;
  }
  // What fits into 64 bits of nanoseconds.
  if (*year < 1970 || *year > 2261) return {};
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return {};
  const auto time = std::chrono::sys_days(date) + std::chrono::hours(*hour) +
                    std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  return std::chrono::nanoseconds(time.time_since_epoch()).count() + nanos;
}

void LogLines::Emit(std::string_view text, bool standard_error) {
  LogLine line;
  const auto blank = text.find(' ');
  if (const auto time = ParseTimestamp(text.substr(0, blank)); time && blank != text.npos) {
    last_ = std::max(last_, *time);
    text.remove_prefix(blank + 1);
  }
  line.unix_nanos = last_;
  line.standard_error = standard_error;
  line.data = text;
  line_(std::move(line));
}

void LogLines::Add(const engine::Frame& frame) {
  if (frame.stream == engine::Frame::kEngineError) {
    error_.assign(frame.data.substr(0, frame.data.find('\n')));
    return;
  }
  if (!terminal_) return Emit(frame.data, frame.stream == engine::Frame::kStderr);
  rest_.append(frame.data);
  for (auto end = rest_.find('\n'); end != rest_.npos; end = rest_.find('\n')) {
    Emit(std::string_view(rest_).substr(0, end + 1), false);
    rest_.erase(0, end + 1);
  }
  if (rest_.size() > kLongestLine) Finish();
}

void LogLines::Finish() {
  if (rest_.empty()) return;
  Emit(rest_, false);
  rest_.clear();
}

}  // namespace swarm::executor_docker
