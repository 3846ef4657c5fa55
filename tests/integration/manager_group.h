// Real managers, each on a host and a small disk of its own, whose processes, connections and disks
// a test can make fail. Needs root.
#pragma once

#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "small_disk.h"
#include "support/cluster.h"
#include "support/cut_network.h"
#include "swarm/network.h"

namespace swarm::test {

// Whether these tests can run here; a reason when not.
std::optional<std::string> NoManagerGroup();

class ManagerGroup {
 public:
  explicit ManagerGroup(int size);
  ~ManagerGroup();

  // The first founds the group, the others join it; whether all are in.
  bool Form();
  int size() const { return static_cast<int>(hosts_.size()); }
  std::string socket(int at) const { return host(at).manager->socket(); }
  std::string log(int at) const { return host(at).manager->log(); }
  // What its log says from `from` on, so that only news count.
  bool Says(int at, const std::string& text, std::size_t from) const;

  // Who leads, as some manager that answers says; -1: nobody does.
  int Leader();
  bool AwaitLeader();

  void Kill(int at);
  // After Kill, on what its disk has; whether it got ready.
  bool Restart(int at);
  void Freeze(int at) { host(at).manager->process().Signal(SIGSTOP); }
  void Thaw(int at) { host(at).manager->process().Signal(SIGCONT); }
  bool running(int at) { return host(at).manager->process().running(); }
  void FillDisk(int at) { host(at).disk->Fill(); }
  void FreeDisk(int at) { host(at).disk->Free(); }
  CutNetwork& network() { return *network_; }
  // Programs on this machine reach the managers' sockets through it.
  Network& client() { return *client_; }

 private:
  struct Host {
    std::unique_ptr<SmallDisk> disk;
    std::unique_ptr<Manager> manager;
  };
  Host& host(int at) { return hosts_[static_cast<std::size_t>(at)]; }
  const Host& host(int at) const { return hosts_[static_cast<std::size_t>(at)]; }
  bool Start(int at, std::vector<std::string> arguments = {});
  std::string Token();
  int LeaderSeenBy(int at);
  int Listed(int at);

  std::string folder_;
  std::unique_ptr<CutNetwork> network_;
  std::vector<Host> hosts_;
  std::unique_ptr<Network> client_;
};

}  // namespace swarm::test
