// An agent on the virtual runtime, a manager that says what a test tells it, and a fake executor.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent_unit.h"
#include "fake_executor.h"
#include "fakes/instance_context.h"
#include "options.h"
#include "rpc/loopback.h"
#include "rpc/router.h"
#include "swarm/rpc_typed.h"
#include "swarm/simulation.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::agent {

using namespace std::chrono_literals;

// The manager's side, by hand.
class FakeManager {
 public:
  explicit FakeManager(Router& router) {
    auto add = [&](std::string_view method, auto handler) {
      auto made = router.Register("/docker.swarmkit.v1.Dispatcher/" + std::string(method), handler);
      ASSERT_TRUE(made.ok()) << made.status();
      registrations_.push_back(std::move(*made));
    };
    add("Session", MakeServerStreamHandler<pb::SessionRequest>([this](auto stream, auto request) {
          session_requests.push_back(*request);
          sessions.push_back(stream);
          if (mute) return;
          if (refuse) return stream->Finish(*refuse);
          pb::SessionMessage message = greeting;
          message.set_session_id("session-" + std::to_string(sessions.size()));
          Say(message);
        }));
    add("Heartbeat", MakeUnaryHandler<pb::HeartbeatRequest>([this](auto, auto request, auto reply) {
          beats.push_back(request->session_id());
          if (beat_error) return reply(*beat_error);
          pb::HeartbeatResponse response;
          response.mutable_period()->set_seconds(5);
          reply(Payload::Of(response));
        }));
    add("Assignments",
        MakeServerStreamHandler<pb::AssignmentsRequest>([this](auto stream, auto request) {
          assignment_requests.push_back(request->session_id());
          if (assignments_error) return stream->Finish(*assignments_error);
          assignments = stream;
          assignments_opened += 1;
        }));
    add("Tasks",
        MakeServerStreamHandler<pb::TasksRequest>([this](auto stream, auto) { tasks = stream; }));
    add("UpdateTaskStatus",
        MakeUnaryHandler<pb::UpdateTaskStatusRequest>([this](auto, auto request, auto reply) {
          calls += 1;
          for (const auto& update : request->updates()) {
            if (update_errors.contains(update.task_id())) {
              return reply(update_errors[update.task_id()]);
            }
          }
          for (const auto& update : request->updates()) {
            reports.emplace_back(update.task_id(), update.status());
          }
          if (hold_replies) {
            held.push_back(std::move(reply));
          } else {
            reply(Payload::Of(pb::UpdateTaskStatusResponse()));
          }
        }));
  }

  void Say(const pb::SessionMessage& message) {
    sessions.back()->Send(Payload::Of(message), [](bool) {});
  }
  void Send(pb::AssignmentsMessage message) {
    assignments->Send(Payload::Of(std::move(message)), [](bool) {});
  }
  // Newest report of a task.
  pb::TaskStatus Newest(const std::string& task_id) const {
    for (auto it = reports.rbegin(); it != reports.rend(); ++it) {
      if (it->first == task_id) return it->second;
    }
    return {};
  }

  pb::SessionMessage greeting;
  bool mute = false;
  std::optional<Status> refuse;
  std::optional<Status> beat_error;
  std::optional<Status> assignments_error;
  std::map<std::string, Status> update_errors;
  bool hold_replies = false;

  std::vector<pb::SessionRequest> session_requests;
  std::vector<ServerStreamPtr> sessions;
  std::vector<std::string> beats;
  std::vector<std::string> assignment_requests;
  ServerStreamPtr assignments;
  int assignments_opened = 0;
  ServerStreamPtr tasks;
  int calls = 0;
  std::vector<std::pair<std::string, pb::TaskStatus>> reports;
  std::vector<UnaryReply> held;

 private:
  std::vector<std::unique_ptr<Registration>> registrations_;
};

class FakeSource final : public ManagerSource {
 public:
  std::shared_ptr<Channel> channel;
  int selected = 0;
  std::vector<bool> marks;
  std::vector<std::vector<Peer>> lists;

  std::shared_ptr<Channel> Select() noexcept override {
    selected += 1;
    return channel;
  }
  void Report(const std::shared_ptr<Channel>&, bool good) noexcept override {
    marks.push_back(good);
  }
  void SetManagers(std::vector<Peer> managers) noexcept override {
    lists.push_back(std::move(managers));
  }
};

class FakeEvents final : public AgentEvents {
 public:
  int sessions = 0;
  std::vector<pb::Node> nodes;
  std::vector<std::string> roots;

  void OnSession() noexcept override { sessions += 1; }
  void OnNode(const pb::Node& node) noexcept override { nodes.push_back(node); }
  void OnRootCa(const std::string& pem) noexcept override { roots.push_back(pem); }
};

class Rig {
 public:
  Rig() : loopback(machine.runtime(), router), manager(router) {
    router.SetSelf({"manager", "org", {"swarm-manager"}});
    source->channel = loopback.NewChannel(
        {Listener::kRemote, Identity{"n1", "org", {"swarm-worker"}}, "10.0.0.9:1"});
    executor.description->set_hostname("host-of-executor");
    parameters.node_id = "n1";
    parameters.state_dir = "/state/worker";
    parameters.managers = source;
    parameters.events = events;
    parameters.tls_info.set_trust_root("ROOTS");
    parameters.executors = {{"fake", &executor}, {"other", &other}};
  }
  ~Rig() {
    Stop();
    source->channel.reset();
  }

  void Start() {
    Make();
    std::optional<Status> started;
    unit->Start([&](Status status) { started = std::move(status); });
    sim.Settle();
    ASSERT_TRUE(started) << "Start has not ended";
    ASSERT_TRUE(started->ok()) << *started;
    sim.Settle();
  }
  void Make() {
    context = std::make_unique<fakes::FakeContext>(machine.runtime());
    context->values = fakes::SettingReader::Read({kSettings, kSettingCount});
    context->instance_parameters = &parameters;
    auto made = AgentUnit::Create(*context);
    ASSERT_TRUE(made.ok()) << made.status();
    unit.reset(static_cast<AgentUnit*>(made->release()));
  }
  void Stop() {
    if (!unit) return;
    bool stopped = false;
    unit->Stop([&] { stopped = true; });
    sim.Settle();
    EXPECT_TRUE(stopped);
    unit.reset();
  }

  // A message with these tasks, as updates.
  static pb::AssignmentsMessage Complete(const std::vector<pb::Task>& tasks) {
    pb::AssignmentsMessage message;
    message.set_type(pb::AssignmentsMessage::COMPLETE);
    message.set_results_in("1");
    for (const auto& task : tasks)
      *message.add_changes()->mutable_assignment()->mutable_task() = task;
    return message;
  }
  void Assign(const std::vector<pb::Task>& tasks) {
    manager.Send(Complete(tasks));
    sequence = 1;
    sim.Settle();
  }
  void Change(const pb::Task& task, bool remove = false) {
    pb::AssignmentsMessage message;
    message.set_type(pb::AssignmentsMessage::INCREMENTAL);
    message.set_applies_to(std::to_string(sequence));
    message.set_results_in(std::to_string(++sequence));
    auto* change = message.add_changes();
    if (remove) change->set_action(pb::AssignmentChange::REMOVE);
    *change->mutable_assignment()->mutable_task() = task;
    manager.Send(message);
    sim.Settle();
  }

  Simulation sim{11};
  Machine& machine = sim.AddMachine("node");
  rpc::RouterImpl router;
  rpc::Loopback loopback;
  FakeManager manager;
  std::shared_ptr<FakeSource> source = std::make_shared<FakeSource>();
  std::shared_ptr<FakeEvents> events = std::make_shared<FakeEvents>();
  FakeExecutor executor;
  FakeExecutor other;
  AgentParameters parameters;
  std::unique_ptr<fakes::FakeContext> context;
  std::unique_ptr<AgentUnit> unit;
  int sequence = 0;
};

inline pb::Task MakeTask(const std::string& id, pb::TaskState desired = pb::RUNNING) {
  pb::Task task;
  task.set_id(id);
  task.set_node_id("n1");
  task.set_slot(1);
  task.mutable_service_annotations()->set_name("web");
  task.mutable_spec()->mutable_container()->set_image("i");
  task.mutable_status()->set_state(pb::ASSIGNED);
  task.set_desired_state(desired);
  return task;
}

}  // namespace swarm::agent
