// What happened in simulations, to see that they are not idle.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace swarm::raft::testing {

struct Counters {
  std::uint64_t steps = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t proposals_dropped = 0;
  std::uint64_t reads = 0;
  std::uint64_t reads_turned_down = 0;
  std::uint64_t elections = 0;
  std::uint64_t transfers = 0;
  std::uint64_t conf_changes = 0;
  std::uint64_t conf_changes_refused = 0;
  std::uint64_t snapshots_taken = 0;
  std::uint64_t snapshots_installed = 0;
  std::uint64_t entries_replaced = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t crashes = 0;
  std::uint64_t writes_lost = 0;
  std::uint64_t writes_torn = 0;
  std::uint64_t commits_lost = 0;
  std::uint64_t partitions = 0;
  std::uint64_t clock_jumps = 0;
  std::uint64_t disks_full = 0;
  std::uint64_t writes_that_found_no_room = 0;
  std::uint64_t members_of_2021 = 0;
  std::uint64_t profile_switches = 0;
  std::uint64_t heartbeats_slowed = 0;
  std::uint64_t foreign_added = 0;
  std::uint64_t switches_in_peace = 0;

  std::uint64_t faults() const { return crashes + partitions + clock_jumps + disks_full; }

  using Named = std::pair<std::string_view, std::uint64_t Counters::*>;
  static constexpr std::array<Named, 28> kAll = {{
      {"steps", &Counters::steps},
      {"acknowledged", &Counters::acknowledged},
      {"proposals_dropped", &Counters::proposals_dropped},
      {"reads", &Counters::reads},
      {"reads_turned_down", &Counters::reads_turned_down},
      {"elections", &Counters::elections},
      {"transfers", &Counters::transfers},
      {"conf_changes", &Counters::conf_changes},
      {"conf_changes_refused", &Counters::conf_changes_refused},
      {"snapshots_taken", &Counters::snapshots_taken},
      {"snapshots_installed", &Counters::snapshots_installed},
      {"entries_replaced", &Counters::entries_replaced},
      {"lost", &Counters::lost},
      {"duplicated", &Counters::duplicated},
      {"reordered", &Counters::reordered},
      {"crashes", &Counters::crashes},
      {"writes_lost", &Counters::writes_lost},
      {"writes_torn", &Counters::writes_torn},
      {"commits_lost", &Counters::commits_lost},
      {"partitions", &Counters::partitions},
      {"clock_jumps", &Counters::clock_jumps},
      {"disks_full", &Counters::disks_full},
      {"writes_that_found_no_room", &Counters::writes_that_found_no_room},
      {"members_of_2021", &Counters::members_of_2021},
      {"profile_switches", &Counters::profile_switches},
      {"heartbeats_slowed", &Counters::heartbeats_slowed},
      {"foreign_added", &Counters::foreign_added},
      {"switches_in_peace", &Counters::switches_in_peace},
  }};

  void Add(const Counters& other) {
    for (const auto& [name, member] : kAll) this->*member += other.*member;
  }
  friend bool operator==(const Counters&, const Counters&) = default;
};

}  // namespace swarm::raft::testing
