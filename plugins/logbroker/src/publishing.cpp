#include <utility>

#include "broker.h"

namespace swarm::logbroker {
namespace {

std::string Disconnected(const Publisher& publisher) {
  return "node " + publisher.node_id() + " disconnected unexpectedly";
}

}  // namespace

void Broker::Publish(ServerStreamPtr stream) {
  auto caller = CallerOf(*stream->context());
  if (!caller.ok()) return stream->Finish(caller.status());
  auto publisher = std::make_shared<Publisher>(parts_.post, *caller, std::move(stream));
  publishers_.insert(publisher);
  publisher->Begin([this, raw = publisher.get()](Result<Publisher::Message> read) {
    OnPublished(raw->shared_from_this(), std::move(read));
  });
}

void Broker::OnPublished(const std::shared_ptr<Publisher>& publisher,
                         Result<Publisher::Message> read) {
  if (!read.ok()) {
    const bool left = read.status().code() == Code::kCancelled;
    return EndPublisher(publisher, read.status(),
                        left ? Disconnected(*publisher) : read.status().message());
  }
  if (!*read) return OnHalfClosed(publisher);
  const pb::PublishLogsMessage& message = **read;
  auto subscription = Match(publisher.get(), message);
  Status checked = subscription.status();
  if (checked.ok() && message.close()) {
    publisher->Respond([](bool) {});
    return EndPublisher(publisher, Status::Ok());
  }
  if (checked.ok()) checked = CheckLines(publisher.get(), message);
  if (!checked.ok()) return EndPublisher(publisher, checked, checked.message());
  // What comes for a client that has left is read and dropped, until the agent has heard of it.
  if (*subscription) {
    Deliver(*publisher, subscription->get(), message);
    Outlet& outlet = *(*subscription)->outlet;
    if (outlet.full()) {
      return outlet.WhenRoom([weak = std::weak_ptr<Publisher>(publisher)] {
        if (auto self = weak.lock()) self->Next();
      });
    }
  }
  publisher->Next();
}

Result<SubscriptionPtr> Broker::Match(Publisher* publisher,
                                      const pb::PublishLogsMessage& message) const {
  const std::string& id = message.subscription_id();
  if (id.empty()) return Status(Code::kInvalidArgument, "missing subscription ID");
  if (!publisher->subscription_id.empty()) {
    if (publisher->subscription_id != id) {
      return Status(Code::kInvalidArgument, "different subscription IDs in the same session");
    }
    auto subscription = publisher->subscription.lock();
    return subscription && subscriptions_.contains(id) ? subscription : nullptr;
  }
  const auto found = subscriptions_.find(id);
  if (found == subscriptions_.end()) return Status(Code::kNotFound, "unknown subscription ID");
  if (!found->second->selection.Concerns(publisher->node_id())) {
    return Status(Code::kPermissionDenied,
                  "subscription " + id + " does not concern node " + publisher->node_id());
  }
  publisher->subscription_id = id;
  publisher->subscription = found->second;
  return found->second;
}

// Nobody may pretend that another node, or another node's task, has written something.
Status Broker::CheckLines(Publisher* publisher, const pb::PublishLogsMessage& message) const {
  ViewPtr view;
  for (const pb::LogMessage& line : message.messages()) {
    const auto& context = line.context();
    if (context.node_id() != publisher->node_id()) {
      return {Code::kPermissionDenied, "invalid NodeID: expected=" + publisher->node_id() +
                                           ";received=" + context.node_id()};
    }
    if (publisher->own_tasks.contains(context.task_id())) continue;
    if (!view) view = parts_.store.Read();
    // A task may have been removed while its output is still on its way.
    const TaskPtr task = view->GetTask(context.task_id());
    if (task && task->node_id != publisher->node_id()) {
      return {Code::kPermissionDenied,
              "task " + context.task_id() + " is not assigned to node " + publisher->node_id()};
    }
    if (task) publisher->own_tasks.insert(context.task_id());
  }
  return Status::Ok();
}

void Broker::Deliver(const Publisher& publisher, Subscription* subscription,
                     const pb::PublishLogsMessage& message) {
  for (const pb::LogMessage& line : message.messages()) {
    // Of tasks nobody knows nothing is remembered: an agent could name any number of them.
    const bool remember =
        subscription->selection.follow() && publisher.own_tasks.contains(line.context().task_id());
    if (!remember || subscription->progress.Accept(line)) subscription->outlet->Push(line);
  }
}

// A lost connection may look like this too; then the response does not arrive.
void Broker::OnHalfClosed(const std::shared_ptr<Publisher>& publisher) {
  publisher->Respond([this, weak = std::weak_ptr<Publisher>(publisher)](bool sent) {
    auto self = weak.lock();
    if (!self) return;
    EndPublisher(self, Status::Ok(), sent ? std::string() : Disconnected(*self));
  });
}

void Broker::EndPublisher(const std::shared_ptr<Publisher>& publisher, const Status& status,
                          std::string why_not) {
  publishers_.erase(publisher);
  publisher->Finish(status);
  if (auto subscription = publisher->subscription.lock()) {
    NodeDone(subscription, publisher->node_id(), std::move(why_not));
  }
}

void Broker::EndPublishersOf(const std::string& node_id) {
  std::vector<std::shared_ptr<Publisher>> dead;
  for (const auto& publisher : publishers_) {
    if (publisher->node_id() == node_id) dead.push_back(publisher);
  }
  for (const auto& publisher : dead) {
    EndPublisher(publisher, {Code::kAborted, "node " + node_id + " listens anew"},
                 Disconnected(*publisher));
  }
}

}  // namespace swarm::logbroker
