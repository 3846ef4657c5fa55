#include "consensus/options.h"

namespace swarm::consensus {

Options ReadOptions(const Settings& settings, const NodeInfo& node) {
  const auto number = [&settings](std::string_view key) {
    return static_cast<std::uint64_t>(settings.GetInteger(key));
  };
  Options options;
  options.storage.directory = node.state_dir + "/raft";
  options.storage.key = node.log_key;
  options.storage.pending_key = node.log_key_pending;
  options.storage.fips = settings.GetBool("fips");
  if (options.storage.fips) options.storage.scheme = wal::Scheme::kFernet;
  options.storage.segment_bytes = number("segment_bytes");
  options.storage.zero_ahead_bytes = number("zero_ahead_bytes");
  options.node_id = node.node_id;
  options.address = node.advertise_address;
  options.force_new_cluster = node.force_new_cluster;
  options.join_address = node.join_address;
  options.snapshot_interval = number("snapshot_interval");
  options.keep_old_snapshots = number("keep_old_snapshots");
  options.log_entries_for_slow_followers = number("log_entries_for_slow_followers");
  return options;
}

}  // namespace swarm::consensus
