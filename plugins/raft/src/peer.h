// The way to one member. Messages go one after the other, so that their order is kept; what
// piles up behind one on its way is joined where raft allows it, so a slow way costs round trips
// but not throughput. Snapshots have a way of their own: heartbeats must not wait behind them.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "core/types.h"
#include "swarm/network.h"
#include "swarm/rpc.h"
#include "swarm/runtime.h"
#include "transport.h"

namespace swarm::raft {

// Where connections come from, and who hears of what becomes of messages. Threading: [any].
struct PeerParts {
  Function<Result<std::shared_ptr<Channel>>(const std::string& address) const> dial;
  std::shared_ptr<TransportEvents> events;
};

class Peer : public std::enable_shared_from_this<Peer> {
 public:
  Peer(RaftId id, std::string address, std::shared_ptr<PeerParts> parts);

  // [any]
  void SetAddress(std::string address);
  void Send(Message message);
  // Asks whether it is up, and tells that it was reached or not.
  void Probe();
  // It has spoken: if it could not be reached last time, the next try does not wait its turn.
  void Heard();
  // The last messages still leave; then nothing is told any more.
  void Stop();
  std::shared_ptr<Channel> channel();

 private:
  void SendNext(std::unique_lock<std::mutex> lock);
  void SendUnary(const std::shared_ptr<Channel>& channel, Message message);
  void SendSnapshot(Message message);
  void OnSent(const Status& outcome);
  void OnSnapshotSent(const Status& outcome);
  void OnProbed(const Status& outcome);
  void Note(const Status& outcome);
  void Tell(const Status& outcome);
  Result<std::shared_ptr<Channel>> Connect(std::unique_lock<std::mutex>& lock);

  const RaftId id_;
  const std::shared_ptr<PeerParts> parts_;

  std::mutex mutex_;  // guards all below; no call is made under it
  std::string address_;
  std::shared_ptr<Channel> channel_;
  std::deque<Message> queue_;
  bool sending_ = false;
  bool sending_snapshot_ = false;
  bool probing_ = false;
  bool failing_ = false;  // the last try
  bool stopped_ = false;
};

// Puts `message` behind those in `queue`, joined with the last if both say one thing.
void Enqueue(std::deque<Message>& queue, Message message);

}  // namespace swarm::raft
