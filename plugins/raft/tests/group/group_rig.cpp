#include "group_rig.h"

#include <utility>

#include "consensus/timing_label.h"
#include "swarm/rpc_typed.h"
#include "swarm/store_errors.h"
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

// Of a member that has never heard of the proof.
class WithoutProof final : public Router {
 public:
  explicit WithoutProof(Router& router) : router_(router) {}
  Result<std::unique_ptr<Registration>> Register(
      std::string_view method, std::shared_ptr<UnaryHandler> handler) noexcept override {
    if (method == kGetTiming) return std::unique_ptr<Registration>();
    return router_.Register(method, std::move(handler));
  }
  Result<std::unique_ptr<Registration>> Register(
      std::string_view method, std::shared_ptr<StreamHandler> handler) noexcept override {
    return router_.Register(method, std::move(handler));
  }

 private:
  Router& router_;
};

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
  if (!settings_.foreign.contains(at)) node.router->Declare("swarmd.v1.Managers");
  node.network = network_.Attach(*node.machine, Identity{NodeId(at), "cluster", {"swarm-manager"}});
  auto listening = network_.Listen(*node.machine, Address(at), node.router);
  EXPECT_TRUE(listening.ok()) << listening.status();
  if (listening.ok()) node.listening = *std::move(listening);
}

void GroupRig::Start(int at, int through, bool force_new) {
  Attach(at);
  Node& node = nodes_[Size(at)];
  MemberOptions options;
  options.log.storage.directory = "/state/raft";
  options.log.storage.key = node.key;
  options.log.storage.segment_bytes = 64 << 10;
  options.log.storage.zero_ahead_bytes = 0;
  options.log.node_id = NodeId(at);
  options.log.address = Address(at);
  options.log.snapshot_interval = settings_.snapshot_interval;
  options.log.log_entries_for_slow_followers = 3;
  options.log.force_new_cluster = force_new;
  options.election_timeout = settings_.election_timeout;
  if (through >= 0) options.log.join_address = Address(through);
  const bool foreign = settings_.foreign.contains(at);
  if (foreign || settings_.ticks_given.contains(at)) options.election_tick = 10;
  if (foreign) options.election_timeout = std::chrono::seconds(10);  // it never hurries
  Surroundings around;
  around.network = node.network.get();
  around.router = node.router.get();
  if (foreign) {
    node.filter = std::make_unique<WithoutProof>(*node.router);
    around.router = node.filter.get();
  }
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
  node.keeps_for = {};
  node.written = nullptr;
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
  node.filter.reset();
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

void GroupRig::Wipe(int at) {
  VirtualDisk& disk = nodes_[Size(at)].machine->disk();
  EXPECT_TRUE(disk.RemoveAll("/state/raft").ok());
  EXPECT_TRUE(disk.SyncDirectory("/state").ok());
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
    const bool ours = settings_.foreign.empty() && settings_.ticks_given.empty();
    return !ours || size() == 1 || All(Profile::kFast);
  });
}

void GroupRig::SetForeign(int at, bool foreign) {
  if (foreign) settings_.foreign.insert(at);
  if (!foreign) settings_.foreign.erase(at);
}

bool GroupRig::All(Profile profile) {
  for (int at = 0; at < size(); ++at) {
    if (up(at) && !Is(at, profile)) return false;
  }
  return true;
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

bool GroupRig::OpenEpoch(int at) {
  Node& node = nodes_[Size(at)];
  const LeaderEpoch leadership = node.state->leadership();
  const bool refused =
      !node.state->refusals().empty() && node.state->refusals().back().epoch == node.epoch;
  if (node.epoch_of == leadership && !refused) return true;
  const Result<ProposalEpoch> epoch = node.raft->OpenEpoch(leadership);
  if (!epoch.ok()) return false;
  node.epoch_of = leadership;
  node.epoch = *epoch;
  node.next = Sequence(1);
  node.state->UseEpoch(node.epoch);
  return true;
}

void GroupRig::Propose(int at, int count) {
  if (!OpenEpoch(at)) return;
  Node& node = nodes_[Size(at)];
  for (int i = 0; i < count; ++i) {
    const std::string name = "p" + std::to_string(++names_);
    node.state->Remember(node.epoch, node.next, name);
    node.raft->Propose(node.epoch, node.next, conformance::ChangesOf(name));
    node.next = node.next.Next();
  }
}

void GroupRig::WriteLabel(int at, Profile profile) {
  if (!OpenEpoch(at)) return;
  auto cluster = std::make_shared<pb::Cluster>();
  cluster->set_id("cluster");
  auto& labels = *cluster->mutable_spec()->mutable_annotations()->mutable_labels();
  labels[std::string(consensus::kTimingLabel)] = std::string(NameOf(profile));
  Node& node = nodes_[Size(at)];
  node.state->Remember(node.epoch, node.next, cluster);
  node.raft->Propose(node.epoch, node.next, conformance::ChangesOf(*cluster));
  node.next = node.next.Next();
}

// As the leader-scope unit does with a store.
void GroupRig::KeepProfile(int at) {
  Node& node = nodes_[Size(at)];
  const LeaderEpoch leads = node.state->leads() ? node.state->leadership() : LeaderEpoch();
  if (node.written && (leads != node.keeps_for || Is(at, node.writing))) {
    const bool done = leads == node.keeps_for;
    std::exchange(node.written,
                  nullptr)(done ? Status::Ok() : store_errors::Make(store_errors::kLostLeader));
  }
  if (leads == node.keeps_for || settings_.foreign.contains(at)) return;
  node.keeps_for = leads;
  if (leads == LeaderEpoch()) return node.raft->profile_keeper()->Resign([] {});
  node.raft->profile_keeper()->Lead([this, at](Profile profile, Function<void(Status)> done) {
    nodes_[Size(at)].writing = profile;
    nodes_[Size(at)].written = std::move(done);
    WriteLabel(at, profile);
  });
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
  if (node.raft && !node.crashed) KeepProfile(at);
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
