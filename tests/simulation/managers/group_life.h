// One seeded life of a group of managers: clients write by comparing versions and read, through
// whichever manager, while machines, disks, clocks and the network fail. Then the faults end, and
// every answer has to be explained by one order, in which nothing acknowledged is missing.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manager_nodes.h"
#include "support/history.h"
#include "swarm/store.h"

namespace swarm::managers {

struct Counters {
  std::uint64_t steps = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t refused = 0;  // for their version
  std::uint64_t reads = 0;
  std::uint64_t reads_unconfirmed = 0;
  std::uint64_t elections = 0;
  std::uint64_t crashes = 0;
  std::uint64_t crashes_in_a_write = 0;
  std::uint64_t crashes_of_all = 0;
  std::uint64_t torn_writes = 0;
  std::uint64_t lost_writes = 0;
  std::uint64_t partitions = 0;
  std::uint64_t broken_connections = 0;
  std::uint64_t disks_full = 0;
  std::uint64_t syncs_failed = 0;
  std::uint64_t clock_jumps = 0;
  std::uint64_t transfers = 0;

  using Named = std::pair<std::string_view, std::uint64_t Counters::*>;
  static const std::array<Named, 18> kAll;
  std::uint64_t faults() const {
    return crashes + crashes_of_all + partitions + disks_full + syncs_failed + clock_jumps;
  }
  void Add(const Counters& other);
  friend bool operator==(const Counters&, const Counters&) = default;
};

struct Plan {
  std::uint64_t seed = 1;
  int managers = 3;
  std::uint64_t snapshot_interval = 15;
  // Goes on until there were at least so many.
  std::uint64_t acknowledged = 50;
  std::uint64_t faults = 5;
  ManagerNodes::Forget forget = nullptr;
  std::optional<std::uint64_t> founder_crashes_at = std::nullopt;  // a sync, from 0
  // Reads that trust the manager they reach: what must be noticed.
  bool unconfirmed_reads = false;
};

class GroupLife {
 public:
  explicit GroupLife(Plan plan);
  // Empty, or what went wrong.
  std::string Run();
  const Counters& counters() const { return counters_; }
  const std::set<std::string>& kinds_of_syncs() const { return nodes_.kinds_of_syncs(); }

 private:
  struct Object {
    std::uint64_t version = 0;
    std::uint64_t version_before = 0;
    std::vector<test::Operation> history;
  };
  // A call under way; its answer counts while the manager's process is the same.
  struct Call {
    int at = 0;
    std::uint64_t generation = 0;
    std::string object;
    test::Operation op;
    bool done = false;
  };
  using CallPtr = std::shared_ptr<Call>;

  void Step();
  void Work(int turns);
  void Clients();
  void Write();
  void Read(bool unconfirmed);
  void ReadAll(int at);
  void Fail();
  void FailDisk(int at);
  void Heal();
  void StartAgain();
  std::string Settle();
  bool AllStarted() const;
  bool AnyFailed() const;
  std::string Describe();

  CallPtr Begin(int at, const std::string& object, test::Operation::Kind kind);
  bool Counts(const Call& call) const;
  void OnWritten(const CallPtr& call, const Result<Index>& outcome);
  void OnRead(const CallPtr& call);
  void Record(const CallPtr& call);
  void Unanswered();
  test::Operation::Time Now() { return ++now_; }
  std::uint64_t Below(std::uint64_t limit) { return nodes_.simulation().random().Below(limit); }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

  const Plan plan_;
  Counters counters_;
  std::map<std::string, Object> objects_;
  std::vector<CallPtr> calls_;
  test::Operation::Time now_ = 0;
  std::uint64_t values_ = 0;
  int leader_ = -1;
  // Last: it ends first, and answers what was under way.
  ManagerNodes nodes_;
};

}  // namespace swarm::managers
