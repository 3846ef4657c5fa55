#include "log_reader.h"

#include <algorithm>
#include <utility>

namespace swarm::executor_process {
namespace {

// Between pieces other tasks have their turn.
constexpr std::size_t kPiece = 64 * 1024;

bool MayGrow(const ProcessView& view) {
  return view.state == ProcessState::kRunning || view.state == ProcessState::kStarting;
}

}  // namespace

LogReader::LogReader(std::shared_ptr<ProcessCore> core, TaskFolder folder, LogRequest request,
                     Function<void(LogLine)> line, Function<void(Status)> done)
    : core_(std::move(core)),
      folder_(std::move(folder)),
      logs_(folder_.file("log")),
      request_(request),
      line_(std::move(line)),
      done_(std::move(done)) {}

void LogReader::Begin() {
  if (stopped_) return;
  const ProcessView view = folder_.Inspect();
  if (view.state <= ProcessState::kPrepared) {
    return End({Code::kNotFound, "task has no output yet: it was not started"});
  }
  if (request_.follow) Watch();
  const std::vector<std::uint64_t> numbers = ListLogFiles(core_->files(), logs_);
  if (request_.tail < 0) {
    const auto count = static_cast<std::uint64_t>(-(request_.tail + 1));
    position_ = FindTail(core_->files(), logs_, numbers, count);
  } else {
    skip_ = static_cast<std::uint64_t>(request_.tail);
    position_ = {numbers.empty() ? 0 : numbers.front(), 0};
  }
  Read();
}

Function<void()> LogReader::Wake() {
  return [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->ReadSoon();
  };
}

// Any number of changes before it is the reader's turn are one.
void LogReader::ReadSoon() {
  if (woken_.exchange(true)) return;
  core_->loop().Post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->woken_ = false;
    self->Read();
  });
}

void LogReader::Watch() {
  task_watch_ = core_->watcher().Folder(folder_.path(), Wake());
  log_watch_ = core_->watcher().Folder(logs_, Wake());
}

bool LogReader::Advance() {
  for (const std::uint64_t number : ListLogFiles(core_->files(), logs_)) {
    if (number <= position_.number) continue;
    file_.reset();
    partial_.clear();
    position_ = {number, 0};
    return true;
  }
  return false;
}

void LogReader::Read() {
  if (stopped_ || !done_) return;
  // Looked at before what is read: what an ended task has written is all there.
  const ProcessView view = folder_.Inspect();
  const bool more = request_.follow && MayGrow(view);
  if (!file_ && position_.number > 0) {
    auto opened = core_->files().Open(LogFilePath(logs_, position_.number), {});
    if (opened.ok()) file_ = *std::move(opened);
  }
  // The next file exists only once this one is whole.
  const std::vector<std::uint64_t> numbers = ListLogFiles(core_->files(), logs_);
  const bool whole = !numbers.empty() && numbers.back() > position_.number;
  if (file_) {
    const auto piece = file_->Read(position_.offset, kPiece);
    if (!piece.ok()) return End(piece.status());
    if (!piece->empty()) {
      position_.offset += piece->size();
      Deliver(*piece);
      return ReadSoon();
    }
  }
  if (whole && Advance()) return ReadSoon();
  if (!more) return End(Status::Ok());
  if (!exit_watch_ && view.state == ProcessState::kRunning) {
    exit_watch_ =
        core_->watcher().Exit(view.record.supervisor, view.record.supervisor_start, Wake());
    if (!exit_watch_) ReadSoon();
  }
}

void LogReader::Deliver(std::string_view piece) {
  while (!piece.empty() && !stopped_) {
    const std::size_t end = piece.find('\n');
    partial_ += piece.substr(0, end);
    if (end == std::string_view::npos) return;
    piece.remove_prefix(end + 1);
    const std::string record = std::exchange(partial_, {});
    if (skip_ > 0) {
      --skip_;
      continue;
    }
    auto line = ParseLogRecord(record);
    if (line && line->unix_nanos >= request_.since) line_(*std::move(line));
  }
}

void LogReader::End(Status status) {
  task_watch_.reset();
  log_watch_.reset();
  exit_watch_.reset();
  file_.reset();
  if (!stopped_ && done_) std::exchange(done_, nullptr)(std::move(status));
}

}  // namespace swarm::executor_process
