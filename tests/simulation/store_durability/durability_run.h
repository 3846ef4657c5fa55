// One seeded life story of a store on a virtual disk: transactions, crashes, full disks, failing
// syncs, refusals.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "history.h"
#include "refusing_consensus.h"
#include "standalone.h"
#include "store_impl.h"
#include "swarm/simulation.h"

namespace swarm::durability {

struct Counters {
  std::uint64_t transactions = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t crashes = 0;
  std::uint64_t crashes_at_sync = 0;
  std::uint64_t torn_writes = 0;
  std::uint64_t lost_writes = 0;
  std::uint64_t refused = 0;   // by the plan, in the middle of a pipeline
  std::uint64_t no_space = 0;  // transactions refused for a full disk
  std::uint64_t sync_failures = 0;
  std::uint64_t reruns = 0;   // transactions run again because their base was lost
  std::uint64_t rebuilt = 0;  // versions made of changes, since a run committed or was lost in part
  std::uint64_t snapshots = 0;  // starts that began from a snapshot
  std::uint64_t adopted = 0;    // not acknowledged, and found after a crash
  std::uint64_t most_in_flight = 0;

  void Add(const Counters& other);
};

struct Plan {
  std::uint64_t seed = 1;
  // Crash at this sync, counted from the start; nothing: at random ones.
  std::optional<std::uint64_t> crash_at;
  // Syncs to leave out: faults that a run must notice.
  std::function<bool(std::string_view path)> forget;
};

// A sync's place with what varies between files taken out: "state/raft/wal-v3-encrypted/*.wal".
std::string KindOfSync(std::string_view path);

class DurabilityRun {
 public:
  explicit DurabilityRun(Plan plan);
  ~DurabilityRun();

  // Empty, or what went wrong.
  std::string Run();
  const Counters& counters() const { return counters_; }
  std::uint64_t syncs() { return machine_.disk().sync_count(); }
  const std::set<std::string>& kinds_of_syncs() const { return kinds_; }

 private:
  // A manager's process.
  struct Process {
    std::unique_ptr<standalone::Standalone> log;
    std::unique_ptr<RefusingConsensus> consensus;
    std::unique_ptr<store::StoreImpl> store;
    WriterPtr writer;
  };

  bool OnSync(std::uint64_t number, std::string_view path);
  standalone::Options LogOptions() const;
  bool Boot();
  bool TryBoot();
  std::string Image();
  void Crash();
  void Shutdown();
  void TakeDown();
  void Live();
  void Burst();
  void StartTransaction();
  Status Transact(Attempt& attempt, std::uint64_t seed, Transaction& tx);
  void Mischief();
  bool WaitFor(const std::function<bool()>& condition);
  std::uint64_t Below(std::uint64_t limit) { return sim_.random().Below(limit); }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

  const Plan plan_;
  Simulation sim_;
  Machine& machine_;
  // The reference store lives on a machine that never crashes.
  Machine& observer_;
  History history_;
  std::uint64_t snapshot_interval_;
  std::optional<std::uint64_t> crash_at_;
  // Counts processes: answers of a dead one do not count.
  std::uint64_t generation_ = 0;
  bool alive_ = false;
  std::unique_ptr<Process> process_;
  std::uint64_t waiting_ = 0;  // transactions without outcome
  std::string wrong_;
  Counters counters_;
  std::set<std::string> kinds_;
};

}  // namespace swarm::durability
