#include "rpc/call_state.h"

#include <utility>

#include "swarm/check.h"

namespace swarm::rpc {
namespace {

class GuardedReply {
 public:
  GuardedReply(CallContextPtr context, UnaryReply reply)
      : context_(std::move(context)), reply_(std::move(reply)) {}
  GuardedReply(GuardedReply&& other) noexcept
      : context_(std::move(other.context_)), reply_(std::exchange(other.reply_, nullptr)) {}
  GuardedReply& operator=(GuardedReply&&) = delete;
  ~GuardedReply() {
    if (reply_) reply_(NoReply(context_->method()));
  }

  void operator()(Result<Payload> result) {
    SWARM_CHECK(reply_, "a call is answered once");
    std::exchange(reply_, nullptr)(std::move(result));
  }

 private:
  CallContextPtr context_;
  UnaryReply reply_;
};

}  // namespace

CallState::CallState(CallInfo info) : info_(std::move(info)) {}
CallState::~CallState() = default;

void CallState::OnCancel(Function<void()> fn) noexcept {
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::kOpen) {
      on_cancel_.push_back(std::move(fn));
      return;
    }
    if (phase_ == Phase::kEnded) return;
  }
  fn();
}

bool CallState::cancelled() const noexcept {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

void CallState::Cancel() noexcept {
  std::vector<Function<void()>> run;
  {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::kOpen) return;
    phase_ = Phase::kCancelled;
    cancelled_ = true;
    run.swap(on_cancel_);
  }
  for (auto& fn : run) fn();
}

void CallState::End() noexcept {
  std::vector<Function<void()>> forget;
  std::lock_guard lock(mutex_);
  // A cancelled call stays one: what comes late is still told at once.
  if (phase_ == Phase::kOpen) phase_ = Phase::kEnded;
  forget.swap(on_cancel_);
}

UnaryReply GuardReply(CallContextPtr context, UnaryReply reply) {
  return GuardedReply(std::move(context), std::move(reply));
}

Status NoReply(const std::string& method) {
  return {Code::kInternal, method + " was given up without an answer"};
}

}  // namespace swarm::rpc
