// Inside the virtual network: who listens, which connections there are, and when what arrives.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulation/simulation_impl.h"
#include "simulation/virtual_network.h"

namespace swarm::simulation {

class VirtualCall;

// One life of a machine, as far as the network is concerned.
struct Host {
  MachineImpl* machine = nullptr;
  bool alive = true;
};
using HostPtr = std::shared_ptr<Host>;

struct ListenPoint {
  std::string address;
  HostPtr host;
  std::shared_ptr<CallTarget> target;
  Listener listener = Listener::kRemote;
};

// From a dialler to a listener. Both ends of a machine's call to itself are the same host.
struct Connection {
  enum End : unsigned char { kClient, kServer };
  HostPtr client;
  std::shared_ptr<ListenPoint> server;
  std::optional<Identity> identity;
  bool broken = false;
  std::map<std::uint64_t, std::shared_ptr<VirtualCall>> calls;  // not ended on both sides
  std::vector<Function<void()>> held;                           // arrived during a partition
  const HostPtr& host(End end) const { return end == kClient ? client : server->host; }
};
using ConnectionPtr = std::shared_ptr<Connection>;

class NetworkCore : public std::enable_shared_from_this<NetworkCore> {
 public:
  explicit NetworkCore(Simulation& simulation);

  HostPtr HostOf(Machine& machine);
  Status Listen(std::shared_ptr<ListenPoint> point);
  void Unlisten(const std::shared_ptr<ListenPoint>& point);
  // Null when nobody can be reached at the address.
  ConnectionPtr Connect(const HostPtr& client, const std::string& address,
                        const std::optional<Identity>& identity);

  // Hands a message to the connection. `last` is when the call's previous message in this
  // direction arrives; messages of one call stay in order. `arrive` runs with false when the
  // connection is broken by then.
  void Send(const ConnectionPtr& connection, SteadyTime& last, Function<void(bool)> arrive);
  // So that the call's callbacks go with their process, wherever it has got to.
  void Track(const std::shared_ptr<VirtualCall>& call);
  // Breaks it: both ends learn of it after a while.
  void Break(const ConnectionPtr& connection);

  // Runs `fn` on the network's loop, in order, unless `host` is dead by then.
  void Soon(const HostPtr& host, Function<void()> fn);
  // The same, later.
  std::shared_ptr<TimerState> Later(Duration delay, Function<void()> fn);
  Duration RandomDelay();
  SteadyTime now() const { return scheduler_->now(); }

  void SetPartition(Machine& a, Machine& b, bool on);
  void HealAll();
  void Close();

  Duration delay_low = std::chrono::microseconds(100);
  Duration delay_high = std::chrono::milliseconds(2);
  double loss = 0;
  VirtualNetworkCounters counters;
  std::uint64_t next_call = 1;

 private:
  using Pair = std::pair<std::size_t, std::size_t>;
  static Pair PairOf(const MachineImpl& a, const MachineImpl& b);
  bool Parted(const Connection& connection) const;
  void Arrive(const ConnectionPtr& connection, Function<void(bool)> arrive);
  void Release(const ConnectionPtr& connection);
  void BreakStalled(Pair pair);
  void Died(MachineImpl& machine);
  std::vector<ConnectionPtr> Connections();
  std::vector<std::shared_ptr<VirtualCall>> Calls();

  const std::shared_ptr<Scheduler> scheduler_;
  const LoopPtr loop_;
  SeededRandom random_;
  bool closed_ = false;
  std::map<MachineImpl*, HostPtr> hosts_;
  std::map<std::string, std::shared_ptr<ListenPoint>> points_;
  std::vector<std::weak_ptr<Connection>> connections_;
  std::vector<std::weak_ptr<VirtualCall>> calls_;
  std::size_t prune_calls_at_ = 64;
  std::map<Pair, std::uint64_t> partitions_;  // and a number that tells one from the next
  std::uint64_t next_partition_ = 1;
};

// "10.x.y.z:port" of the machine, as handlers see their callers.
std::string RemoteAddress(const Host& host);

}  // namespace swarm::simulation
