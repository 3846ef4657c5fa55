// The managers an agent of this node may talk to: itself, while it is one.
#pragma once

#include <memory>

#include "swarm/agent.h"
#include "swarm/export.h"

namespace swarm::node {

// A node that manages itself reaches its dispatcher in memory, whoever leads: calls go through the
// rpc table, which forwards them when they are the leader's.
class SWARM_EXPORT OwnManager final : public ManagerSource {
 public:
  explicit OwnManager(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}

  std::shared_ptr<Channel> Select() noexcept override { return channel_; }
  void Report(const std::shared_ptr<Channel>&, bool) noexcept override {}
  void SetManagers(std::vector<Peer>) noexcept override {}

 private:
  const std::shared_ptr<Channel> channel_;
};

}  // namespace swarm::node
