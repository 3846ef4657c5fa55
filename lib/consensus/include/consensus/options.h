// What every consensus plugin on lib/wal is told: where its log lies and when a snapshot replaces
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "swarm/settings.h"
#include "wal/storage.h"

namespace swarm::consensus {

struct Options {
  wal::StorageOptions storage;
  std::string node_id;
  std::string address;
  bool force_new_cluster = false;
  // A manager of the cluster this node became part of; empty: it begins one.
  std::string join_address;
  // A snapshot after so many entries; 0: never.
  std::uint64_t snapshot_interval = 10'000;
  std::size_t keep_old_snapshots = 0;
  // So many entries from before a snapshot stay readable.
  std::uint64_t log_entries_for_slow_followers = 500;
};

// From a section whose schema has the keys snapshot_interval, keep_old_snapshots,
// log_entries_for_slow_followers, segment_bytes, zero_ahead_bytes and fips.
Options ReadOptions(const Settings& settings, const NodeInfo& node);

}  // namespace swarm::consensus
