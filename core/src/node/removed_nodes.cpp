#include "node/removed_nodes.h"

#include <utility>

namespace swarm::node {
namespace {

// The one cluster object there is.
constexpr std::string_view kClusterName = "default";

}  // namespace

RemovedNodes::RemovedNodes(Store& store, Loop& loop, rpc::RouterImpl& router, Listeners& listeners,
                           Logger logger)
    : router_(router), listeners_(listeners), logger_(std::move(logger)) {
  auto [view, subscription] =
      store.ReadAndWatch({{Table::kCluster}}, loop, [this](const CommitPtr& commit) {
        for (const Event& event : commit->events) {
          if (event.table != Table::kCluster || event.change == Change::kRemove) continue;
          Follow(static_cast<const pb::Cluster&>(*event.object));
        }
      });
  subscription_ = std::move(subscription);
  auto clusters = view->Find<pb::Cluster>(By::Name(std::string(kClusterName)));
  if (clusters.ok() && !clusters->empty()) Follow(*clusters->front());
}

RemovedNodes::~RemovedNodes() {
  subscription_.reset();
  router_.SetBlacklist(nullptr);
}

void RemovedNodes::Follow(const pb::Cluster& cluster) {
  if (cluster.spec().annotations().name() != kClusterName) return;
  std::set<std::string, std::less<>> now;
  for (const auto& [node_id, certificate] : cluster.blacklisted_certificates()) now.insert(node_id);
  if (now == removed_) return;
  const auto before = std::exchange(removed_, std::move(now));
  router_.SetBlacklist(
      [removed = std::make_shared<const std::set<std::string, std::less<>>>(removed_)](
          std::string_view node_id) { return removed->contains(node_id); });
  // Refused first, then closed: whoever comes back at once is refused.
  for (const std::string& node_id : removed_) {
    if (before.contains(node_id)) continue;
    logger_.Info("a node was removed: its connections are closed", {{"removed", node_id}});
    listeners_.CloseConnectionsOf(node_id);
  }
}

}  // namespace swarm::node
