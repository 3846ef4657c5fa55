#include "log_subscriptions.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace swarm::agent {

void LogSubscriptions::Begin(std::shared_ptr<Channel> channel) {
  End();
  channel_ = std::move(channel);
  retry_wait_ = Duration::zero();
  Listen();
}

void LogSubscriptions::Listen() {
  requests_ = Inbound<pb::SubscriptionMessage>::Open(
      *channel_, "/docker.swarmkit.v1.LogBroker/ListenSubscriptions",
      pb::ListenSubscriptionsRequest(), parts_.post, [this](auto message) { OnMessage(*message); },
      [this](Status status) { OnListeningEnd(status); });
}

void LogSubscriptions::OnMessage(const pb::SubscriptionMessage& message) {
  retry_wait_ = Duration::zero();
  const std::string& id = message.id();
  if (message.close()) {
    auto gone = subscriptions_.extract(id);
    if (!gone.empty()) gone.mapped()->Close();
    return;
  }
  auto& slot = subscriptions_[id];
  if (slot) return;
  slot = std::make_shared<LogSubscription>(
      LogSubscription::Parts{parts_.loop, parts_.post, parts_.log, parts_.options, parts_.tasks,
                             parts_.node_id,
                             [this, id](const Status& status) { OnPublishingEnd(id, status); }},
      message);
  slot->Begin(*channel_);
}

void LogSubscriptions::OnListeningEnd(const Status& status) {
  // What is still wanted will be asked for again.
  Drop();
  if (status.code() == Code::kUnimplemented) {
    parts_.log.Info("The manager serves no task logs");
    return;
  }
  parts_.log.Debug("Listening for log requests has ended", {{"error", status.ToString()}});
  retry_wait_ =
      std::clamp(2 * retry_wait_, parts_.options.backoff_initial, parts_.options.backoff_maximum);
  retry_ = parts_.loop.After(retry_wait_, [this] {
    auto fired = std::move(retry_);
    Listen();
  });
}

void LogSubscriptions::OnPublishingEnd(const std::string& id, const Status& status) {
  subscriptions_.erase(id);
  // Broken off, though it may still be wanted: to listen anew tells.
  if (status.code() != Code::kUnavailable || retry_ || !requests_) return;
  requests_->Cancel();
  OnListeningEnd(status);
}

void LogSubscriptions::Drop() {
  for (auto& [id, subscription] : std::exchange(subscriptions_, {})) subscription->Close();
}

void LogSubscriptions::End() {
  retry_.reset();
  if (requests_) std::exchange(requests_, nullptr)->Cancel();
  Drop();
  channel_.reset();
}

void LogSubscriptions::OnTask(const std::string& id) {
  // Beginning to read may end a subscription.
  std::vector<std::shared_ptr<LogSubscription>> all;
  for (const auto& [key, subscription] : subscriptions_) all.push_back(subscription);
  for (const auto& subscription : all) subscription->OnTask(id);
}

void LogSubscriptions::OnTaskGoing(const std::string& id) {
  for (const auto& [key, subscription] : subscriptions_) subscription->OnTaskGoing(id);
}

}  // namespace swarm::agent
