// The transport over rpc: a Peer for each member.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "peer.h"
#include "transport.h"

namespace swarm::raft {

class RpcTransport final : public Transport {
 public:
  explicit RpcTransport(std::shared_ptr<PeerParts> parts) : parts_(std::move(parts)) {}

  void SetMembers(const std::vector<docker::swarmkit::v1::RaftMember>& members) override;
  void Send(Message message) override;
  void Stop() override;

  // [any] The connection to a member; null: no such member, or its address makes no sense.
  std::shared_ptr<Channel> ChannelTo(RaftId id);

 private:
  const std::shared_ptr<PeerParts> parts_;
  std::mutex mutex_;  // guards what follows; no peer is called under it
  std::map<RaftId, std::shared_ptr<Peer>> peers_;
  bool stopped_ = false;
};

}  // namespace swarm::raft
