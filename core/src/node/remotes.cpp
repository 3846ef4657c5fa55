#include "node/remotes.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "swarmkit/v1/types.pb.h"

namespace swarm::node {
namespace {

// Everybody keeps a small chance, so that who did badly once is tried again.
constexpr double kLeast = 0.001;

std::pair<std::string, std::string> KeyOf(const Peer& peer) { return {peer.node_id, peer.address}; }

bool Excluded(const Peer& peer, const std::vector<Peer>& except) {
  return std::any_of(except.begin(), except.end(), [&](const Peer& other) {
    return (!other.node_id.empty() && other.node_id == peer.node_id) ||
           (!other.address.empty() && other.address == peer.address);
  });
}

}  // namespace

void Remotes::Observe(const Peer& peer, int weight) {
  const auto clip = [](double value) {
    return std::clamp(value, -double{kWeightLimit}, double{kWeightLimit});
  };
  int& known = weights_[KeyOf(peer)];
  known = static_cast<int>(clip(std::ceil(clip(0.5 * clip(weight) + 0.5 * known))));
}

void Remotes::ObserveIfKnown(const Peer& peer, int weight) {
  if (weights_.contains(KeyOf(peer))) Observe(peer, weight);
}

void Remotes::Remove(const Peer& peer) { weights_.erase(KeyOf(peer)); }

std::optional<Peer> Remotes::Select(Random& random, const std::vector<Peer>& except) const {
  std::vector<std::pair<Peer, double>> candidates;
  double total = 0;
  for (const auto& [key, weight] : weights_) {
    Peer peer{key.first, key.second};
    if (Excluded(peer, except)) continue;
    total += std::max(weight, 0) + kLeast;
    candidates.emplace_back(std::move(peer), total);
  }
  if (candidates.empty()) return std::nullopt;
  constexpr std::uint64_t kSteps = std::uint64_t{1} << 53;
  const double drawn = static_cast<double>(random.Below(kSteps)) / kSteps * total;
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [drawn](const auto& c) { return drawn < c.second; });
  return found == candidates.end() ? candidates.back().first : found->first;
}

std::vector<Peer> Remotes::All() const {
  std::vector<Peer> peers;
  for (const auto& [key, weight] : weights_) peers.push_back({key.first, key.second});
  return peers;
}

int Remotes::WeightOf(const Peer& peer) const {
  const auto found = weights_.find(KeyOf(peer));
  return found == weights_.end() ? 0 : found->second;
}

}  // namespace swarm::node
