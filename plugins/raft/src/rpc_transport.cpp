#include "rpc_transport.h"

#include <utility>

namespace swarm::raft {

void RpcTransport::SetMembers(const std::vector<docker::swarmkit::v1::RaftMember>& members) {
  std::map<RaftId, std::shared_ptr<Peer>> gone;
  std::vector<std::pair<std::shared_ptr<Peer>, std::string>> kept;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    gone.swap(peers_);
    for (const auto& member : members) {
      const RaftId id(member.raft_id());
      auto before = gone.extract(id);
      std::shared_ptr<Peer> peer =
          before.empty() ? std::make_shared<Peer>(id, member.addr(), parts_) : before.mapped();
      kept.emplace_back(peer, member.addr());
      peers_[id] = std::move(peer);
    }
  }
  for (auto& [peer, address] : kept) peer->SetAddress(std::move(address));
  for (auto& [id, peer] : gone) peer->Stop();
}

void RpcTransport::Send(Message message) {
  std::shared_ptr<Peer> peer;
  {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(message.to);
    if (stopped_ || found == peers_.end()) return;
    peer = found->second;
  }
  peer->Send(std::move(message));
}

std::shared_ptr<Channel> RpcTransport::ChannelTo(RaftId id) {
  std::shared_ptr<Peer> peer;
  {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(id);
    if (stopped_ || found == peers_.end()) return nullptr;
    peer = found->second;
  }
  return peer->channel();
}

void RpcTransport::Stop() {
  std::map<RaftId, std::shared_ptr<Peer>> peers;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    peers.swap(peers_);
  }
  for (auto& [id, peer] : peers) peer->Stop();
}

}  // namespace swarm::raft
