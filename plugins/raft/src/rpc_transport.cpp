#include "rpc_transport.h"

#include <utility>

namespace swarm::raft {
namespace {

// Leaders follow one another; who is written to by more than this many unknown ones starts again.
constexpr std::size_t kMaxStrangers = 16;

}  // namespace

void RpcTransport::SetMembers(const std::vector<docker::swarmkit::v1::RaftMember>& members) {
  std::map<RaftId, std::shared_ptr<Peer>> gone;
  std::vector<std::pair<std::shared_ptr<Peer>, std::string>> kept;
  std::vector<RaftId> added;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    gone.swap(peers_);
    for (const auto& member : members) {
      const RaftId id(member.raft_id());
      auto before = gone.extract(id);
      if (before.empty()) {
        before = strangers_.extract(id);
        added.push_back(id);
      }
      std::shared_ptr<Peer> peer =
          before.empty() ? std::make_shared<Peer>(id, member.addr(), parts_) : before.mapped();
      kept.emplace_back(peer, member.addr());
      peers_[id] = std::move(peer);
    }
  }
  for (auto& [peer, address] : kept) peer->SetAddress(std::move(address));
  for (auto& [id, peer] : gone) peer->Stop();
  Probe(added);
}

std::shared_ptr<Peer> RpcTransport::Find(RaftId id) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return nullptr;
  if (const auto found = peers_.find(id); found != peers_.end()) return found->second;
  const auto found = strangers_.find(id);
  return found == strangers_.end() ? nullptr : found->second;
}

void RpcTransport::Send(Message message) {
  if (const std::shared_ptr<Peer> peer = Find(message.to)) return peer->Send(std::move(message));
  SendToStranger(std::move(message));
}

void RpcTransport::SendToStranger(Message message) {
  std::vector<AddressFinder::Asked> managers;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    for (const auto& [id, peer] : peers_) managers.push_back([peer] { return peer->channel(); });
  }
  if (!manager_.empty()) {
    managers.push_back([parts = parts_, manager = manager_]() -> std::shared_ptr<Channel> {
      auto channel = parts->dial(manager);
      return channel.ok() ? *std::move(channel) : nullptr;
    });
  }
  const RaftId id = message.to;
  finder_->Find(id, std::move(managers),
                [weak = weak_from_this(), id, message = std::move(message)](std::string address) {
                  if (const auto self = weak.lock()) self->Meet(id, std::move(address), message);
                });
}

void RpcTransport::Meet(RaftId id, std::string address, Message message) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    if (!peers_.contains(id)) {
      if (strangers_.size() >= kMaxStrangers) strangers_.clear();
      strangers_[id] = std::make_shared<Peer>(id, std::move(address), parts_);
    }
  }
  if (const std::shared_ptr<Peer> peer = Find(id)) peer->Send(std::move(message));
}

void RpcTransport::Probe(const std::vector<RaftId>& members) {
  for (const RaftId id : members) {
    if (const std::shared_ptr<Peer> peer = Find(id)) peer->Probe();
  }
}

void RpcTransport::Heard(RaftId id) {
  if (const std::shared_ptr<Peer> peer = Find(id)) peer->Heard();
}

void RpcTransport::AskTiming(RaftId member, Function<void(TimingAnswer)> done) {
  std::shared_ptr<Channel> channel = ChannelTo(member);
  if (!channel) return done({});
  raft::AskTiming(std::move(channel), std::move(done));
}

std::shared_ptr<Channel> RpcTransport::ChannelTo(RaftId id) {
  const std::shared_ptr<Peer> peer = Find(id);
  return peer ? peer->channel() : nullptr;
}

void RpcTransport::Stop() {
  std::map<RaftId, std::shared_ptr<Peer>> peers;
  std::map<RaftId, std::shared_ptr<Peer>> strangers;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    peers.swap(peers_);
    strangers.swap(strangers_);
  }
  finder_->Stop();
  for (auto& [id, peer] : peers) peer->Stop();
  for (auto& [id, peer] : strangers) peer->Stop();
}

}  // namespace swarm::raft
