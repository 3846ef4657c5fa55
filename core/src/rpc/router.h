// The rpc table at work: for every call it asks the protocol's method table whether the method is
// served on the listener, whether the caller may call it, and who answers; then passes it on.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/authorize.h"
#include "rpc/call_target.h"
#include "rpc/method_table.h"
#include "swarm/export.h"
#include "swarm/proxy.h"
#include "swarm/rpc.h"

namespace swarm::rpc {

// What happened to a method's calls since the start, for metrics.
struct MethodCounts {
  std::string_view method;
  std::uint64_t calls = 0;    // arrived
  std::uint64_t refused = 0;  // answered by the router: not served, not authorised
};

// Threading: [any] unless said otherwise. Outlives its registrations and every listener bound to
// it.
//
// A method nobody has registered answers Unimplemented as long as its service was never declared
// or registered, as with a build that lacks it; afterwards Unavailable, since it comes and goes
// with this node's role and leadership.
class SWARM_EXPORT RouterImpl final : public Router, public CallTarget {
 public:
  RouterImpl();
  ~RouterImpl() override;

  Result<std::unique_ptr<Registration>> Register(
      std::string_view method, std::shared_ptr<UnaryHandler> handler) noexcept override;
  Result<std::unique_ptr<Registration>> Register(
      std::string_view method, std::shared_ptr<StreamHandler> handler) noexcept override;

  void Unary(CallContextPtr context, Payload request, UnaryReply reply) noexcept override;
  void Stream(ServerStreamPtr stream) noexcept override;

  // This node: what local callers count as, and whose organisation remote ones must belong to.
  // Until it is set local calls have no caller and remote ones are refused.
  void SetSelf(Identity self) noexcept;
  void SetBlacklist(Blacklist removed) noexcept;
  // Told of every remote call that its caller may not make, on the call's thread. Once, before
  // anybody calls.
  void OnRefusal(std::function<void(const CallContext&, const Status&)> told) noexcept;
  // "docker.swarmkit.v1.Control": served by this build, also while nothing is registered.
  void Declare(std::string_view service) noexcept;
  // Who answers what only the leader answers; null: this node. When it returns no thread is inside
  // the old proxy. [blocking], but no longer than one call into a proxy; not from inside one.
  void SetProxy(Proxy* proxy) noexcept;

  // Methods that were called at least once.
  std::vector<MethodCounts> Counts() const;

 private:
  struct Slot;
  struct Entry;
  struct Self;
  class ProxyUse;
  class HereUnary;
  class HereStream;

  template <class Handler>
  Result<std::unique_ptr<Registration>> RegisterIn(std::string_view method,
                                                   std::shared_ptr<Handler> handler,
                                                   std::shared_ptr<Handler> Slot::*where);
  std::shared_ptr<const Self> self() const;
  std::shared_ptr<ProxyUse> proxy() const;
  // Counts the call; Unimplemented when the method is not served on the context's listener.
  Result<const Entry*> Find(const CallContext& context) const;
  // The context as handlers are to see it, or why the caller may not call.
  Result<CallContextPtr> Admit(const Entry& entry, CallContextPtr context) const;

  std::function<void(const CallContext&, const Status&)> refused_;
  std::vector<Entry> entries_;  // by method index; constant after construction
  mutable std::mutex mutex_;    // guards the two pointers, never held in a call
  std::shared_ptr<const Self> self_;
  std::shared_ptr<ProxyUse> proxy_;
};

}  // namespace swarm::rpc
