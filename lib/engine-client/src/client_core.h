// The calls of one client and the API version they are made in.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "call_state.h"
#include "engine_client/reactor.h"
#include "multi.h"

namespace swarm::engine {

// Threading: [io], except the ones that say [any].
class ClientCore final : public std::enable_shared_from_this<ClientCore>, public CallOwner {
 public:
  ClientCore(std::shared_ptr<Multi> multi, ClientOptions options);

  // [any]
  const ClientOptions& options() const { return options_; }
  const std::shared_ptr<Multi>& multi() const { return multi_; }
  std::optional<ApiVersion> last_version() const;
  // "engine ADDRESS: METHOD PATH".
  std::string Context(const std::string& method, const std::string& path) const;

  void Begin(const std::shared_ptr<CallState>& call);
  // Ends every call; those begun afterwards end at once.
  void Stop();
  // Reads the answer to a ping: the version to use from now on, or why there is none.
  Reply TakePing(Reply reply, const Head& head);
  CallParts PingParts(std::optional<Duration> timeout) const;

 private:
  void OnRefusedVersion(const std::shared_ptr<CallState>& call) noexcept override;
  void OnCallEnd(const std::shared_ptr<CallState>& call, const Reply& reply,
                 const Head& head) noexcept override;

  void LaunchOrWait(const std::shared_ptr<CallState>& call);
  void StartPing();
  // Launches, or fails with the ping's failure, what waited for it.
  void ReleaseWaiting(const Reply& ping);

  const std::shared_ptr<Multi> multi_;
  const ClientOptions options_;
  const Endpoint endpoint_;
  bool stopped_ = false;
  std::set<std::shared_ptr<CallState>> active_;
  std::vector<std::shared_ptr<CallState>> waiting_;  // for a version; also in active_
  bool pinging_ = false;
  std::optional<ApiVersion> version_;  // nothing: to be asked for
  std::string engine_newest_;          // what the engine said when version_ was chosen
  std::atomic<int> last_version_ = -1;
};

}  // namespace swarm::engine
