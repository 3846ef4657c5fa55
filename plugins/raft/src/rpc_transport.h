// The transport over rpc: a Peer for each member.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "address_finder.h"
#include "peer.h"
#include "transport.h"

namespace swarm::raft {

class RpcTransport final : public Transport, public std::enable_shared_from_this<RpcTransport> {
 public:
  // `manager`: somebody to ask for addresses besides the members; may be empty.
  RpcTransport(std::shared_ptr<PeerParts> parts, std::string manager)
      : parts_(std::move(parts)), manager_(std::move(manager)) {}

  void SetMembers(const std::vector<docker::swarmkit::v1::RaftMember>& members) override;
  void Send(Message message) override;
  void Probe(const std::vector<RaftId>& members) override;
  void AskTiming(RaftId member, Function<void(TimingAnswer)> done) override;
  void Stop() override;

  // [any] A message of that member has come in.
  void Heard(RaftId id);
  // [any] The connection to a member; null: no such member, or its address makes no sense.
  std::shared_ptr<Channel> ChannelTo(RaftId id);

 private:
  std::shared_ptr<Peer> Find(RaftId id);
  void SendToStranger(Message message);
  void Meet(RaftId id, std::string address, Message message);

  const std::shared_ptr<PeerParts> parts_;
  const std::string manager_;
  const std::shared_ptr<AddressFinder> finder_ = std::make_shared<AddressFinder>();
  std::mutex mutex_;  // guards what follows; no peer is called under it
  std::map<RaftId, std::shared_ptr<Peer>> peers_;
  // Members that the log has not named here yet.
  std::map<RaftId, std::shared_ptr<Peer>> strangers_;
  bool stopped_ = false;
};

}  // namespace swarm::raft
