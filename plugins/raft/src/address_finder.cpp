#include "address_finder.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "swarm/rpc_typed.h"
#include "swarmkit/v1/raft.pb.h"

namespace swarm::raft {
namespace {

namespace pb = ::docker::swarmkit::v1;

// As SwarmKit's managers wait.
constexpr Duration kTimeout = std::chrono::seconds(2);

}  // namespace

void AddressFinder::Find(RaftId id, std::vector<Asked> managers,
                         Function<void(std::string)> found) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || std::exchange(busy_, true)) return;
    id_ = id;
    managers_ = std::move(managers);
    std::reverse(managers_.begin(), managers_.end());
    found_ = std::move(found);
  }
  AskNext();
}

void AddressFinder::Stop() {
  std::vector<Asked> managers;
  Function<void(std::string)> found;
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  managers.swap(managers_);
  std::swap(found, found_);
}

void AddressFinder::AskNext() {
  std::shared_ptr<Channel> channel;
  pb::ResolveAddressRequest request;
  while (!channel) {
    Asked next;
    {
      const std::lock_guard lock(mutex_);
      if (managers_.empty()) {
        busy_ = false;
        return;
      }
      next = std::move(managers_.back());
      managers_.pop_back();
      request.set_raft_id(id_.value());
    }
    channel = next();
  }
  CallOptions options;
  options.timeout = kTimeout;
  Channel& asked = *channel;
  CallUnary<pb::ResolveAddressResponse>(
      asked, "/docker.swarmkit.v1.Raft/ResolveAddress", std::move(options), std::move(request),
      [self = shared_from_this(), channel = std::move(channel)](auto reply) {
        self->OnAnswer(reply.ok() ? (*reply)->addr() : std::string());
      });
}

void AddressFinder::OnAnswer(std::string address) {
  if (address.empty()) return AskNext();
  Function<void(std::string)> found;
  {
    const std::lock_guard lock(mutex_);
    managers_.clear();
    busy_ = false;
    std::swap(found, found_);
  }
  if (found) found(std::move(address));
}

}  // namespace swarm::raft
