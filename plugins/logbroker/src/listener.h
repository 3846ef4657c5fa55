// One agent that asks what is to be published: it is told of every subscription that concerns its
// node once, and when one of them ends early.
// Threading: [loop].
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_set>

#include "component/poster.h"
#include "swarm/rpc.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::logbroker {

namespace pb = ::docker::swarmkit::v1;
using component::Poster;

class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(Poster post, std::string node_id, ServerStreamPtr stream)
      : post_(std::move(post)), node_id_(std::move(node_id)), stream_(std::move(stream)) {}

  const std::string& node_id() const { return node_id_; }
  // `gone` runs once when the agent has left; not after Finish.
  void Begin(Function<void()> gone);
  // A second time for the same subscription does nothing.
  void Tell(pb::SubscriptionMessage subscription);
  // It has ended; an agent that has not been told of it yet never is.
  void Close(pb::SubscriptionMessage subscription);
  void Finish(Status status);

 private:
  void Send();
  void OnSent(bool sent);
  void OnGone();

  const Poster post_;
  const std::string node_id_;
  ServerStreamPtr stream_;  // null once ended
  Function<void()> gone_;
  std::unordered_set<std::string> told_;
  // At most one message for each subscription that lasts or of which the agent still has to hear.
  std::deque<pb::SubscriptionMessage> queue_;
  bool busy_ = false;
};

}  // namespace swarm::logbroker
