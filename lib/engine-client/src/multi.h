// The reactor's thread: curl's transfers, functions posted from other threads, and timers.
#pragma once

#include <curl/curl.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::engine {

// What a transfer's CURLOPT_PRIVATE points to.
class TransferEnd {
 public:
  virtual ~TransferEnd() = default;
  // The handle is out of the multi already; outside every curl callback.
  virtual void OnEnd(CURLcode code) noexcept = 0;
};

// Threading: [io], its thread, except Post, InThread and Stop.
class Multi {
 public:
  using TimerId = std::pair<SteadyTime, std::uint64_t>;

  static Result<std::shared_ptr<Multi>> Make(Runtime& runtime);
  ~Multi();
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  // [any] In order. False, and dropped, after Stop.
  bool Post(Function<void()> fn);
  // [any]
  bool InThread() const { return loop_ && loop_->InLoop(); }
  // [any] but the thread: runs what was posted, then ends the thread. Idempotent.
  void Stop();

  Status Add(CURL* easy);
  void Remove(CURL* easy);
  TimerId After(Duration delay, Function<void()> fn);
  void CancelTimer(const TimerId& id) { timers_.erase(id); }

 private:
  explicit Multi(Runtime& runtime);

  static int OnSocket(CURL* easy, curl_socket_t socket, int what, void* self, void* known);
  static int OnTimer(CURLM* multi, long milliseconds, void* self);
  Status Open();
  void Run();
  void RunPosted();
  void RunTimers();
  void ReportEnds();
  int WaitMilliseconds() const;

  const Clock& clock_;
  std::unique_ptr<Loop> loop_;
  CURLM* multi_ = nullptr;
  int epoll_ = -1;
  int wake_ = -1;
  std::map<TimerId, Function<void()>> timers_;
  std::uint64_t next_timer_ = 0;
  std::optional<SteadyTime> curl_due_;

  std::mutex mutex_;
  bool stopping_ = false;                 // guarded by mutex_
  std::vector<Function<void()>> posted_;  // guarded by mutex_
};

}  // namespace swarm::engine
