// The managers an agent of this node may talk to: itself while it is one, else those it has heard
// of, the better ones more often.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "node/remotes.h"
#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/network.h"

namespace swarm::node {

// A node that manages itself reaches its dispatcher in memory, whoever leads: calls go through the
// rpc table, which forwards them when they are the leader's.
class SWARM_EXPORT KnownManagers final : public ManagerSource {
 public:
  // `changed`: the list is another one; on the thread that changed it, under no lock.
  KnownManagers(Network& network, std::unique_ptr<Random> random,
                std::function<void(std::vector<Peer>)> changed);

  void Begin(const std::vector<Peer>& peers);
  // Null: this node is no manager.
  void SetLocal(std::shared_ptr<Channel> channel);
  // One to join a group through, other than this node.
  std::optional<Peer> Other(const std::string& node_id);
  bool Empty() const;

  std::shared_ptr<Channel> Select() noexcept override;
  void Report(const std::shared_ptr<Channel>& channel, bool good) noexcept override;
  void SetManagers(std::vector<Peer> managers) noexcept override;
  std::shared_ptr<Channel> Local() noexcept override;
  std::optional<Peer> PickRemote() noexcept override;
  void ReportRemote(const Peer& peer, bool good) noexcept override;

 private:
  Network& network_;
  const std::function<void(std::vector<Peer>)> changed_;
  mutable std::mutex mutex_;  // guards the rest, never held in a call
  std::unique_ptr<Random> random_;
  Remotes remotes_;
  std::shared_ptr<Channel> local_;
  // Whom the channels given out lead to.
  std::vector<std::pair<std::weak_ptr<Channel>, Peer>> given_;
};

}  // namespace swarm::node
