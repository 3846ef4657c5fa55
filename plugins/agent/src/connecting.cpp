#include <algorithm>
#include <utility>

#include "core.h"

namespace swarm::agent {

void Core::Connect(Duration delay) {
  connect_timer_ = parts_.loop.After(delay, [this] {
    auto fired = std::move(connect_timer_);
    OpenSession();
  });
}

void Core::OpenSession() {
  auto channel = parts_.parameters.managers->Select();
  if (!channel) return OnSessionEnd({Code::kUnavailable, "no manager is known"});
  session_ = std::make_shared<Session>(Session::Parts{
      parts_.loop, parts_.post, parts_.log, parts_.options, std::move(channel),
      [this](const pb::SessionMessage& message) { OnMessage(message); }, [this] { OnRegistered(); },
      [this](const pb::AssignmentsMessage& message) { worker_->Apply(message); },
      [this](const Status& why) { OnSessionEnd(why); }});
  session_->Open(*description_, session_id_);
}

void Core::OnRegistered() {
  registered_ = true;
  backoff_ = Duration::zero();
  session_id_ = session_->id();
  parts_.parameters.managers->Report(session_->channel(), true);
  reporter_->Begin(session_->channel(), session_id_, [this](const Status& why) {
    if (session_) session_->Fail(why);
  });
  // A new manager may have missed what the last one was told.
  worker_->ReportAll();
  logs_->Begin(session_->channel());
  if (parts_.parameters.events) parts_.parameters.events->OnSession();
}

void Core::OnSessionEnd(const Status& why) {
  if (stopped_) return;
  registered_ = false;
  reporter_->End();
  logs_->End();
  if (auto session = std::exchange(session_, nullptr)) {
    parts_.parameters.managers->Report(session->channel(), false);
    // The session is still on the stack.
    parts_.loop.Post([session = std::move(session)] {});
  }
  backoff_ =
      std::min(parts_.options.backoff_initial + 2 * backoff_, parts_.options.backoff_maximum);
  if (parts_.parameters.events) parts_.parameters.events->OnSessionEnd(why);
  Duration delay = random_->Between(Duration::zero(), backoff_);
  parts_.log.Warn("The session with the manager has ended",
                  {{"error", why.ToString()},
                   {"retry_in_ms", std::to_string(delay / std::chrono::milliseconds(1))}});
  Connect(delay);
}

// The manager has done nothing wrong: no wait, and no mark against it.
void Core::Restart() {
  registered_ = false;
  reporter_->End();
  logs_->End();
  if (auto session = std::exchange(session_, nullptr)) session->Close();
  Connect(Duration::zero());
}

void Core::OnMessage(const pb::SessionMessage& message) {
  OnManagers(message);
  OnNode(message);
  OnKeys(message);
}

void Core::OnManagers(const pb::SessionMessage& message) {
  std::vector<Peer> managers;
  for (const auto& weighted : message.managers()) {
    if (weighted.peer().addr().empty()) continue;
    managers.push_back({weighted.peer().node_id(), weighted.peer().addr()});
  }
  if (managers.empty() || managers == managers_) return;
  managers_ = managers;
  parts_.parameters.managers->SetManagers(std::move(managers));
}

void Core::OnNode(const pb::SessionMessage& message) {
  AgentEvents* events = parts_.parameters.events.get();
  if (message.has_node()) {
    pb::Node plain = message.node();
    plain.clear_status();
    plain.clear_meta();
    std::string bytes = plain.SerializeAsString();
    if (bytes != node_) {
      node_ = std::move(bytes);
      for (auto& [name, executor] : parts_.parameters.executors) {
        executor->Configure(message.node());
      }
      if (events) events->OnNode(message.node());
    }
  }
  if (!message.rootca().empty() && message.rootca() != roots_) {
    roots_ = message.rootca();
    if (events) events->OnRootCa(roots_);
  }
}

void Core::OnKeys(const pb::SessionMessage& message) {
  std::vector<std::uint64_t> times;
  bool news = false;
  for (const auto& key : message.network_bootstrap_keys()) {
    times.push_back(key.lamport_time());
    news |= std::find(key_times_.begin(), key_times_.end(), times.back()) == key_times_.end();
  }
  if (!news) return;
  key_times_ = std::move(times);
  const auto& keys = message.network_bootstrap_keys();
  for (auto& [name, executor] : parts_.parameters.executors) {
    executor->SetNetworkKeys({keys.begin(), keys.end()});
  }
}

}  // namespace swarm::agent
