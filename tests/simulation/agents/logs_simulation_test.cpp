// Task logs over a network that delays and loses: every line arrives once, whatever happens to the
// connections of agents.
#include <algorithm>
#include <iostream>
#include <set>

#include "../../../plugins/logbroker/src/log_broker.h"
#include "../../../plugins/logbroker/src/options.h"
#include "agents_fixture.h"
#include "rpc/loopback.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::agents_simulation {
namespace {

class LogsFixture : public Fixture {
 public:
  LogsFixture(std::uint64_t seed, int node_count, double loss)
      : Fixture(seed, node_count, loss), loopback_(manager.runtime(), *router) {
    client_ = loopback_.NewChannel({Listener::kLocal, std::nullopt, "@"});
    log_context_ = std::make_unique<fakes::FakeContext>(manager.runtime());
    log_context_->router_part = router.get();
    log_context_->values =
        fakes::SettingReader::Read({logbroker::kSettings, logbroker::kSettingCount});
    log_context_->Provide<Store>(kStoreRole, store);
    StartBroker();
  }
  ~LogsFixture() {
    for (SimulatedNode& node : nodes) StopAgent(node);
    StopBroker();
    alive_.reset();
    stream_.reset();
    client_.reset();
  }
  void StartBroker() {
    broker_ = std::make_unique<logbroker::LogBroker>(*log_context_);
    std::optional<Status> started;
    broker_->Start([&](Status status) { started = status; });
    EXPECT_TRUE(sim.RunUntil([&] { return started.has_value(); }, 1s));
  }
  void StopBroker() {
    if (!broker_) return;
    bool stopped = false;
    broker_->Stop([&] { stopped = true; });
    EXPECT_TRUE(sim.RunUntil([&] { return stopped; }, 1s));
    broker_.reset();
  }

  void AssignTalking(int count, int lines, const std::string& interval) {
    auto spec = std::make_shared<pb::TaskSpec>();
    auto& labels = *spec->mutable_container()->mutable_labels();
    spec->mutable_container()->set_image("sim");
    labels["sim.log-lines"] = std::to_string(lines);
    if (!interval.empty()) labels["sim.log-interval"] = interval;
    for (int i = 0; i < count; ++i) {
      auto task = std::make_shared<Task>();
      task->id = "task" + std::to_string(tasks++);
      task->service_id = "web";
      task->node_id = nodes[static_cast<std::size_t>(i) % nodes.size()].id;
      task->spec = spec;
      task->service_annotations = std::make_shared<pb::Annotations>();
      task->status.state = pb::ASSIGNED;
      task->desired_state = pb::RUNNING;
      Write([&](Transaction& tx) { return tx.CreateTask(task); });
    }
  }

  void Subscribe(bool follow) {
    pb::SubscribeLogsRequest request;
    request.mutable_selector()->add_service_ids("web");
    request.mutable_options()->set_follow(follow);
    lines.clear();
    end.reset();
    stream_ = client_->Open("/docker.swarmkit.v1.Logs/SubscribeLogs", {});
    stream_->Send(Payload::Of(std::move(request)), [](bool) {});
    stream_->CloseSend();
    Next();
  }

  std::multiset<std::string> lines;   // "task0 line 1"
  std::map<std::string, int> newest;  // number of each task's last line
  bool in_order = true;
  std::optional<Status> end;

 private:
  void Next() {
    stream_->Read([this, weak = std::weak_ptr<int>(alive_)](Result<std::optional<Payload>> read) {
      if (weak.expired()) return;
      if (!read.ok() || !*read) {
        end = read.status();
        return;
      }
      const auto message = *(*read)->As<pb::SubscribeLogsMessage>();
      for (const auto& line : message->messages()) OnLine(line);
      Next();
    });
  }
  void OnLine(const pb::LogMessage& line) {
    const std::string text = line.data().substr(0, line.data().size() - 1);
    lines.insert(line.context().task_id() + " " + text);
    int& last = newest[line.context().task_id()];
    const int number = std::stoi(text.substr(text.rfind(' ') + 1));
    in_order &= number == last + 1;
    last = number;
  }

  rpc::Loopback loopback_;
  std::shared_ptr<Channel> client_;
  std::unique_ptr<fakes::FakeContext> log_context_;
  std::unique_ptr<logbroker::LogBroker> broker_;
  std::shared_ptr<ClientStream> stream_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

TEST(LogsSimulationTest, EverythingWrittenSoFarThenTheEnd) {
  LogsFixture f(1, 10, 0);
  f.AssignTalking(30, 1000, "");
  ASSERT_TRUE(f.Await(pb::RUNNING, 30));
  f.Subscribe(false);
  EXPECT_TRUE(f.sim.RunUntil([&] { return f.end.has_value(); }, 1min));
  EXPECT_TRUE(f.end->ok()) << *f.end;
  EXPECT_EQ(f.lines.size(), 30'000u);
  EXPECT_TRUE(f.in_order);
}

TEST(LogsSimulationTest, FollowedLinesArriveOnceOverAnUnreliableNetwork) {
  std::uint64_t broken = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    LogsFixture f(seed, 5, 0.02);
    f.AssignTalking(10, 50, "1s");
    f.Subscribe(true);
    f.sim.RunFor(2min);
    // Tasks that come while it lasts belong to it.
    f.AssignTalking(10, 50, "1s");
    f.sim.RunFor(3min);
    f.network.SetLoss(0);
    // Everybody comes up with the present.
    const auto caught_up = [&] {
      if (f.newest.size() != 20) return false;
      return std::all_of(f.newest.begin(), f.newest.end(),
                         [](const auto& task) { return task.second >= 50 + 60; });
    };
    EXPECT_TRUE(f.sim.RunUntil(caught_up, 5min)) << "seed " << seed;
    EXPECT_TRUE(f.in_order) << "seed " << seed;
    EXPECT_EQ(std::set<std::string>(f.lines.begin(), f.lines.end()).size(), f.lines.size())
        << "a line came twice, seed " << seed;
    EXPECT_FALSE(f.end) << "seed " << seed;
    broken += f.network.counters().broken_connections;
  }
  std::cout << broken << " broken connections\n";
  EXPECT_GT(broken, 20u);
}

TEST(LogsSimulationTest, AnotherLeaderServesAsSoonAsAgentsAreThere) {
  LogsFixture f(4, 5, 0);
  f.AssignTalking(10, 20, "");
  ASSERT_TRUE(f.Await(pb::RUNNING, 10));
  f.StopDispatcher();
  f.StopBroker();
  f.sim.RunFor(1s);
  f.StartBroker();
  f.StartDispatcher();
  // Nobody listens yet.
  f.Subscribe(false);
  EXPECT_TRUE(f.sim.RunUntil([&] { return f.end.has_value(); }, 1min));
  EXPECT_TRUE(f.end->ok()) << *f.end;
  EXPECT_EQ(f.lines.size(), 200u);
}

}  // namespace
}  // namespace swarm::agents_simulation
