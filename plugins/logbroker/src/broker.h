// The log broker while it leads: which clients want output, which agents can send it, and what is
// on its way between them.
// Threading: [loop], the broker's own.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "listener.h"
#include "options.h"
#include "outlet.h"
#include "progress.h"
#include "publisher.h"
#include "selection.h"
#include "swarm/log.h"
#include "swarm/plugin.h"
#include "swarm/rpc.h"
#include "swarm/store.h"

namespace swarm::logbroker {

// One client's request.
struct Subscription {
  Subscription(pb::SubscriptionMessage told, std::shared_ptr<Outlet> to)
      : message(std::move(told)),
        selection(message.selector(), message.options().follow()),
        outlet(std::move(to)) {}

  const std::string& id() const { return message.id(); }

  const pb::SubscriptionMessage message;  // as agents are told
  Selection selection;
  Progress progress;  // follow only
  const std::shared_ptr<Outlet> outlet;
  std::unique_ptr<Timer> wait;  // for nodes that do not listen yet
  bool finished = false;        // its outcome is settled; its last lines may be on their way
};
using SubscriptionPtr = std::shared_ptr<Subscription>;

class Broker : public std::enable_shared_from_this<Broker> {
 public:
  struct Parts {
    Loop& loop;
    Poster post;
    Runtime& runtime;
    Logger log;
    Store& store;
    Options options;
  };
  explicit Broker(Parts parts);

  void Start();
  // Ends every stream. Idempotent.
  void Stop();

  // A client wants output; an agent asks what for; an agent sends it.
  void Subscribe(ServerStreamPtr stream, const pb::SubscribeLogsRequest& request);
  void Listen(ServerStreamPtr stream);
  void Publish(ServerStreamPtr stream);

 private:
  // broker.cpp
  Result<std::string> CallerOf(const CallContext& context) const;
  Status CheckRequest(const pb::SubscribeLogsRequest& request) const;
  void Reach(const SubscriptionPtr& subscription);
  void Tell(const SubscriptionPtr& subscription, Listener& listener);
  void ContinueWhereItWas(Subscription* subscription, const std::string& node_id,
                          pb::LogSubscriptionOptions* options) const;
  void GiveUpWaiting(const SubscriptionPtr& subscription);
  void OnCommit(const Commit& commit);
  void NodeDone(const SubscriptionPtr& subscription, const std::string& node_id,
                std::string why_not = {});
  void End(const std::string& subscription_id);
  void OnListenerGone(const Listener& listener);
  Listener* ListenerOf(const std::string& node_id) const;

  // publishing.cpp
  void OnPublished(const std::shared_ptr<Publisher>& publisher, Result<Publisher::Message> read);
  // Null when the stream's subscription has ended meanwhile.
  Result<SubscriptionPtr> Match(Publisher* publisher, const pb::PublishLogsMessage& message) const;
  Status CheckLines(Publisher* publisher, const pb::PublishLogsMessage& message) const;
  void Deliver(const Publisher& publisher, Subscription* subscription,
               const pb::PublishLogsMessage& message);
  void OnHalfClosed(const std::shared_ptr<Publisher>& publisher);
  void EndPublisher(const std::shared_ptr<Publisher>& publisher, const Status& status,
                    std::string why_not = {});
  void EndPublishersOf(const std::string& node_id);

  Parts parts_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<swarm::Subscription> watch_;
  std::unordered_map<std::string, SubscriptionPtr> subscriptions_;
  std::unordered_map<std::string, std::shared_ptr<Listener>> listeners_;  // by node
  std::unordered_set<std::shared_ptr<Publisher>> publishers_;
  bool stopped_ = false;
};

}  // namespace swarm::logbroker
