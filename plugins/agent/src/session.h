// One session with one manager: registration, heartbeats, assignments. The first error of any of
// them ends the whole.
// Threading: [loop].
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "component/poster.h"
#include "inbound.h"
#include "options.h"
#include "swarm/function.h"
#include "swarm/log.h"
#include "swarm/rpc.h"
#include "swarm/runtime.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::agent {

namespace pb = ::docker::swarmkit::v1;

class Session : public std::enable_shared_from_this<Session> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    Logger log;
    Options options;
    std::shared_ptr<Channel> channel;
    // Each message of the manager; the first comes before `registered`.
    Function<void(const pb::SessionMessage&)> message;
    Function<void()> registered;
    Function<void(const pb::AssignmentsMessage&)> assignments;
    Function<void(const Status&)> ended;  // once; not after Close
  };
  explicit Session(Parts parts) : parts_(std::move(parts)) {}

  // `previous_id` lets the manager go on with a session it still knows.
  void Open(const pb::NodeDescription& description, const std::string& previous_id);
  // Ends it, silently.
  void Close();
  // The same, with `ended`.
  void Fail(const Status& why);

  const std::string& id() const { return id_; }
  const std::shared_ptr<Channel>& channel() const { return parts_.channel; }

 private:
  void OnMessage(const pb::SessionMessage& message);
  void Beat();
  void OnBeat(const Result<std::shared_ptr<const pb::HeartbeatResponse>>& reply);
  void OpenAssignments();
  void OnAssignments(const pb::AssignmentsMessage& message);
  void OnAssignmentsEnd(const Status& status);
  void OpenTasks();
  void OnTasks(const pb::TasksMessage& message);

  Parts parts_;
  std::string id_;
  bool over_ = false;
  std::shared_ptr<Inbound<pb::SessionMessage>> session_;
  std::shared_ptr<Inbound<pb::AssignmentsMessage>> assignments_;
  std::shared_ptr<Inbound<pb::TasksMessage>> tasks_;
  std::string applied_;           // results_in of the last message applied
  bool reopened_ = false;         // and nothing incremental applied since
  std::unique_ptr<Timer> timer_;  // until the first message; then until the next heartbeat
  std::shared_ptr<PendingCall> beat_;
};

}  // namespace swarm::agent
