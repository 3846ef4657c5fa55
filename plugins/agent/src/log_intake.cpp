#include "log_intake.h"

#include <utility>

namespace swarm::agent {
namespace {

// A manager takes 4 MiB in a message; longer lines travel in pieces.
constexpr std::size_t kPiece = 1 << 20;

std::size_t SizeOf(const LogLine& line) { return line.data.size() + sizeof(LogLine); }

}  // namespace

LogIntake::LogIntake(std::shared_ptr<LogRoom> room, LogMark from, bool out, bool error,
                     Function<void()> news)
    : room_(std::move(room)),
      from_(from),
      out_(out),
      error_(error),
      news_(std::move(news)),
      to_skip_(from.lines),
      mark_(from) {}

LogIntake::~LogIntake() { Close(); }

// Whether the line was read by an earlier opening.
bool LogIntake::Read(const LogLine& line) {
  if (from_.time == 0 || line.unix_nanos > from_.time) return false;
  if (line.unix_nanos < from_.time) return true;
  if (to_skip_ == 0) return false;
  to_skip_ -= 1;
  return true;
}

void LogIntake::Line(LogLine line) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || overflown_ || Read(line)) return;
    const bool wanted = line.standard_error ? error_ : out_;
    const std::size_t pieces = line.data.size() / kPiece;
    if (wanted && !room_->Take(SizeOf(line) + pieces * sizeof(LogLine))) {
      overflown_ = true;
      wake = Wake();
    } else {
      mark_.lines = line.unix_nanos == mark_.time ? mark_.lines + 1 : 1;
      mark_.time = line.unix_nanos;
      if (wanted) {
        Keep(std::move(line));
        wake = Wake();
      }
    }
  }
  if (wake) news_();
}

void LogIntake::Keep(LogLine line) {
  // As many pieces as room was taken for.
  while (line.data.size() >= kPiece) {
    lines_.push_back({line.unix_nanos, line.standard_error, line.data.substr(0, kPiece)});
    line.data.erase(0, kPiece);
  }
  lines_.push_back(std::move(line));
}

void LogIntake::Done(Status status) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || done_) return;
    done_ = std::move(status);
    wake = Wake();
  }
  if (wake) news_();
}

void LogIntake::Close() {
  std::vector<LogLine> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (; next_ < lines_.size(); ++next_) room_->Give(SizeOf(lines_[next_]));
  dropped.swap(lines_);
  next_ = 0;
}

LogIntake::Taken LogIntake::Take(std::size_t bytes) {
  Taken out;
  const std::lock_guard lock(mutex_);
  std::size_t taken = 0;
  while (next_ < lines_.size() && taken < bytes) {
    const std::size_t size = SizeOf(lines_[next_]);
    if (taken > 0 && taken + size > bytes) break;
    taken += size;
    out.lines.push_back(std::move(lines_[next_++]));
  }
  room_->Give(taken);
  out.mark = mark_;
  if (next_ < lines_.size()) return out;
  lines_.clear();
  next_ = 0;
  awake_ = false;
  out.overflown = overflown_;
  if (!overflown_) out.done = std::exchange(done_, std::nullopt);
  return out;
}

}  // namespace swarm::agent
