#include "simulation/network_core.h"

#include <algorithm>

#include "simulation/virtual_call.h"

namespace swarm::simulation {

namespace {

// How long a connection stands a partition.
constexpr Duration kStallLimit = std::chrono::seconds(20);

}  // namespace

NetworkCore::NetworkCore(Simulation& simulation)
    : scheduler_(simulation.impl().scheduler),
      loop_(scheduler_->NewLoop("network")),
      random_(simulation.impl().seeds.Next()) {}

HostPtr NetworkCore::HostOf(Machine& machine) {
  auto& impl = static_cast<MachineImpl&>(machine);
  auto [entry, fresh] = hosts_.try_emplace(&impl);
  if (fresh) {
    impl.OnCrash([weak = weak_from_this(), &impl] {
      if (auto core = weak.lock()) core->Died(impl);
    });
  }
  if (!entry->second) entry->second = std::make_shared<Host>(Host{&impl, true});
  return entry->second;
}

Status NetworkCore::Listen(std::shared_ptr<ListenPoint> point) {
  const auto [entry, fresh] = points_.try_emplace(point->address, point);
  if (fresh) return {};
  return {Code::kAlreadyExists, "listen on " + point->address + ": address already in use"};
}

void NetworkCore::Unlisten(const std::shared_ptr<ListenPoint>& point) {
  const auto found = points_.find(point->address);
  if (found == points_.end() || found->second != point) return;
  points_.erase(found);
  for (const ConnectionPtr& connection : Connections()) {
    if (connection->server == point) Break(connection);
  }
  point->target.reset();
}

ConnectionPtr NetworkCore::Connect(const HostPtr& client, const std::string& address,
                                   const std::optional<Identity>& identity) {
  const auto found = points_.find(address);
  if (closed_ || !client->alive || found == points_.end()) {
    ++counters.refused_connections;
    return nullptr;
  }
  auto connection = std::make_shared<Connection>();
  connection->client = client;
  connection->server = found->second;
  connection->identity = identity;
  if (Parted(*connection)) {
    ++counters.refused_connections;
    return nullptr;
  }
  std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
  connections_.push_back(connection);
  return connection;
}

void NetworkCore::Send(const ConnectionPtr& connection, SteadyTime& last,
                       Function<void(bool)> arrive) {
  ++counters.messages;
  const bool local = connection->client == connection->server->host;
  if (!local && !connection->broken && loss > 0 && random_.Chance(loss)) Break(connection);
  last = std::max(last, now() + (local ? Duration::zero() : RandomDelay()));
  Later(last - now(),
        [core = shared_from_this(), connection, arrive = std::move(arrive)]() mutable {
          core->Arrive(connection, std::move(arrive));
        });
}

void NetworkCore::Arrive(const ConnectionPtr& connection, Function<void(bool)> arrive) {
  if (!connection->broken && Parted(*connection)) {
    connection->held.push_back(
        [raw = connection.get(), arrive = std::move(arrive)]() mutable { arrive(!raw->broken); });
    return;
  }
  arrive(!connection->broken);
}

void NetworkCore::Break(const ConnectionPtr& connection) {
  if (std::exchange(connection->broken, true)) return;
  ++counters.broken_connections;
  Soon(nullptr, [this, self = shared_from_this(), connection] { Release(connection); });
  for (auto& [id, call] : std::exchange(connection->calls, {})) {
    Later(RandomDelay(), [call = call] { call->ClientLost(); });
    Later(RandomDelay(), [call = call] { call->ServerCancelled(); });
  }
}

void NetworkCore::Release(const ConnectionPtr& connection) {
  for (auto& message : std::exchange(connection->held, {})) message();
}

void NetworkCore::Soon(const HostPtr& host, Function<void()> fn) {
  scheduler_->Post(loop_, [host, fn = std::move(fn)]() mutable {
    if (!host || host->alive) fn();
  });
}

std::shared_ptr<TimerState> NetworkCore::Later(Duration delay, Function<void()> fn) {
  return scheduler_->After(loop_, delay, std::move(fn));
}

Duration NetworkCore::RandomDelay() { return random_.Between(delay_low, delay_high); }

NetworkCore::Pair NetworkCore::PairOf(const MachineImpl& a, const MachineImpl& b) {
  return std::minmax(a.number(), b.number());
}

bool NetworkCore::Parted(const Connection& connection) const {
  return partitions_.contains(
      PairOf(*connection.client->machine, *connection.server->host->machine));
}

void NetworkCore::SetPartition(Machine& a, Machine& b, bool on) {
  const Pair pair = PairOf(static_cast<MachineImpl&>(a), static_cast<MachineImpl&>(b));
  if (on) {
    const std::uint64_t number = next_partition_++;
    if (!partitions_.try_emplace(pair, number).second) return;
    Later(kStallLimit, [this, self = shared_from_this(), pair, number] {
      const auto found = partitions_.find(pair);
      if (found != partitions_.end() && found->second == number) BreakStalled(pair);
    });
    return;
  }
  if (partitions_.erase(pair) == 0) return;
  for (const ConnectionPtr& connection : Connections()) {
    if (PairOf(*connection->client->machine, *connection->server->host->machine) != pair) continue;
    if (connection->held.empty()) continue;
    if (random_.OneIn(2)) Break(connection);
    Soon(nullptr, [this, self = shared_from_this(), connection] { Release(connection); });
  }
}

void NetworkCore::BreakStalled(Pair pair) {
  for (const ConnectionPtr& connection : Connections()) {
    if (PairOf(*connection->client->machine, *connection->server->host->machine) == pair) {
      Break(connection);
    }
  }
}

void NetworkCore::HealAll() {
  std::map<std::size_t, MachineImpl*> machines;
  for (const auto& [machine, host] : hosts_) machines[machine->number()] = machine;
  for (const auto& [pair, number] : std::map(partitions_)) {
    const auto a = machines.find(pair.first);
    const auto b = machines.find(pair.second);
    if (a != machines.end() && b != machines.end()) {
      SetPartition(*a->second, *b->second, false);
    } else {
      partitions_.erase(pair);
    }
  }
}

void NetworkCore::Died(MachineImpl& machine) {
  const HostPtr host = std::exchange(hosts_[&machine], nullptr);
  if (!host) return;
  host->alive = false;
  std::vector<std::shared_ptr<ListenPoint>> gone;
  std::erase_if(points_, [&](auto& entry) {
    if (entry.second->host != host) return false;
    gone.push_back(entry.second);
    return true;
  });
  const auto calls = Calls();
  for (const ConnectionPtr& connection : Connections()) {
    if (connection->client == host || connection->server->host == host) Break(connection);
  }
  for (const auto& call : calls) call->HostDied(host);
  for (auto& point : gone) point->target.reset();
}

std::vector<ConnectionPtr> NetworkCore::Connections() {
  std::vector<ConnectionPtr> out;
  for (const auto& weak : connections_) {
    auto connection = weak.lock();
    if (connection && !connection->broken) out.push_back(std::move(connection));
  }
  return out;
}

std::vector<std::shared_ptr<VirtualCall>> NetworkCore::Calls() {
  std::vector<std::shared_ptr<VirtualCall>> out;
  for (const auto& weak : calls_) {
    if (auto call = weak.lock()) out.push_back(std::move(call));
  }
  return out;
}

void NetworkCore::Track(const std::shared_ptr<VirtualCall>& call) {
  if (calls_.size() >= prune_calls_at_) {
    std::erase_if(calls_, [](const auto& weak) { return weak.expired(); });
    prune_calls_at_ = std::max<std::size_t>(64, calls_.size() * 2);
  }
  calls_.push_back(call);
}

void NetworkCore::Close() {
  closed_ = true;
  const auto points = std::exchange(points_, {});
  const auto calls = Calls();
  for (const ConnectionPtr& connection : Connections()) {
    connection->broken = true;
    connection->calls.clear();
    auto held = std::exchange(connection->held, {});
  }
  for (const auto& call : calls) call->Drop();
  // Handlers may hold calls, which hold their connection and so its listener.
  for (const auto& [address, point] : points) point->target.reset();
  scheduler_->Stop(*loop_);
}

std::string RemoteAddress(const Host& host) {
  const std::size_t n = host.machine->number() + 1;
  return "10." + std::to_string(n >> 16U & 255U) + "." + std::to_string(n >> 8U & 255U) + "." +
         std::to_string(n & 255U) + ":" + std::to_string(40000 + n % 20000);
}

}  // namespace swarm::simulation
