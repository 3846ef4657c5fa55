#include "manager_nodes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "swarm/rpc_typed.h"
#include "swarmkit/v1/health.pb.h"

namespace swarm::managers {
namespace {

namespace pb = ::docker::swarmkit::v1;

constexpr Duration kPatience = std::chrono::minutes(5);  // of virtual time

std::string NodeId(int at) { return "node-" + std::to_string(at + 1); }
std::string Address(int at) { return "m" + std::to_string(at + 1) + ":4242"; }

// As the control API serves it.
std::shared_ptr<UnaryHandler> Healthy() {
  return MakeUnaryHandler<pb::HealthCheckRequest>(
      [](const CallContextPtr&, const auto&, UnaryReply reply) {
        pb::HealthCheckResponse response;
        response.set_status(pb::HealthCheckResponse::SERVING);
        reply(Payload::Of(std::move(response)));
      });
}

}  // namespace

std::string KindOfSync(std::string_view path) {
  const auto slash = path.rfind('/');
  const std::string folder(path.substr(0, slash == path.npos ? 0 : slash));
  const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
  const auto dot = name.find('.');
  return folder + "/" +
         (dot == name.npos ? std::string(name) : "*" + std::string(name.substr(dot)));
}

ManagerNodes::ManagerNodes(std::uint64_t seed, int count, std::uint64_t snapshot_interval,
                           Forget forget)
    : snapshot_interval_(snapshot_interval),
      forget_(std::move(forget)),
      simulation_(seed),
      network_(simulation_),
      nodes_(static_cast<std::size_t>(count)) {
  for (int at = 0; at < count; ++at) {
    node(at).machine = &simulation_.AddMachine(NodeId(at));
    VirtualDisk& disk = node(at).machine->disk();
    EXPECT_TRUE(disk.CreateDirectory("/state", 0700).ok());
    EXPECT_TRUE(disk.SyncDirectory("/").ok());
    disk.OnSync([this, at](std::uint64_t number, std::string_view path) {
      return OnSync(at, number, path);
    });
  }
}

ManagerNodes::~ManagerNodes() {
  for (int at = 0; at < size(); ++at) {
    node(at).machine->disk().OnSync(nullptr);
    if (node(at).raft) Crash(at);
  }
}

// Only marks the process as dead: it is on the stack.
bool ManagerNodes::OnSync(int at, std::uint64_t number, std::string_view path) {
  kinds_.insert(KindOfSync(path));
  Node& crashing = node(at);
  if (crashing.crash_at == number) crashing.crash_at_sync = true;
  if (crashing.raft && !crashing.dead && std::exchange(crashing.crash_at_sync, false)) {
    crashing.dead = true;
    ++crashing.generation;
    crashing.machine->Crash();
  }
  return !(forget_ && forget_(path));
}

void ManagerNodes::NoMoreFaults() {
  network_.HealAll();
  network_.SetLoss(0);
  for (Node& one : nodes_) {
    one.crash_at_sync = false;
    one.machine->disk().SetCapacity(UINT64_MAX);
    one.machine->disk().FailSyncs(0);
  }
}

void ManagerNodes::Attach(int at) {
  Node& starting = node(at);
  const Identity identity{NodeId(at), "cluster", {"swarm-manager"}};
  starting.router = std::make_shared<rpc::RouterImpl>();
  starting.router->SetSelf(identity);
  starting.router->Declare("swarmd.v1.Managers");
  starting.network = network_.Attach(*starting.machine, identity);
  auto listening = network_.Listen(*starting.machine, Address(at), starting.router);
  EXPECT_TRUE(listening.ok()) << listening.status();
  if (listening.ok()) starting.listening = *std::move(listening);
}

void ManagerNodes::Start(int at, int through) {
  Bury(at);
  Attach(at);
  Node& starting = node(at);
  raft::MemberOptions options;
  options.log.storage.directory = "/state/raft";
  options.log.storage.key = std::string(32, 'k');
  options.log.storage.segment_bytes = 64 << 10;
  options.log.storage.zero_ahead_bytes = 0;
  options.log.node_id = NodeId(at);
  options.log.address = Address(at);
  options.log.snapshot_interval = snapshot_interval_;
  options.log.log_entries_for_slow_followers = 3;
  if (through >= 0) options.log.join_address = Address(through);
  raft::Surroundings around;
  around.network = starting.network.get();
  around.router = starting.router.get();
  Runtime& runtime = starting.machine->runtime();
  const std::uint64_t generation = ++starting.generation;
  starting.raft = std::make_unique<raft::RaftConsensus>(
      runtime, std::move(options), Logger(), std::move(around), [this, at, generation](Status why) {
        if (node(at).generation == generation) node(at).failure = std::move(why);
      });
  starting.store = std::make_unique<store::StoreImpl>(runtime, *starting.raft, Logger());
  FollowLeadership(at);
  starting.raft->Start([this, at, generation](Status outcome) {
    Node& begun = node(at);
    if (begun.generation != generation) return;
    begun.started = outcome.ok();
    if (!outcome.ok()) {
      begun.failure = std::move(outcome);
      return;
    }
    auto health = begun.router->Register("/docker.swarmkit.v1.Health/Check", Healthy());
    if (health.ok()) begun.health = *std::move(health);
  });
}

// As the node life cycle does it.
void ManagerNodes::FollowLeadership(int at) {
  Node& following = node(at);
  following.loop = following.machine->runtime().NewLoop("node", LoopKind::kBlocking);
  following.leadership = following.store->WatchLeadership(
      *following.loop, [this, at](std::optional<LeaderEpoch> epoch) {
        Node& changed = node(at);
        if (changed.unit) changed.unit->Stop([] {});
        changed.unit.reset();
        if (!epoch) return;
        changed.unit =
            std::make_unique<raft::TimingUnit>(changed.raft->profile_keeper(), *changed.store);
        changed.unit->Start([](const Status&) {});
      });
}

// The object that every cluster has.
bool ManagerNodes::MakeCluster() {
  auto writer = store(0).CurrentWriter();
  if (!writer.ok()) return false;
  std::optional<Status> made;
  (*writer)->Update(
      [](Transaction& tx) {
        auto cluster = std::make_shared<pb::Cluster>();
        cluster->set_id("cluster");
        cluster->mutable_spec()->mutable_annotations()->set_name("default");
        return tx.Create(std::move(cluster));
      },
      [&made](const Result<Index>& outcome) { made = outcome.status(); });
  RunUntil([&made] { return made.has_value(); }, kPatience);
  return made && made->ok();
}

void ManagerNodes::Crash(int at) {
  if (!node(at).raft) return;
  ++node(at).generation;
  if (!std::exchange(node(at).dead, true)) node(at).machine->Crash();
  Bury(at);
}

void ManagerNodes::Bury(int at) {
  Node& dead = node(at);
  if (!dead.raft) return;
  dead.leadership.reset();
  dead.unit.reset();
  dead.loop.reset();
  dead.raft.reset();
  dead.store.reset();
  dead.health.reset();
  dead.listening.reset();
  dead.network.reset();
  dead.router.reset();
  dead.started = false;
  dead.dead = false;
  dead.crash_at_sync = false;
  dead.failure.reset();
}

bool ManagerNodes::RunUntil(const std::function<bool()>& condition, Duration limit) {
  return simulation_.RunUntil(
      [&] {
        for (int at = 0; at < size(); ++at) {
          if (node(at).dead) Bury(at);
        }
        return condition();
      },
      limit);
}

std::string ManagerNodes::Form(std::optional<std::uint64_t> crash_at) {
  node(0).crash_at = crash_at;
  for (int tries = 0; tries < 2 && Leader() != 0; ++tries) {
    Start(0);
    RunUntil([this] { return Leader() == 0 || !up(0) || failure(0); }, kPatience);
  }
  node(0).crash_at.reset();
  if (failure(0)) return "the founder cannot start: " + failure(0)->ToString();
  if (Leader() != 0) return "nobody leads";
  if (!MakeCluster()) return "the cluster cannot be made";
  for (int at = 1; at < size(); ++at) {
    Start(at, 0);
    const bool there =
        RunUntil([this, at] { return node(at).started || node(at).failure; }, kPatience);
    if (!there || node(at).failure) return NodeId(at) + " did not join";
  }
  return "";
}

int ManagerNodes::Leader() const {
  for (int at = 0; at < size(); ++at) {
    if (up(at) && node(at).store->CurrentWriter().ok()) return at;
  }
  return -1;
}

std::optional<std::string> ManagerNodes::Content(int at) {
  std::optional<std::string> content;
  store(at).Capture([&content](Result<StoreImage> image) {
    if (image.ok()) content = std::move(image->data);
  });
  RunUntil([&content] { return content.has_value(); }, kPatience);
  return content;
}

std::uint64_t ManagerNodes::torn_writes() const {
  std::uint64_t count = 0;
  for (const Node& one : nodes_) count += one.machine->disk().torn_writes();
  return count;
}

std::uint64_t ManagerNodes::lost_writes() const {
  std::uint64_t count = 0;
  for (const Node& one : nodes_) count += one.machine->disk().lost_writes();
  return count;
}

}  // namespace swarm::managers
