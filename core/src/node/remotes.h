// The managers this node knows: how each has done lately, and the file that remembers them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "swarm/agent.h"
#include "swarm/export.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::node {

// Bounds and steps of SwarmKit's weights.
inline constexpr int kGoodWeight = 10;
inline constexpr int kBadWeight = -10;
inline constexpr int kWeightLimit = 256;

// Peers with weights; the better one did, the likelier it is drawn. Threading: one user at a time.
class SWARM_EXPORT Remotes {
 public:
  // Half of the old weight and half of the new one; a peer that was unknown begins at 0.
  void Observe(const Peer& peer, int weight);
  void ObserveIfKnown(const Peer& peer, int weight);
  void Remove(const Peer& peer);
  // Drawn by weight, but no peer that has a node id or an address of `except`. Nothing when none is
  // left. A peer that does badly still has a chance of one in thousands.
  std::optional<Peer> Select(Random& random, const std::vector<Peer>& except = {}) const;
  std::vector<Peer> All() const;  // by node id, then address
  int WeightOf(const Peer& peer) const;

 private:
  std::map<std::pair<std::string, std::string>, int> weights_;  // by node id and address
};

// SwarmKit's file: a JSON array of {"node_id", "addr"}, sorted, empty fields left out.
SWARM_EXPORT std::string FormatPeers(std::vector<Peer> peers);
// InvalidArgument when it is no such array.
SWARM_EXPORT Result<std::vector<Peer>> ParsePeers(std::string_view text);

}  // namespace swarm::node
