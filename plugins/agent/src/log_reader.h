// Reads one task's output for one subscription: opens the source once the task has one, and again
// where it got to when there was no room or the source broke off.
// Threading: [loop].
#pragma once

#include <memory>
#include <string>

#include "component/poster.h"
#include "log_intake.h"
#include "log_tasks.h"
#include "options.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::agent {

// What a subscription asks of each task.
struct LogRequest {
  bool follow = false;
  bool out = true;
  bool error = true;
  std::int64_t tail = 0;
  std::int64_t since = 0;

  static LogRequest From(const pb::LogSubscriptionOptions& options);
};

class LogReader : public std::enable_shared_from_this<LogReader> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    Logger log;
    Options options;
    const LogTasks& tasks;
    LogRequest request;
    std::shared_ptr<LogRoom> room;
    // There is something to take, or the reader has ended.
    Function<void()> news;
  };
  // `early`: the task had not begun when the subscription came, so all of its output is new.
  LogReader(Parts parts, std::string task_id, std::string service_id, bool early);

  const std::string& task_id() const { return task_id_; }
  const std::string& service_id() const { return service_id_; }

  // Opens the source if the time has come: at first, and when the task has changed.
  void Look();
  // Lets go of the source at once, as the task is about to go. What was read remains to be taken.
  void Release();
  std::vector<LogLine> Take(std::size_t bytes);
  // Nothing more will come.
  bool ended() const { return state_ == State::kEnded; }
  bool released() const { return released_; }
  // Waits for room; the owner calls Look when there is some.
  bool starved() const { return state_ == State::kStarved; }

 private:
  enum class State : unsigned char { kIdle, kOpen, kReleased, kStarved, kWaiting, kEnded };

  void Open(const LogTask& task);
  void OnEnd(const Status& status);
  void Retry();
  void End();

  Parts parts_;
  const std::string task_id_;
  const std::string service_id_;
  const bool early_;
  State state_ = State::kIdle;
  std::shared_ptr<LogIntake> intake_;
  std::shared_ptr<void> source_;
  LogMark mark_;
  bool released_ = false;
  bool final_ = false;  // opened after the task had ended
  Duration retry_wait_{};
  std::unique_ptr<Timer> retry_;
};

}  // namespace swarm::agent
