#include "rpc/loopback.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rpc/loopback_stream.h"

namespace swarm::rpc {
namespace {

Status Cancelled() { return {Code::kCancelled, "the call was cancelled"}; }
Status ChannelGone() { return {Code::kCancelled, "the channel was closed"}; }
Status DeadlineExceeded() { return {Code::kDeadlineExceeded, "Deadline Exceeded"}; }

}  // namespace

// What all channels share: the loop that runs their callbacks and the calls under way.
class Loopback::Core final : public Deferrer, public std::enable_shared_from_this<Core> {
 public:
  using AbortFn = Function<void(Status)>;

  Core(Runtime& runtime, CallTarget& target)
      : clock_(runtime.clock()),
        target_(target),
        loop_(runtime.NewLoop("loopback", LoopKind::kShared)) {}

  SteadyTime Now() const { return clock_.SteadyNow(); }
  CallTarget& target() { return target_; }

  void Defer(Function<void()> fn) override {
    {
      std::lock_guard lock(mutex_);
      if (!closed_) {
        queue_.push_back(std::move(fn));
        if (std::exchange(draining_, true)) return;
        loop_->Post([core = shared_from_this()] { core->Drain(); });
        return;
      }
    }
    fn();  // the loop is gone
  }

  // Keeps `abort` until Forget; the deadline, the channel's end or Close calls it. False: closed.
  bool Track(std::uint64_t id, const void* channel, std::optional<Duration> timeout,
             AbortFn abort) {
    std::lock_guard lock(mutex_);
    if (closing_) return false;
    Live live{channel, std::make_shared<AbortFn>(std::move(abort)), nullptr};
    if (timeout) {
      live.timer = loop_->After(*timeout, [weak = weak_from_this(), id] {
        if (auto core = weak.lock()) core->AbortOne(id, DeadlineExceeded());
      });
    }
    calls_.emplace(id, std::move(live));
    return true;
  }

  void Forget(std::uint64_t id) {
    std::unordered_map<std::uint64_t, Live>::node_type gone;  // destroyed after the lock
    std::lock_guard lock(mutex_);
    gone = calls_.extract(id);
  }

  void AbortChannel(const void* channel) { AbortAll(channel, ChannelGone()); }

  void Close() {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    AbortAll(nullptr, ChannelGone());
    loop_->Stop();
    Drain();  // what the loop did not get to
    std::lock_guard lock(mutex_);
    closed_ = true;
    loop_.reset();
  }

  std::uint64_t NextId() { return next_id_.fetch_add(1, std::memory_order_relaxed); }

 private:
  struct Live {
    const void* channel;
    std::shared_ptr<AbortFn> abort;
    std::unique_ptr<Timer> timer;
  };

  void Drain() {
    for (;;) {
      std::deque<Function<void()>> run;
      {
        std::lock_guard lock(mutex_);
        run.swap(queue_);
        if (run.empty()) {
          draining_ = false;
          return;
        }
      }
      for (auto& fn : run) fn();
    }
  }

  void AbortOne(std::uint64_t id, Status why) {
    std::shared_ptr<AbortFn> abort;
    {
      std::lock_guard lock(mutex_);
      const auto found = calls_.find(id);
      if (found == calls_.end()) return;
      abort = found->second.abort;
    }
    (*abort)(std::move(why));
    Forget(id);
  }

  void AbortAll(const void* channel, const Status& why) {
    std::vector<std::uint64_t> ids;
    {
      std::lock_guard lock(mutex_);
      for (const auto& [id, live] : calls_) {
        if (channel == nullptr || live.channel == channel) ids.push_back(id);
      }
    }
    for (const auto id : ids) AbortOne(id, why);
  }

  const Clock& clock_;
  CallTarget& target_;
  std::atomic<std::uint64_t> next_id_{1};

  std::mutex mutex_;  // guards the rest, never held in a callback
  std::unique_ptr<Loop> loop_;
  std::deque<Function<void()>> queue_;
  std::unordered_map<std::uint64_t, Live> calls_;
  bool draining_ = false;
  bool closing_ = false;  // no new calls
  bool closed_ = false;   // no loop
};

namespace {

using Core = Loopback::Core;

class LoopbackCall final : public PendingCall {
 public:
  LoopbackCall(std::shared_ptr<Core> core, std::uint64_t id, std::shared_ptr<CallState> state,
               Function<void(Result<Payload>)> done)
      : core_(std::move(core)), id_(id), state_(std::move(state)), done_(std::move(done)) {}

  void Cancel() noexcept override { Abort(Cancelled()); }

  void Abort(Status why) {
    if (Complete(std::move(why))) state_->Cancel();
  }
  void Reply(Result<Payload> result) {
    if (Complete(std::move(result))) state_->End();
  }
  bool over() const {
    std::lock_guard lock(mutex_);
    return done_ == nullptr;
  }
  const std::shared_ptr<CallState>& state() const { return state_; }

 private:
  bool Complete(Result<Payload> result) {
    Function<void(Result<Payload>)> done;
    {
      std::lock_guard lock(mutex_);
      done = std::exchange(done_, nullptr);
    }
    if (!done) return false;
    core_->Forget(id_);
    core_->Defer([done = std::move(done), result = std::move(result)]() mutable {
      done(std::move(result));
    });
    return true;
  }

  const std::shared_ptr<Core> core_;
  const std::uint64_t id_;
  const std::shared_ptr<CallState> state_;
  mutable std::mutex mutex_;
  Function<void(Result<Payload>)> done_;  // null: over
};

class LoopbackChannel final : public Channel {
 public:
  LoopbackChannel(std::shared_ptr<Core> core, LoopbackPeer peer)
      : core_(std::move(core)),
        listener_(peer.listener),
        identity_(std::make_shared<const std::optional<Identity>>(std::move(peer.identity))),
        remote_address_(std::move(peer.remote_address)) {}
  ~LoopbackChannel() override { core_->AbortChannel(this); }

  std::shared_ptr<PendingCall> Call(std::string_view method, CallOptions options, Payload request,
                                    Function<void(Result<Payload>)> done) noexcept override {
    const auto id = core_->NextId();
    const auto timeout = options.timeout;
    auto call = std::make_shared<LoopbackCall>(core_, id, NewState(method, std::move(options)),
                                               std::move(done));
    if (!core_->Track(id, this, timeout, [weak = std::weak_ptr(call)](Status why) {
          if (auto live = weak.lock()) live->Abort(std::move(why));
        })) {
      call->Reply(Closed());
      return call;
    }
    core_->Defer([core = core_, call, request = std::move(request)]() mutable {
      if (call->over()) return;
      auto reply = GuardReply(call->state(),
                              [call](Result<Payload> result) { call->Reply(std::move(result)); });
      core->target().Unary(call->state(), std::move(request), std::move(reply));
    });
    return call;
  }

  std::shared_ptr<ClientStream> Open(std::string_view method,
                                     CallOptions options) noexcept override {
    const auto id = core_->NextId();
    const auto timeout = options.timeout;
    auto state = NewState(method, std::move(options));
    auto ends = MakeLoopbackStream(core_, state);
    const bool open = core_->Track(id, this, timeout, [weak = ends.pipe](Status why) {
      if (auto pipe = weak.lock()) Abort(*pipe, std::move(why));
    });
    if (!open) {
      ends.server->Finish(Closed());
      return ends.client;
    }
    core_->Defer([core = core_, server = std::move(ends.server)]() mutable {
      core->target().Stream(std::move(server));
    });
    return std::make_shared<Tracked>(core_, id, std::move(ends.client));
  }

 private:
  // Forgets the stream when its client does.
  class Tracked final : public ClientStream {
   public:
    Tracked(std::shared_ptr<Core> core, std::uint64_t id, std::shared_ptr<ClientStream> inner)
        : core_(std::move(core)), id_(id), inner_(std::move(inner)) {}
    ~Tracked() override { core_->Forget(id_); }
    void Send(Payload message, Function<void(bool)> done) noexcept override {
      inner_->Send(std::move(message), std::move(done));
    }
    void CloseSend() noexcept override { inner_->CloseSend(); }
    void Read(Function<void(Result<std::optional<Payload>>)> done) noexcept override {
      inner_->Read(std::move(done));
    }
    void Cancel() noexcept override { inner_->Cancel(); }

   private:
    const std::shared_ptr<Core> core_;
    const std::uint64_t id_;
    const std::shared_ptr<ClientStream> inner_;
  };

  static Status Closed() { return {Code::kUnavailable, "this node is stopping"}; }

  std::shared_ptr<CallState> NewState(std::string_view method, CallOptions options) const {
    CallInfo info;
    info.method = method;
    info.listener = listener_;
    info.caller = identity_;
    info.remote_address = remote_address_;
    info.metadata = std::move(options.metadata);
    if (options.timeout) info.deadline = core_->Now() + *options.timeout;
    return std::make_shared<CallState>(std::move(info));
  }

  const std::shared_ptr<Core> core_;
  const Listener listener_;
  const std::shared_ptr<const std::optional<Identity>> identity_;
  const std::string remote_address_;
};

}  // namespace

Loopback::Loopback(Runtime& runtime, CallTarget& target)
    : core_(std::make_shared<Core>(runtime, target)) {}

Loopback::~Loopback() { core_->Close(); }

std::shared_ptr<Channel> Loopback::NewChannel(LoopbackPeer peer) {
  return std::make_shared<LoopbackChannel>(core_, std::move(peer));
}

}  // namespace swarm::rpc
