#include "call_state.h"

#include <chrono>
#include <utility>

#include "failures.h"

namespace swarm::engine {
namespace {

constexpr std::size_t kErrorBodyLimit = 1 << 20;

std::string Url(const Request& request, const std::string& prefix) {
  std::string url = prefix + request.path;
  char separator = '?';
  for (const auto& [key, value] : request.query) {
    url += separator;
    url += Escape(key) + "=" + Escape(value);
    separator = '&';
  }
  return url;
}

std::string Seconds(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

}  // namespace

CallState::CallState(std::shared_ptr<Multi> multi, CallParts parts)
    : multi_(std::move(multi)), parts_(std::move(parts)) {}

CallState::~CallState() = default;

template <class Fn>
void CallState::OnThread(Fn fn) {
  if (finished_) return;
  multi_->Post([self = shared_from_this(), fn = std::move(fn)] {
    if (!self->finished_) fn(*self);
  });
}

void CallState::Cancel() {
  if (finished_) return;
  if (multi_->InThread()) flow_.cancelled = true;  // nothing more is handed out from now on
  // Later, as this may be one of curl's own callbacks.
  OnThread([](CallState& call) {
    call.flow_.cancelled = true;
    call.Finish(Failed(call.parts_.context, Failure::kCancelled, "cancelled"));
  });
}

void CallState::SetPaused(bool paused) {
  if (paused && multi_->InThread()) {
    flow_.paused = true;
    return;
  }
  OnThread([paused](CallState& call) {
    call.flow_.paused = paused;
    if (paused || call.flow_.cancelled) return;
    if (!call.DeliverNow()) return call.Finish(std::move(*call.broken_));
    if (call.flow_.held()) return;
    if (call.ended_) return call.Finish(std::move(*call.ended_));
    if (call.transfer_) call.transfer_->ResumeBody();
  });
}

void CallState::ResumeUpload() {
  OnThread([](CallState& call) {
    if (call.transfer_) call.transfer_->ResumeUpload();
  });
}

void CallState::Begin(CallOwner& owner) {
  owner_ = &owner;
  if (!parts_.timeout) return;
  timer_ = multi_->After(*parts_.timeout, [self = shared_from_this()] { self->OnTimeout(); });
}

void CallState::Launch(const Endpoint& endpoint, const std::string& prefix) {
  transfer_ = std::make_unique<Transfer>(*multi_, endpoint, parts_.request,
                                         Url(parts_.request, prefix), parts_.buffer_bytes, *this);
  const Status begun = transfer_->Begin();
  if (!begun.ok()) Finish(Failed(parts_.context, Failure::kInternal, begun.message()));
}

void CallState::DisarmTimer() {
  if (timer_) multi_->CancelTimer(*timer_);
  timer_.reset();
}

void CallState::OnTimeout() {
  timer_.reset();
  Finish(Failed(
      parts_.context, Failure::kTimedOut,
      "no answer within " + Seconds(*parts_.timeout) + "; the engine hangs or is overloaded"));
}

void CallState::OnHead(const Head& head) noexcept {
  head_ = head;
  if (head.status >= 400) return;
  if (parts_.limit_is_for_head) DisarmTimer();
  parts_.sink->OnHead(head);
  if (parts_.started && !flow_.cancelled) parts_.started();
}

Verdict CallState::OnBody(std::string_view bytes) noexcept {
  if (flow_.cancelled) return Verdict::kTaken;  // the transfer is about to go
  if (head_.status >= 400) {
    error_body_.append(bytes.substr(0, kErrorBodyLimit - error_body_.size()));
    return Verdict::kTaken;
  }
  if (flow_.paused) return Verdict::kLater;
  parts_.sink->Push(bytes);
  return DeliverNow() ? Verdict::kTaken : Verdict::kAbort;
}

bool CallState::DeliverNow() {
  const Step step = parts_.sink->Deliver(flow_);
  const std::string content(parts_.sink->content());
  if (step == Step::kBad) {
    broken_ = Failed(parts_.context, Failure::kGarbage,
                     "the answer is not made of what it should be (" + content + ")");
  } else if (step == Step::kTooLarge) {
    broken_ = Failed(parts_.context, Failure::kTooLarge,
                     "the answer's " + content + " is over the limit of this call");
  }
  return !broken_;
}

Reply CallState::ReplyFor(CURLcode code) {
  if (flow_.cancelled) return Failed(parts_.context, Failure::kCancelled, "cancelled");
  if (broken_) return std::move(*broken_);
  if (code == CURLE_ABORTED_BY_CALLBACK)
    return Failed(parts_.context, Failure::kCancelled, "the source of the body gave up");
  // An engine that refuses may not read all of the body, and a cut end of its words is no loss.
  if (head_.status >= 400) return RefusedByEngine(parts_.context, head_.status, error_body_);
  if (code != CURLE_OK)
    return Broken(parts_.context, code, transfer_->system_error(), transfer_->error_text());
  if (head_.status == 0)  // curl takes a head without its end for a whole one
    return Broken(parts_.context, CURLE_PARTIAL_FILE, 0, "in its head");
  if (!parts_.sink->AtEnd() && !flow_.paused) {
    return Failed(parts_.context, Failure::kGarbage,
                  "the answer ends in the middle of a " + std::string(parts_.sink->content()));
  }
  Reply reply;
  reply.context = parts_.context;
  reply.http_status = head_.status;
  reply.body = parts_.sink->TakeBody();
  return reply;
}

void CallState::OnTransferEnd(CURLcode code) noexcept {
  Reply reply = ReplyFor(code);
  if (RefusesVersion(reply) && parts_.versioned) {
    reply.failure = Failure::kBadVersion;
    reply.status = Status(Code::kFailedPrecondition, reply.status.message());
  }
  if (reply.failure == Failure::kBadVersion && !parts_.request.source && !second_attempt_) {
    second_attempt_ = true;
    transfer_.reset();
    error_body_.clear();
    head_ = Head();
    return owner_->OnRefusedVersion(shared_from_this());
  }
  // What was on its way is still handed out, once the consumer wants it.
  if (flow_.paused && !flow_.cancelled) {
    DisarmTimer();
    ended_ = std::move(reply);
    return;
  }
  Finish(std::move(reply));
}

void CallState::Finish(Reply reply) {
  if (finished_.exchange(true)) return;
  const auto self = shared_from_this();
  DisarmTimer();
  transfer_.reset();
  owner_->OnCallEnd(self, reply, head_);
  auto done = std::move(parts_.done);
  parts_.started = nullptr;
  parts_.sink.reset();
  parts_.request.source.reset();
  done(std::move(reply), head_);
}

namespace {

class Handle final : public Call {
 public:
  explicit Handle(std::shared_ptr<CallState> state) : state_(std::move(state)) {}
  ~Handle() override { state_->Cancel(); }
  void Cancel() noexcept override { state_->Cancel(); }
  void Pause() noexcept override { state_->SetPaused(true); }
  void Resume() noexcept override { state_->SetPaused(false); }
  void ResumeUpload() noexcept override { state_->ResumeUpload(); }

 private:
  const std::shared_ptr<CallState> state_;
};

}  // namespace

CallHandle MakeHandle(std::shared_ptr<CallState> state) {
  return std::make_unique<Handle>(std::move(state));
}

}  // namespace swarm::engine
