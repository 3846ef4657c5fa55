#include "log_records.h"

#include <time.h>

#include <algorithm>
#include <charconv>

namespace swarm::executor_process {
namespace {

constexpr std::uint64_t kBlock = 64 * 1024;

// "2026-01-31T12:00:00.000000001Z"; always of this length.
std::optional<std::int64_t> ParseTime(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
  if (text.size() != kShape.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !digit : text[i] != kShape[i]) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    int out = 0;
    std::from_chars(text.data() + at, text.data() + at + size, out);
    return out;
  };
  tm parts{};
  parts.tm_year = number(0, 4) - 1900;
  parts.tm_mon = number(5, 2) - 1;
  parts.tm_mday = number(8, 2);
  parts.tm_hour = number(11, 2);
  parts.tm_min = number(14, 2);
  parts.tm_sec = number(17, 2);
  return timegm(&parts) * std::int64_t{1'000'000'000} + number(20, 9);
}

}  // namespace

std::optional<LogLine> ParseLogRecord(std::string_view record) {
  constexpr std::size_t kTime = 30;
  constexpr std::string_view kNames[] = {" stdout ", " stderr "};
  LogLine out;
  const auto time = ParseTime(record.substr(0, kTime));
  if (!time) return std::nullopt;
  out.unix_nanos = *time;
  record.remove_prefix(kTime);
  out.standard_error = record.starts_with(kNames[1]);
  if (!out.standard_error && !record.starts_with(kNames[0])) return std::nullopt;
  record.remove_prefix(kNames[0].size());
  const bool whole = record.starts_with("F ");
  if (!whole && !record.starts_with("P ")) return std::nullopt;
  out.data = record.substr(2);
  if (whole) out.data += '\n';
  return out;
}

std::vector<std::uint64_t> ListLogFiles(FileSystem& files, const std::string& folder) {
  std::vector<std::uint64_t> out;
  const auto names = files.List(folder);
  if (!names.ok()) return out;
  for (const std::string& name : *names) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) out.push_back(number);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string LogFilePath(const std::string& folder, std::uint64_t number) {
  return folder + "/" + std::to_string(number);
}

LogPosition FindTail(FileSystem& files, const std::string& folder,
                     const std::vector<std::uint64_t>& numbers, std::uint64_t count) {
  // A record begins after each newline but the last of all.
  std::uint64_t newlines = 0;
  for (std::size_t i = numbers.size(); i-- > 0;) {
    const auto file = files.Open(LogFilePath(folder, numbers[i]), {});
    if (!file.ok()) continue;
    const auto size = (*file)->Size();
    for (std::uint64_t end = size.ok() ? *size : 0; end > 0;) {
      const std::uint64_t begin = end > kBlock ? end - kBlock : 0;
      const auto block = (*file)->Read(begin, end - begin);
      if (!block.ok()) break;
      for (std::size_t at = block->size(); at-- > 0;) {
        if ((*block)[at] == '\n' && newlines++ == count) return {numbers[i], begin + at + 1};
      }
      end = begin;
    }
  }
  return {numbers.empty() ? 0 : numbers.front(), 0};
}

}  // namespace swarm::executor_process
