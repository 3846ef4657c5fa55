// One call from its beginning to its `done`: the time limits, one or two transfers, the flow.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "engine_client/client.h"
#include "multi.h"
#include "sink.h"
#include "transfer.h"

namespace swarm::engine {

class CallState;

// The client a call belongs to. Threading: [io].
class CallOwner {
 public:
  virtual ~CallOwner() = default;
  // The engine refuses the call's version, having done nothing: launch it again with a new one.
  virtual void OnRefusedVersion(const std::shared_ptr<CallState>& call) noexcept = 0;
  // The call is over; `done` runs after this.
  virtual void OnCallEnd(const std::shared_ptr<CallState>& call, const Reply& reply,
                         const Head& head) noexcept = 0;
};

struct CallParts {
  Request request;
  std::unique_ptr<Sink> sink;
  Function<void()> started;
  Function<void(Reply, const Head&)> done;
  std::string context;              // "engine ADDRESS: METHOD PATH"
  std::optional<Duration> timeout;  // none: no limit
  bool limit_is_for_head = false;   // otherwise for the whole call
  bool versioned = true;
  long buffer_bytes = 16 << 10;
};

// Threading: [io], except the ones that say [any].
class CallState final : public std::enable_shared_from_this<CallState>, public TransferObserver {
 public:
  CallState(std::shared_ptr<Multi> multi, CallParts parts);
  ~CallState() override;

  // [any] As Call's functions.
  void Cancel();
  void SetPaused(bool paused);
  void ResumeUpload();
  const std::string& context() const { return parts_.context; }

  bool versioned() const { return parts_.versioned; }
  bool finished() const { return finished_; }
  // Starts the clock. The owner outlives the call's end.
  void Begin(CallOwner& owner);
  // `prefix`: "/v1.41" or empty.
  void Launch(const Endpoint& endpoint, const std::string& prefix);
  void Finish(Reply reply);

 private:
  void OnHead(const Head& head) noexcept override;
  Verdict OnBody(std::string_view bytes) noexcept override;
  void OnTransferEnd(CURLcode code) noexcept override;

  // Runs `fn` on the reactor's thread unless the call is over; at once if the caller is there.
  template <class Fn>
  void OnThread(Fn fn);
  void DisarmTimer();
  void OnTimeout();
  // False when the sink refuses what came; broken_ says why.
  bool DeliverNow();
  Reply ReplyFor(CURLcode code);

  const std::shared_ptr<Multi> multi_;
  CallParts parts_;
  CallOwner* owner_ = nullptr;
  std::unique_ptr<Transfer> transfer_;
  std::optional<Multi::TimerId> timer_;
  Flow flow_;
  bool second_attempt_ = false;
  Head head_;
  std::string error_body_;
  std::optional<Reply> broken_;  // why we ended the transfer ourselves
  std::optional<Reply> ended_;   // the end, kept until the paused consumer has had the rest
  std::atomic<bool> finished_ = false;
};

// The user's end of a call.
CallHandle MakeHandle(std::shared_ptr<CallState> state);

}  // namespace swarm::engine
