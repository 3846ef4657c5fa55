#include "group_rig.h"

#include <utility>

#include "swarm/rpc_typed.h"
#include "swarmkit/v1/health.pb.h"

namespace swarm::raft::testing {
namespace {

namespace pb = ::docker::swarmkit::v1;
using conformance::RecordingState;

// As the control API serves it.
std::shared_ptr<UnaryHandler> Healthy() {
  return MakeUnaryHandler<pb::HealthCheckRequest>(
      [](const CallContextPtr&, const auto&, UnaryReply reply) {
        pb::HealthCheckResponse response;
        response.set_status(pb::HealthCheckResponse::SERVING);
        reply(::swarm::Payload::Of(std::move(response)));
      });
}

}  // namespace

GroupRig::GroupRig(std::uint64_t seed, int members, Settings settings)
    : settings_(settings), simulation_(seed), network_(simulation_), nodes_(Size(members)) {
  for (int at = 0; at < members; ++at) {
    Node& node = nodes_[Size(at)];
    node.machine = &simulation_.AddMachine(NodeId(at));
    EXPECT_TRUE(node.machine->disk().CreateDirectory("/state", 0700).ok());
    EXPECT_TRUE(node.machine->disk().SyncDirectory("/").ok());
  }
}

GroupRig::~GroupRig() {
  for (int at = 0; at < size(); ++at) {
    if (up(at)) Crash(at);
  }
}

void GroupRig::Attach(int at) {
  Node& node = nodes_[Size(at)];
  node.router = std::make_shared<rpc::RouterImpl>();
  node.router->SetSelf({NodeId(at), "cluster", {"swarm-manager"}});
  node.network = network_.Attach(*node.machine, Identity{NodeId(at), "cluster", {"swarm-manager"}});
  auto listening = network_.Listen(*node.machine, Address(at), node.router);
  EXPECT_TRUE(listening.ok()) << listening.status();
  if (listening.ok()) node.listening = *std::move(listening);
}

void GroupRig::Start(int at, int through) {
  Attach(at);
  Node& node = nodes_[Size(at)];
  MemberOptions options;
  options.log.storage.directory = "/state/raft";
  options.log.storage.key = std::string(32, 'k');
  options.log.storage.segment_bytes = 64 << 10;
  options.log.storage.zero_ahead_bytes = 0;
  options.log.node_id = NodeId(at);
  options.log.address = Address(at);
  options.log.snapshot_interval = settings_.snapshot_interval;
  options.log.log_entries_for_slow_followers = 3;
  options.election_timeout = settings_.election_timeout;
  if (through >= 0) options.log.join_address = Address(through);
  Surroundings around;
  around.network = node.network.get();
  around.router = node.router.get();
  node.state = std::make_unique<RecordingState>(node.machine->runtime());
  node.raft = std::make_unique<RaftConsensus>(node.machine->runtime(), std::move(options), Logger(),
                                              std::move(around), [](Status) {});
  node.raft->Attach(*node.state);
  node.started = false;
  node.checked = 0;
  node.restores = 0;
  node.led = 0;
  node.own = 0;
  node.epoch_of = {};
  node.raft->Start([this, at](Status outcome) {
    Node& started = nodes_[Size(at)];
    started.outcome = std::move(outcome);
    started.started = true;
    if (!started.outcome.ok()) return;
    auto health = started.router->Register("/docker.swarmkit.v1.Health/Check", Healthy());
    EXPECT_TRUE(health.ok()) << health.status();
    if (health.ok()) started.health = *std::move(health);
  });
}

void GroupRig::Drop(int at) {
  Node& node = nodes_[Size(at)];
  node.machine->disk().OnSync(nullptr);
  node.crashed = false;
  node.raft.reset();
  node.health.reset();
  node.listening.reset();
  node.network.reset();
  node.router.reset();
  node.state.reset();
}

void GroupRig::Crash(int at) {
  Look(at);
  if (!nodes_[Size(at)].crashed) nodes_[Size(at)].machine->Crash();
  Drop(at);
}

void GroupRig::CrashAtNextSync(int at) {
  nodes_[Size(at)].machine->disk().OnSync([this, at](std::uint64_t, std::string_view) {
    Node& node = nodes_[Size(at)];
    if (node.raft && !std::exchange(node.crashed, true)) node.machine->Crash();
    return true;
  });
}

void GroupRig::NoMoreCrashes() {
  for (Node& node : nodes_) node.machine->disk().OnSync(nullptr);
}

void GroupRig::Stop(int at) {
  bool stopped = false;
  nodes_[Size(at)].raft->Stop([&stopped] { stopped = true; });
  EXPECT_TRUE(RunUntil([&stopped] { return stopped; }));
  Look(at);
  Drop(at);
}

bool GroupRig::Form() {
  Start(0);
  if (!AwaitLeader()) return false;
  for (int at = 1; at < size(); ++at) {
    Start(at, 0);
    if (!RunUntil([this, at] { return Started(at); }) || !StartOutcome(at).ok()) return false;
  }
  return RunUntil([this] {
    for (int at = 0; at < size(); ++at) {
      if (raft(at).Members().size() != Size(size())) return false;
    }
    return true;
  });
}

int GroupRig::Leader() const {
  for (int at = 0; at < size(); ++at) {
    if (up(at) && nodes_[Size(at)].state->leads()) return at;
  }
  return -1;
}

RaftId GroupRig::IdOf(int at) const {
  for (const Node& node : nodes_) {
    if (!node.raft) continue;
    for (const Member& member : node.raft->Members()) {
      if (member.node_id == NodeId(at)) return member.raft_id;
    }
  }
  return {};
}

void GroupRig::Propose(int at, int count) {
  Node& node = nodes_[Size(at)];
  const LeaderEpoch leadership = node.state->leadership();
  const bool refused =
      !node.state->refusals().empty() && node.state->refusals().back().epoch == node.epoch;
  if (node.epoch_of != leadership || refused) {
    const Result<ProposalEpoch> epoch = node.raft->OpenEpoch(leadership);
    if (!epoch.ok()) return;
    node.epoch_of = leadership;
    node.epoch = *epoch;
    node.next = Sequence(1);
    node.state->UseEpoch(node.epoch);
  }
  for (int i = 0; i < count; ++i) {
    const std::string name = "p" + std::to_string(++names_);
    node.state->Remember(node.epoch, node.next, name);
    node.raft->Propose(node.epoch, node.next, conformance::ChangesOf(name));
    node.next = node.next.Next();
  }
}

bool GroupRig::CommitOne() {
  for (int tries = 0; tries < 20; ++tries) {
    if (!AwaitLeader()) return false;
    const int leader = Leader();
    const std::size_t before = state(leader).own_committed();
    Propose(leader, 1);
    const bool done =
        RunUntil([&] { return Leader() != leader || state(leader).own_committed() > before; },
                 std::chrono::seconds(30));
    if (done && Leader() == leader && state(leader).own_committed() > before) return true;
  }
  return false;
}

bool GroupRig::RunUntil(const std::function<bool()>& condition, Duration limit) {
  return simulation_.RunUntil(
      [&] {
        for (int at = 0; at < size(); ++at) {
          Look(at);
          if (nodes_[Size(at)].crashed) Drop(at);
        }
        return !wrong_.empty() || condition();
      },
      limit);
}

// One history for all, and nothing twice in it.
void GroupRig::Look(int at) {
  Node& node = nodes_[Size(at)];
  if (!node.state || !wrong_.empty()) return;
  if (!node.state->mistake().empty()) {
    wrong_ = NodeId(at) + ": " + node.state->mistake();
    return;
  }
  if (node.state->restores() != node.restores) {
    restores_ += node.state->restores() - node.restores;
    node.restores = node.state->restores();
    node.checked = 0;
  }
  elections_ += node.state->times_leader() - node.led;
  node.led = node.state->times_leader();
  acknowledged_ += node.state->own_committed() - node.own;
  node.own = node.state->own_committed();
  const auto& content = node.state->content();
  for (; node.checked < content.size(); ++node.checked) {
    const auto& [index, name] = content[node.checked];
    const auto known = history_.emplace(index, name).first;
    const auto place = places_.emplace(name, index).first;
    if (known->second != name || place->second != index) {
      wrong_ = NodeId(at) + " has " + name + " at " + std::to_string(index.value()) +
               ", others have " + known->second;
      return;
    }
  }
}

bool GroupRig::Agree() {
  return RunUntil([this] {
    for (int at = 0; at < size(); ++at) {
      if (up(at) && (!Started(at) || state(at).content().size() != history_.size())) return false;
    }
    return true;
  });
}

std::string GroupRig::Check() {
  for (int at = 0; at < size(); ++at) {
    if (up(at)) Look(at);
  }
  return wrong_;
}

}  // namespace swarm::raft::testing
