// Which output of this node's tasks the manager wants: listens while a session lasts, and keeps a
// LogSubscription for each request.
// Threading: [loop].
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "inbound.h"
#include "log_subscription.h"

namespace swarm::agent {

class LogSubscriptions : public std::enable_shared_from_this<LogSubscriptions> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    Logger log;
    Options options;
    std::string node_id;
    const LogTasks& tasks;  // outlives End
  };
  explicit LogSubscriptions(Parts parts) : parts_(std::move(parts)) {}

  // A session is there; until End, requests are listened to over its channel. That they cannot be
  // had does not end the session: listening is tried again.
  void Begin(std::shared_ptr<Channel> channel);
  void End();

  void OnTask(const std::string& id);
  void OnTaskGoing(const std::string& id);

 private:
  void Listen();
  void OnMessage(const pb::SubscriptionMessage& message);
  void OnListeningEnd(const Status& status);
  void OnPublishingEnd(const std::string& id, const Status& status);
  void Drop();

  Parts parts_;
  std::shared_ptr<Channel> channel_;  // null: no session
  std::shared_ptr<Inbound<pb::SubscriptionMessage>> requests_;
  std::unordered_map<std::string, std::shared_ptr<LogSubscription>> subscriptions_;
  Duration retry_wait_{};
  std::unique_ptr<Timer> retry_;
};

}  // namespace swarm::agent
