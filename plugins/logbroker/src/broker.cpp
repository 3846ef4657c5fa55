#include "broker.h"

#include <utility>

#include "swarm/ids.h"

namespace swarm::logbroker {
namespace {

constexpr std::int64_t kNanosASecond = 1'000'000'000;

Status NotRunning() { return {Code::kUnknown, "broker is not running"}; }

// Whether a node that does not listen may be about to.
bool MayCome(const Reader& reader, const std::string& node_id) {
  const auto node = reader.Get<pb::Node>(node_id);
  return node && (node->status().state() == pb::NodeStatus::READY ||
                  node->status().state() == pb::NodeStatus::UNKNOWN);
}

}  // namespace

Broker::Broker(Parts parts) : parts_(std::move(parts)), random_(parts_.runtime.NewRandom()) {}

void Broker::Start() {
  watch_ = parts_.store.Watch({{Table::kTask}}, parts_.loop, [this](const CommitPtr& commit) {
    if (!stopped_) OnCommit(*commit);
  });
}

void Broker::Stop() {
  if (std::exchange(stopped_, true)) return;
  watch_.reset();
  for (auto& [id, subscription] : std::exchange(subscriptions_, {})) {
    subscription->outlet->Abort(
        {Code::kCancelled, "context canceled\nthis manager no longer leads: ask again"});
  }
  for (const auto& publisher : std::exchange(publishers_, {})) {
    publisher->Finish({Code::kCancelled, "context canceled"});
  }
  // OK tells agents to look for the manager that leads now.
  for (auto& [id, listener] : std::exchange(listeners_, {})) listener->Finish(Status::Ok());
}

Result<std::string> Broker::CallerOf(const CallContext& context) const {
  if (stopped_) return NotRunning();
  if (!context.caller() || context.caller()->node_id.empty()) {
    return Status(Code::kPermissionDenied,
                  "Permission denied: unauthorized peer role: rpc error: code = PermissionDenied "
                  "desc = no client certificates in request");
  }
  return context.caller()->node_id;
}

Status Broker::CheckRequest(const pb::SubscribeLogsRequest& request) const {
  if (stopped_) return NotRunning();
  if (!request.has_selector()) return {Code::kInvalidArgument, "log selector must be provided"};
  const auto& selector = request.selector();
  if (selector.service_ids().empty() && selector.node_ids().empty() &&
      selector.task_ids().empty()) {
    return {Code::kInvalidArgument, "log selector must not be empty"};
  }
  if (request.options().tail() > 0) {
    return {Code::kInvalidArgument,
            "tail relative to start of logs is not supported: give 0 for all lines, or -n-1 for "
            "the last n"};
  }
  return Status::Ok();
}

void Broker::Subscribe(ServerStreamPtr stream, const pb::SubscribeLogsRequest& request) {
  if (const Status checked = CheckRequest(request); !checked.ok()) return stream->Finish(checked);
  pb::SubscriptionMessage message;
  message.set_id(NewId(*random_));
  *message.mutable_selector() = request.selector();
  // Agents expect both to be set.
  *message.mutable_options() = request.options();
  auto outlet = std::make_shared<Outlet>(parts_.post, parts_.options.buffer, std::move(stream));
  auto subscription = std::make_shared<Subscription>(std::move(message), outlet);
  const std::string id = subscription->id();
  subscriptions_.emplace(id, subscription);
  outlet->Begin([this, id] { End(id); });
  subscription->selection.Load(*parts_.store.Read());
  parts_.log.Debug("logs are asked for", {{"subscription", id}});
  Reach(subscription);
}

// Tells the nodes concerned; without follow, those out of reach count as done.
void Broker::Reach(const SubscriptionPtr& subscription) {
  const ViewPtr view = parts_.store.Read();
  bool waiting = false;
  for (const std::string& node_id : subscription->selection.Awaited()) {
    if (Listener* listener = ListenerOf(node_id)) {
      Tell(subscription, *listener);
    } else if (parts_.options.listener_wait > Duration::zero() && MayCome(*view, node_id)) {
      waiting = true;
    } else {
      subscription->selection.Done(node_id, "node " + node_id + " is not available");
    }
  }
  if (waiting && !subscription->selection.follow()) {
    subscription->wait = parts_.loop.After(
        parts_.options.listener_wait, [this, weak = std::weak_ptr<Subscription>(subscription)] {
          if (auto alive = weak.lock()) GiveUpWaiting(alive);
        });
  }
  NodeDone(subscription, {});
}

void Broker::GiveUpWaiting(const SubscriptionPtr& subscription) {
  auto fired = std::move(subscription->wait);
  for (const std::string& node_id : subscription->selection.Awaited()) {
    if (ListenerOf(node_id)) continue;
    NodeDone(subscription, node_id, "node " + node_id + " is not available");
  }
}

void Broker::Tell(const SubscriptionPtr& subscription, Listener& listener) {
  pb::SubscriptionMessage message = subscription->message;
  ContinueWhereItWas(subscription.get(), listener.node_id(), message.mutable_options());
  listener.Tell(std::move(message));
}

// A node that has sent some already is asked for what follows.
void Broker::ContinueWhereItWas(Subscription* subscription, const std::string& node_id,
                                pb::LogSubscriptionOptions* options) const {
  const auto since = subscription->progress.Restart(node_id);
  if (!since) return;
  if (options->tail() == 0) {
    // One of its tasks may have been interrupted before its first line, so that everything is
    // needed again, and what has arrived is left out here.
    bool all_heard = true;
    (void)parts_.store.Read()->FindTasks(By::Node(node_id), [&](const TaskPtr& task) {
      if (subscription->selection.Selects(*task))
        all_heard &= subscription->progress.Knows(task->id);
      return all_heard;
    });
    if (!all_heard) return;
  }
  options->set_tail(0);
  options->mutable_since()->set_seconds(*since / kNanosASecond);
  options->mutable_since()->set_nanos(static_cast<std::int32_t>(*since % kNanosASecond));
}

void Broker::OnCommit(const Commit& commit) {
  for (const auto& [id, subscription] : subscriptions_) {
    if (!subscription->selection.follow()) continue;
    for (const Event& event : commit.events) {
      if (!event.task || event.change == Change::kRemove) continue;
      const auto node_id = subscription->selection.OnTask(*event.task);
      Listener* listener = node_id ? ListenerOf(*node_id) : nullptr;
      if (listener) Tell(subscription, *listener);
    }
  }
}

void Broker::NodeDone(const SubscriptionPtr& subscription, const std::string& node_id,
                      std::string why_not) {
  Selection& selection = subscription->selection;
  selection.Done(node_id, std::move(why_not));
  if (!selection.complete() || std::exchange(subscription->finished, true)) return;
  subscription->wait.reset();
  // Through the same queue as the lines, which all come first.
  subscription->outlet->Finish(selection.Outcome());
}

void Broker::End(const std::string& subscription_id) {
  const auto found = subscriptions_.extract(subscription_id);
  if (found.empty()) return;
  const SubscriptionPtr& subscription = found.mapped();
  parts_.log.Debug("logs are asked for no more", {{"subscription", subscription_id}});
  for (const std::string& node_id : subscription->selection.Awaited()) {
    if (Listener* listener = ListenerOf(node_id)) listener->Close(subscription->message);
  }
}

Listener* Broker::ListenerOf(const std::string& node_id) const {
  const auto found = listeners_.find(node_id);
  return found == listeners_.end() ? nullptr : found->second.get();
}

void Broker::Listen(ServerStreamPtr stream) {
  auto caller = CallerOf(*stream->context());
  if (!caller.ok()) return stream->Finish(caller.status());
  if (auto before = listeners_.extract(*caller); !before.empty()) {
    // The node has begun anew: what is left of its last connection is dead, whether we have heard
    // so or not.
    before.mapped()->Finish({Code::kAborted, "node " + *caller + " listens anew"});
    EndPublishersOf(*caller);
  }
  auto listener = std::make_shared<Listener>(parts_.post, *caller, std::move(stream));
  listeners_[*caller] = listener;
  listener->Begin([this, raw = listener.get()] { OnListenerGone(*raw); });
  for (const auto& [id, subscription] : subscriptions_) {
    if (subscription->selection.Awaits(*caller)) Tell(subscription, *listener);
  }
}

void Broker::OnListenerGone(const Listener& listener) {
  const std::string node_id = listener.node_id();
  if (ListenerOf(node_id) != &listener) return;
  listeners_.erase(node_id);
  std::vector<SubscriptionPtr> all;  // some of them end
  for (const auto& [id, subscription] : subscriptions_) all.push_back(subscription);
  for (const auto& subscription : all) {
    NodeDone(subscription, node_id, "node " + node_id + " disconnected unexpectedly");
  }
}

}  // namespace swarm::logbroker
