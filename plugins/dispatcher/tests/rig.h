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
#include "fakes/instance_context.h"
#include "fakes/memory_consensus.h"
#include "fakes/reference_store.h"
#include "options.h"
#include "rpc/loopback.h"
#include "rpc/router.h"
#include "swarm/consensus.h"
#include "swarm/rpc_typed.h"
#include "swarm/simulation.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::dispatcher {

using namespace std::chrono_literals;

inline std::string Method(std::string_view name) {
  return "/docker.swarmkit.v1.Dispatcher/" + std::string(name);
}

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

// The messages of one open stream, as they come.
template <class M>
class Received {
 public:
  explicit Received(std::shared_ptr<ClientStream> stream) : stream_(std::move(stream)) { Next(); }
  ~Received() {
    *alive_ = false;
    stream_->Cancel();
  }

  std::vector<std::shared_ptr<const M>> messages;
  std::optional<Status> end;

  // Forgets what has come so far.
  std::vector<std::shared_ptr<const M>> Take() { return std::exchange(messages, {}); }
  void Cancel() { stream_->Cancel(); }

 private:
  void Next() {
    stream_->Read([this, alive = alive_](Result<std::optional<Payload>> read) {
      if (!*alive) return;
      if (!read.ok() || !*read) {
        end = read.ok() ? Status() : read.status();
        return;
      }
      messages.push_back(*(*read)->template As<M>());
      Next();
    });
  }
  std::shared_ptr<ClientStream> stream_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class Rig {
 public:
  using Texts = fakes::SettingReader::Texts;
  // Without delays and chance unless `changes` says so.
  explicit Rig(const Texts& changes = {})
      : sim(7),
        runtime(sim.AddMachine("manager").runtime()),
        store(runtime),
        loopback(runtime, router),
        context(runtime) {
    router.SetSelf({"manager", "org", {"swarm-manager"}});
    router.Declare("docker.swarmkit.v1.Dispatcher");
    context.router_part = &router;
    Texts settings = changes;
    settings.insert(
        {{"flush_interval", "0s"}, {"assignment_interval", "0s"}, {"heartbeat_epsilon", "0s"}});
    context.values = fakes::SettingReader::Read({kSettings, kSettingCount}, settings);
    context.node_info.node_id = "manager";
    context.node_info.advertise_address = "10.0.0.1:4242";
    context.Provide<Store>(kStoreRole, store);
    context.Provide<Consensus>(kConsensusRole, members);
    members.members = {{RaftId(1), "manager", "10.0.0.1:4242", true, true, true}};
    sim.Settle();
  }
  ~Rig() {
    Stop();
    channels.clear();
  }

  void Start() {
    unit = std::make_unique<Dispatcher>(context);
    std::optional<Status> started;
    unit->Start([&](Status status) { started = std::move(status); });
    sim.Settle();
    ASSERT_TRUE(started && started->ok());
  }
  void Stop() {
    if (!unit) return;
    bool stopped = false;
    unit->Stop([&] { stopped = true; });
    sim.Settle();
    EXPECT_TRUE(stopped);
    unit.reset();
  }

  // Runs one transaction to its end.
  void Write(TransactionFn fn) {
    std::optional<Result<Index>> done;
    store.writer()->Update(std::move(fn), [&](Result<Index> result) { done = std::move(result); });
    sim.Settle();
    ASSERT_TRUE(done && done->ok()) << (done ? done->status().ToString() : "no outcome");
  }
  template <class M>
  void Put(M object) {
    Write([&](Transaction& tx) { return tx.Create(std::make_shared<M>(object)); });
  }
  void PutNode(const std::string& id) {
    pb::Node node;
    node.set_id(id);
    Put(node);
  }
  void PutTask(Task task) {
    if (!task.spec) task.spec = std::make_shared<pb::TaskSpec>();
    if (!task.service_annotations) task.service_annotations = std::make_shared<pb::Annotations>();
    Write([&](Transaction& tx) { return tx.CreateTask(std::make_shared<Task>(task)); });
  }
  template <class Fn>
  void EditTask(const std::string& id, Fn edit) {
    Write([&](Transaction& tx) {
      auto task = std::make_shared<Task>(*tx.GetTask(id));
      edit(*task);
      return tx.UpdateTask(std::move(task));
    });
  }
  template <class M, class Fn>
  void Edit(const std::string& id, Fn edit) {
    Write([&](Transaction& tx) {
      auto object = std::make_shared<M>(*tx.template Get<M>(id));
      edit(*object);
      return tx.Update(std::move(object));
    });
  }
  pb::NodeStatus NodeStatus(const std::string& id) {
    return store.Read()->Get<pb::Node>(id)->status();
  }

  Channel& As(const std::string& node_id) {
    auto& channel = channels[node_id];
    if (!channel) {
      rpc::LoopbackPeer peer{Listener::kRemote, Identity{node_id, "org", {"swarm-worker"}},
                             "192.168.7.9:3000"};
      channel = loopback.NewChannel(std::move(peer));
    }
    return *channel;
  }
  template <class M, class Request>
  std::unique_ptr<Received<M>> Open(const std::string& node_id, std::string_view method,
                                    Request request) {
    auto stream = As(node_id).Open(Method(method), {});
    stream->Send(Payload::Of(std::move(request)), [](bool) {});
    stream->CloseSend();
    auto received = std::make_unique<Received<M>>(std::move(stream));
    sim.Settle();
    return received;
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

  template <class Response, class Request>
  Result<std::shared_ptr<const Response>> Call(const std::string& node_id, std::string_view method,
                                               Request request) {
    std::optional<Result<std::shared_ptr<const Response>>> reply;
    CallUnary<Response>(As(node_id), Method(method), {}, std::move(request),
                        [&](Result<std::shared_ptr<const Response>> r) { reply = std::move(r); });
    sim.Settle();
    if (!reply) return Status(Code::kInternal, "no reply");
    return *reply;
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

  Simulation sim;
  Runtime& runtime;
  fakes::ReferenceStore store;
  FakeMembers members;
  rpc::RouterImpl router;
  rpc::Loopback loopback;
  fakes::FakeContext context;
  std::unique_ptr<Dispatcher> unit;
  std::map<std::string, std::shared_ptr<Channel>> channels;
  std::map<std::string, std::unique_ptr<Received<pb::SessionMessage>>> sessions;
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
