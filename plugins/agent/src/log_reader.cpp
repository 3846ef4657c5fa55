#include "log_reader.h"

#include <algorithm>
#include <utility>

#include "swarm/task.h"

namespace swarm::agent {

LogRequest LogRequest::From(const pb::LogSubscriptionOptions& options) {
  LogRequest out;
  out.follow = options.follow();
  out.tail = options.tail();
  if (options.has_since()) {
    out.since = options.since().seconds() * 1'000'000'000 + options.since().nanos();
  }
  if (!options.streams().empty()) {
    const auto has = [&](pb::LogStream stream) {
      const auto& all = options.streams();
      return std::find(all.begin(), all.end(), stream) != all.end();
    };
    out.out = has(pb::LOG_STREAM_STDOUT);
    out.error = has(pb::LOG_STREAM_STDERR);
  }
  return out;
}

LogReader::LogReader(Parts parts, std::string task_id, std::string service_id, bool early)
    : parts_(std::move(parts)),
      task_id_(std::move(task_id)),
      service_id_(std::move(service_id)),
      early_(early) {}

void LogReader::Look() {
  if (state_ == State::kOpen || state_ == State::kReleased || state_ == State::kEnded) return;
  if (state_ == State::kStarved && !parts_.room->half_empty()) return;
  const auto task = parts_.tasks.FindTask(task_id_);
  if (!task || !task->source) return End();
  if (task->state >= pb::STARTING) {
    // Something may have changed: no reason to wait any more.
    if (state_ != State::kWaiting || IsTerminal(task->state)) Open(*task);
    return;
  }
  if (!parts_.request.follow) End();
}

void LogReader::Open(const LogTask& task) {
  retry_.reset();
  state_ = State::kOpen;
  final_ = IsTerminal(task.state);
  intake_ =
      std::make_shared<LogIntake>(parts_.room, mark_, parts_.request.out, parts_.request.error,
                                  [weak = weak_from_this(), post = parts_.post] {
                                    post([weak] {
                                      if (auto self = weak.lock()) self->parts_.news();
                                    });
                                  });
  const bool again = mark_.time != 0;
  source_ = task.source->Logs(
      parts_.request.follow, again || early_ ? 0 : parts_.request.tail,
      again ? mark_.time : parts_.request.since,
      [intake = intake_](LogLine line) { intake->Line(std::move(line)); },
      [intake = intake_](Status status) { intake->Done(std::move(status)); });
}

void LogReader::Release() {
  released_ = true;
  retry_.reset();
  source_.reset();
  if (state_ == State::kOpen) {
    state_ = State::kReleased;
    intake_->Done(Status::Ok());
  } else if (state_ != State::kReleased) {
    End();
  }
}

std::vector<LogLine> LogReader::Take(std::size_t bytes) {
  if (!intake_ || (state_ != State::kOpen && state_ != State::kReleased)) return {};
  LogIntake::Taken taken = intake_->Take(bytes);
  const bool moved = taken.mark.time != mark_.time || taken.mark.lines != mark_.lines;
  if (moved) retry_wait_ = Duration::zero();
  if (taken.done || taken.overflown) {
    mark_ = taken.mark;
    intake_->Close();
    source_.reset();
    if (state_ == State::kReleased) {
      End();
    } else if (taken.done) {
      OnEnd(*taken.done);
    } else if (mark_.time != 0 || !moved) {
      state_ = State::kStarved;
    } else {
      parts_.log.Warn("Output was left out: it came faster than it could be sent, without times",
                      {{"task.id", task_id_}});
      End();
    }
  }
  return std::move(taken.lines);
}

void LogReader::OnEnd(const Status& status) {
  if (!status.ok() && status.code() != Code::kNotFound && !final_) {
    parts_.log.Warn("Reading a task's output failed",
                    {{"task.id", task_id_}, {"error", status.ToString()}});
  }
  // With follow, a task that has not ended will write more.
  if (parts_.request.follow && !final_) return Retry();
  End();
}

void LogReader::Retry() {
  state_ = State::kWaiting;
  retry_wait_ =
      std::clamp(2 * retry_wait_, parts_.options.retry_initial, parts_.options.retry_maximum);
  retry_ = parts_.loop.After(retry_wait_, [this] {
    auto fired = std::move(retry_);
    state_ = State::kIdle;
    Look();
  });
}

void LogReader::End() {
  state_ = State::kEnded;
  retry_.reset();
  source_.reset();
  if (intake_) intake_->Close();
  intake_.reset();
  parts_.post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->parts_.news();
  });
}

}  // namespace swarm::agent
