// The plugin as the consensus suites want it: small files, few old entries.
#pragma once

#include <memory>

#include "conformance/consensus_suite.h"
#include "raft_consensus.h"

namespace swarm::raft {

inline std::unique_ptr<Instance> MakeRaft(Runtime& runtime,
                                          const conformance::ConsensusSetup& setup) {
  MemberOptions options;
  options.log.storage.directory = setup.node.state_dir + "/raft";
  options.log.storage.key = setup.node.log_key;
  options.log.storage.pending_key = setup.node.log_key_pending;
  options.log.force_new_cluster = setup.node.force_new_cluster;
  options.log.storage.segment_bytes = setup.small_files ? 32 << 10 : 1 << 20;
  options.log.storage.zero_ahead_bytes = 8 << 10;
  options.log.node_id = setup.node.node_id;
  options.log.address = setup.node.advertise_address;
  options.log.snapshot_interval = setup.snapshot_interval;
  options.log.log_entries_for_slow_followers = 2;
  return std::make_unique<RaftConsensus>(runtime, std::move(options), Logger(), Surroundings{},
                                         [](Status) {});
}

}  // namespace swarm::raft
