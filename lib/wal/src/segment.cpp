#include "wal/segment.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace swarm::wal {
namespace {

constexpr std::size_t kNumberSize = 16;
constexpr std::string_view kSuffix = ".wal";
constexpr std::size_t kReadSize = 256 << 10;
// Larger than any record that is ever written; a length word beyond it is damaged.
constexpr std::uint64_t kMaxFrame = 64 << 20;

std::string Hex(std::uint64_t number) {
  std::string digits(kNumberSize, '0');
  char text[kNumberSize];
  const auto [end, error] = std::to_chars(text, text + kNumberSize, number, 16);
  const auto size = static_cast<std::size_t>(end - text);
  digits.replace(kNumberSize - size, size, text, size);
  return digits;
}

std::optional<std::uint64_t> ParseHex(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string SegmentName::ToString() const {
  return Hex(sequence) + "-" + Hex(first.value()) + std::string(kSuffix);
}

std::optional<SegmentName> SegmentName::Parse(std::string_view name) {
  if (name.size() != 2 * kNumberSize + 1 + kSuffix.size() || !name.ends_with(kSuffix) ||
      name[kNumberSize] != '-') {
    return std::nullopt;
  }
  const std::optional<std::uint64_t> sequence = ParseHex(name.substr(0, kNumberSize));
  const std::optional<std::uint64_t> first = ParseHex(name.substr(kNumberSize + 1, kNumberSize));
  if (!sequence || !first) return std::nullopt;
  return SegmentName{*sequence, Index(*first)};
}

Result<std::vector<SegmentName>> ListSegments(FileSystem& files, std::string_view directory) {
  SWARM_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  std::vector<SegmentName> segments;
  for (const std::string& name : names) {
    if (const std::optional<SegmentName> segment = SegmentName::Parse(name)) {
      segments.push_back(*segment);
    }
  }
  std::sort(segments.begin(), segments.end(),
            [](const SegmentName& a, const SegmentName& b) { return a.sequence < b.sequence; });
  return segments;
}

Result<std::vector<SegmentName>> SegmentsAfter(FileSystem& files, std::string_view directory,
                                               Index index) {
  SWARM_ASSIGN_OR_RETURN(std::vector<SegmentName> segments, ListSegments(files, directory));
  const std::string log = "log in " + std::string(directory) + ": ";
  std::size_t start = segments.size();
  while (start > 0 && segments[start - 1].first > index) --start;
  if (start == 0) {
    return Status(Code::kDataLoss,
                  log + (segments.empty() ? "it has no files"
                                          : "it begins at " + segments[0].ToString() +
                                                ", after index " + std::to_string(index.value()) +
                                                " of the newest usable snapshot"));
  }
  segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(start - 1));
  for (std::size_t i = 1; i < segments.size(); ++i) {
    if (segments[i].sequence == segments[i - 1].sequence + 1) continue;
    return Status(Code::kDataLoss, log + segments[i].ToString() + " follows " +
                                       segments[i - 1].ToString() + ", files between are missing");
  }
  return segments;
}

Status RemoveSegments(FileSystem& files, std::string_view directory, Index index) {
  SWARM_ASSIGN_OR_RETURN(const std::vector<SegmentName> segments, ListSegments(files, directory));
  if (segments.empty()) return Status::Ok();
  // The one before the first that begins at or after `index` may hold it; without such a one, all
  // but the newest are older.
  std::size_t keep = 0;
  while (keep < segments.size() && segments[keep].first < index) ++keep;
  keep = keep == segments.size() ? segments.size() - 1 : keep - std::min<std::size_t>(keep, 1);
  for (std::size_t i = 0; i < keep; ++i) {
    const std::string path = std::string(directory) + "/" + segments[i].ToString();
    const Result<std::unique_ptr<File>> lock =
        files.Open(path, {.mode = OpenMode::kWrite, .lock = true});
    if (!lock.ok() && lock.status().code() == Code::kFailedPrecondition) break;
    if (!lock.ok()) return lock.status();
    SWARM_RETURN_IF_ERROR(files.Remove(path));
  }
  return Status::Ok();
}

Result<std::string_view> SegmentReader::Peek(std::uint64_t size) {
  std::uint64_t have = buffer_start_ + buffer_.size() - offset_;
  if (have < size && !reached_end_) {
    buffer_.erase(0, offset_ - buffer_start_);
    buffer_start_ = offset_;
    while (have < size && !reached_end_) {
      const std::size_t wanted = std::max<std::uint64_t>(size - have, kReadSize);
      SWARM_ASSIGN_OR_RETURN(std::string more, file_.Read(buffer_start_ + have, wanted));
      reached_end_ = more.size() < wanted;
      have += more.size();
      buffer_ = buffer_.empty() ? std::move(more) : buffer_ + more;
    }
  }
  return std::string_view(buffer_).substr(offset_ - buffer_start_);
}

Result<std::optional<Record>> SegmentReader::Next(std::uint32_t& crc) {
  SWARM_ASSIGN_OR_RETURN(std::string_view bytes, Peek(8));
  Parsed parsed = ParseRecord(bytes);
  if (parsed.outcome == ParseOutcome::kIncomplete && parsed.frame_size <= kMaxFrame) {
    SWARM_ASSIGN_OR_RETURN(bytes, Peek(parsed.frame_size));
    parsed = ParseRecord(bytes);
  }
  switch (parsed.outcome) {
    case ParseOutcome::kEnd:
      return std::optional<Record>();
    case ParseOutcome::kIncomplete:
      return Bad(parsed.frame_size, "the file ends inside the record");
    case ParseOutcome::kBad:
      return Bad(parsed.frame_size, parsed.reason);
    case ParseOutcome::kRecord:
      break;
  }
  const std::uint32_t before = crc;
  if (!CheckCrc(parsed.record, crc)) {
    crc = before;
    return Bad(parsed.frame_size, "wrong checksum");
  }
  offset_ += parsed.frame_size;
  return std::optional<Record>(parsed.record);
}

Status SegmentReader::Bad(std::uint64_t frame_size, std::string_view reason) {
  if (last_) {
    SWARM_ASSIGN_OR_RETURN(std::string_view bytes, Peek(std::min(frame_size, kMaxFrame)));
    const std::string frame(bytes.substr(0, frame_size));
    SWARM_ASSIGN_OR_RETURN(const bool zeros, OnlyZerosFrom(offset_ + frame.size()));
    torn_ = LooksTorn(frame, offset_, zeros);
  }
  return Status(Code::kDataLoss, "log file " + path_ + ": record at offset " +
                                     std::to_string(offset_) + ": " + std::string(reason));
}

Result<bool> SegmentReader::OnlyZerosFrom(std::uint64_t offset) {
  while (true) {
    SWARM_ASSIGN_OR_RETURN(const std::string bytes, file_.Read(offset, kReadSize));
    if (bytes.find_first_not_of('\0') != std::string::npos) return false;
    if (bytes.size() < kReadSize) return true;
    offset += bytes.size();
  }
}

}  // namespace swarm::wal
