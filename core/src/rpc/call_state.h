// A call's context as transports make it: what is known of the caller, and the way cancellation
// takes to whoever works on the call.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "swarm/export.h"
#include "swarm/rpc.h"

namespace swarm::rpc {

struct CallInfo {
  std::string method;
  Listener listener = Listener::kLocal;
  std::shared_ptr<const std::optional<Identity>> caller;  // never null
  std::string remote_address;
  Metadata metadata;
  std::optional<SteadyTime> deadline;
};

// Threading: [any].
class SWARM_EXPORT CallState final : public CallContext {
 public:
  explicit CallState(CallInfo info);
  ~CallState() override;

  const std::string& method() const noexcept override { return info_.method; }
  Listener listener() const noexcept override { return info_.listener; }
  const std::optional<Identity>& caller() const noexcept override { return *info_.caller; }
  const std::string& remote_address() const noexcept override { return info_.remote_address; }
  const Metadata& metadata() const noexcept override { return info_.metadata; }
  std::optional<SteadyTime> deadline() const noexcept override { return info_.deadline; }
  void OnCancel(Function<void()> fn) noexcept override;
  bool cancelled() const noexcept override;

  // The caller has given up: runs what OnCancel collected. Nothing after End.
  void Cancel() noexcept;
  // The call has its answer: forgets what OnCancel collected.
  void End() noexcept;

 private:
  enum class Phase : unsigned char { kOpen, kCancelled, kEnded };

  const CallInfo info_;
  mutable std::mutex mutex_;  // guards the rest, never held in a callback
  Phase phase_ = Phase::kOpen;
  bool cancelled_ = false;
  std::vector<Function<void()>> on_cancel_;
};

// A reply that answers Internal when it is dropped uncalled, naming the method.
SWARM_EXPORT UnaryReply GuardReply(CallContextPtr context, UnaryReply reply);

// What a handler that dropped its reply makes of a call.
SWARM_EXPORT Status NoReply(const std::string& method);

}  // namespace swarm::rpc
