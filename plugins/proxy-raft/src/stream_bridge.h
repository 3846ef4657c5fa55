// Two streams as one: what a caller sends goes to the leader, what that answers goes back.
#pragma once

#include <memory>

#include "swarm/rpc.h"

namespace swarm::proxy_raft {

// One message in each direction at a time, so that a slow side slows the other. `channel` is kept
// as long as it lasts.
class StreamBridge : public std::enable_shared_from_this<StreamBridge> {
 public:
  StreamBridge(ServerStreamPtr caller, std::shared_ptr<Channel> channel,
               std::shared_ptr<ClientStream> leader)
      : caller_(std::move(caller)), channel_(std::move(channel)), leader_(std::move(leader)) {}
  void Begin();

 private:
  void FromCaller();
  void FromLeader();

  const ServerStreamPtr caller_;
  const std::shared_ptr<Channel> channel_;
  const std::shared_ptr<ClientStream> leader_;
};

}  // namespace swarm::proxy_raft
