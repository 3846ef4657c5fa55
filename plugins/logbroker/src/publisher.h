// One stream of output from an agent. The next message is read only once the last has found room,
// so that a slow client slows the agent and nothing piles up here.
// Threading: [loop].
#pragma once

#include <memory>
#include <string>
#include <unordered_set>

#include "component/poster.h"
#include "swarm/rpc.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::logbroker {

namespace pb = ::docker::swarmkit::v1;
using component::Poster;

struct Subscription;

class Publisher : public std::enable_shared_from_this<Publisher> {
 public:
  using Message = std::shared_ptr<const pb::PublishLogsMessage>;

  Publisher(Poster post, std::string node_id, ServerStreamPtr stream)
      : post_(std::move(post)), node_id_(std::move(node_id)), stream_(std::move(stream)) {}

  // `read` gets each message, null when the agent has closed its side, or an error when it cannot
  // be read or the agent has left; after a message it asks for the Next.
  void Begin(Function<void(Result<Message>)> read);
  void Next();
  // Sends the method's response; `sent`: whether the agent is still there to get it.
  void Respond(Function<void(bool sent)> sent);
  void Finish(const Status& status);

  const std::string& node_id() const { return node_id_; }

  // What the first message has fixed; for the broker.
  std::string subscription_id;
  std::weak_ptr<Subscription> subscription;
  std::unordered_set<std::string> own_tasks;  // that the store knows as this node's

 private:
  void OnRead(Result<Message> message);

  const Poster post_;
  const std::string node_id_;
  ServerStreamPtr stream_;  // null once ended
  Function<void(Result<Message>)> read_;
};

}  // namespace swarm::logbroker
