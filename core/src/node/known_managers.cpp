#include "node/known_managers.h"

#include <algorithm>

namespace swarm::node {

KnownManagers::KnownManagers(Network& network, std::unique_ptr<Random> random,
                             std::function<void(std::vector<Peer>)> changed)
    : network_(network), changed_(std::move(changed)), random_(std::move(random)) {}

void KnownManagers::Begin(const std::vector<Peer>& peers) {
  const std::lock_guard lock(mutex_);
  for (const Peer& peer : peers) remotes_.Observe(peer, kGoodWeight);
}

void KnownManagers::SetLocal(std::shared_ptr<Channel> channel) {
  const std::lock_guard lock(mutex_);
  local_.swap(channel);
}

std::optional<Peer> KnownManagers::Other(const std::string& node_id) {
  const std::lock_guard lock(mutex_);
  return remotes_.Select(*random_, {Peer{node_id, ""}});
}

bool KnownManagers::Empty() const {
  const std::lock_guard lock(mutex_);
  return !local_ && remotes_.All().empty();
}

std::shared_ptr<Channel> KnownManagers::Select() noexcept {
  if (auto local = Local()) return local;
  const auto peer = PickRemote();
  if (!peer) return nullptr;
  DialOptions options;
  options.server_name = "swarm-manager";
  auto channel = network_.Dial(peer->address, std::move(options));
  if (!channel.ok()) {
    ReportRemote(*peer, false);
    return nullptr;
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(given_, [](const auto& entry) { return entry.first.expired(); });
  given_.emplace_back(*channel, *peer);
  return *channel;
}

void KnownManagers::Report(const std::shared_ptr<Channel>& channel, bool good) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(given_.begin(), given_.end(),
                                  [&](const auto& entry) { return entry.first.lock() == channel; });
  if (found == given_.end()) return;
  remotes_.ObserveIfKnown(found->second, good ? kGoodWeight : kBadWeight);
}

void KnownManagers::SetManagers(std::vector<Peer> managers) noexcept {
  std::vector<Peer> now;
  {
    const std::lock_guard lock(mutex_);
    const auto before = remotes_.All();
    for (const Peer& peer : managers) remotes_.Observe(peer, kGoodWeight);
    for (const Peer& peer : before) {
      const bool stays = std::find(managers.begin(), managers.end(), peer) != managers.end();
      if (!stays) remotes_.Remove(peer);
    }
    now = remotes_.All();
    if (now == before) return;
  }
  changed_(std::move(now));
}

std::shared_ptr<Channel> KnownManagers::Local() noexcept {
  const std::lock_guard lock(mutex_);
  return local_;
}

std::optional<Peer> KnownManagers::PickRemote() noexcept {
  const std::lock_guard lock(mutex_);
  return remotes_.Select(*random_);
}

void KnownManagers::ReportRemote(const Peer& peer, bool good) noexcept {
  const std::lock_guard lock(mutex_);
  remotes_.ObserveIfKnown(peer, good ? kGoodWeight : kBadWeight);
}

}  // namespace swarm::node
