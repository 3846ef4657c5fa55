// A dispatcher on the virtual runtime with the reference store, and nodes that call it in memory.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dispatcher.h"
#include "options.h"
#include "support/manager_rig.h"
#include "swarm/consensus.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::dispatcher {

using namespace std::chrono_literals;

using test::Received;

// The group's members as a test sets them; nothing else of consensus is asked for.
class FakeMembers final : public Consensus {
 public:
  std::vector<Member> members;

  void Attach(ReplicatedState&) noexcept override {}
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch) noexcept override { return ProposalEpoch(1); }
  void Propose(ProposalEpoch, Sequence, std::string) noexcept override {}
  LeaderInfo Leader() const noexcept override { return {}; }
  std::vector<Member> Members() const noexcept override { return members; }
  Index CommitIndex() const noexcept override { return {}; }
  Status TransferLeadership() noexcept override { return {}; }
  void ReadLog(Index, Index,
               Function<void(Result<std::vector<CommittedEntry>>)>) noexcept override {}
};

class Rig : public test::ManagerRig<Dispatcher> {
 public:
  // Without delays and chance unless `changes` says so.
  explicit Rig(const Texts& changes = {})
      : ManagerRig(7, {kSettings, kSettingCount}, Calm(changes)) {
    router.Declare("docker.swarmkit.v1.Dispatcher");
    context.Provide<Consensus>(kConsensusRole, members);
    members.members = {{RaftId(1), "manager", "10.0.0.1:4242", true, true, true}};
  }
  ~Rig() {
    Stop();
    channels.clear();
  }

  void PutNode(const std::string& id) {
    pb::Node node;
    node.set_id(id);
    Put(node);
  }
  pb::NodeStatus NodeStatus(const std::string& id) {
    return store.Read()->Get<pb::Node>(id)->status();
  }

  template <class M, class Request>
  std::unique_ptr<Received<M>> Open(const std::string& node_id, const std::string& method,
                                    Request request) {
    return ManagerRig::Open<M>(As(node_id, "swarm-worker"), "Dispatcher/" + method,
                               std::move(request));
  }
  template <class Response, class Request>
  Result<std::shared_ptr<const Response>> Call(const std::string& node_id,
                                               const std::string& method, Request request) {
    return ManagerRig::Call<Response>(As(node_id, "swarm-worker"), "Dispatcher/" + method,
                                      std::move(request));
  }
  std::unique_ptr<Received<pb::SessionMessage>> Session(const std::string& node_id,
                                                        const std::string& session_id = "") {
    pb::SessionRequest request;
    request.set_session_id(session_id);
    request.mutable_description()->set_hostname("host-" + node_id);
    return Open<pb::SessionMessage>(node_id, "Session", request);
  }
  std::unique_ptr<Received<pb::AssignmentsMessage>> Assignments(const std::string& node_id,
                                                                const std::string& session_id) {
    pb::AssignmentsRequest request;
    request.set_session_id(session_id);
    return Open<pb::AssignmentsMessage>(node_id, "Assignments", request);
  }
  // A node that has a session; its id.
  std::string Connect(const std::string& node_id) {
    PutNode(node_id);
    auto& session = sessions[node_id] = Session(node_id);
    EXPECT_EQ(session->messages.size(), 1u);
    return session->messages.empty() ? "" : session->messages.back()->session_id();
  }

  Result<std::shared_ptr<const pb::HeartbeatResponse>> Beat(const std::string& node_id,
                                                            const std::string& session_id) {
    pb::HeartbeatRequest request;
    request.set_session_id(session_id);
    return Call<pb::HeartbeatResponse>(node_id, "Heartbeat", request);
  }
  Status Report(const std::string& node_id, const std::string& session_id,
                const std::string& task_id, pb::TaskState state, const std::string& message = "") {
    pb::UpdateTaskStatusRequest request;
    request.set_session_id(session_id);
    auto* update = request.add_updates();
    update->set_task_id(task_id);
    update->mutable_status()->set_state(state);
    update->mutable_status()->set_message(message);
    return Call<pb::UpdateTaskStatusResponse>(node_id, "UpdateTaskStatus", request).status();
  }

  FakeMembers members;
  std::map<std::string, std::unique_ptr<Received<pb::SessionMessage>>> sessions;

 private:
  static Texts Calm(Texts changes) {
    changes.insert(
        {{"flush_interval", "0s"}, {"assignment_interval", "0s"}, {"heartbeat_epsilon", "0s"}});
    return changes;
  }
};

inline Task MakeTask(const std::string& id, const std::string& node_id, pb::TaskState state) {
  Task task;
  task.id = id;
  task.node_id = node_id;
  task.status.state = state;
  task.desired_state = pb::RUNNING;
  return task;
}

// "+secret:s1 -task:t2": what a message changes, sorted.
inline std::set<std::string> Changes(const pb::AssignmentsMessage& message) {
  std::set<std::string> out;
  for (const auto& change : message.changes()) {
    std::string text = change.action() == pb::AssignmentChange::REMOVE ? "-" : "+";
    const auto& item = change.assignment();
    if (item.has_task()) text += "task:" + item.task().id();
    if (item.has_secret()) text += "secret:" + item.secret().id();
    if (item.has_config()) text += "config:" + item.config().id();
    if (item.has_volume()) text += "volume:" + item.volume().id();
    out.insert(text);
  }
  return out;
}

}  // namespace swarm::dispatcher
