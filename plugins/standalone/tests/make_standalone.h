// The plugin as the consensus suites want it: small files, few old entries.
#pragma once

#include <memory>

#include "conformance/consensus_suite.h"
#include "standalone.h"

namespace swarm::standalone {

inline std::unique_ptr<Instance> MakeStandaloneWith(Runtime& runtime,
                                                    const conformance::ConsensusSetup& setup,
                                                    Function<void(Status)> fatal) {
  Options options;
  options.storage.directory = setup.node.state_dir + "/raft";
  options.storage.key = setup.node.log_key;
  options.storage.pending_key = setup.node.log_key_pending;
  options.force_new_cluster = setup.node.force_new_cluster;
  options.storage.segment_bytes = setup.small_files ? 32 << 10 : 1 << 20;
  options.storage.zero_ahead_bytes = 8 << 10;
  options.node_id = setup.node.node_id;
  options.address = setup.node.advertise_address;
  options.snapshot_interval = setup.snapshot_interval;
  options.log_entries_for_slow_followers = 2;
  return std::make_unique<Standalone>(runtime, std::move(options), Logger(), std::move(fatal));
}

inline std::unique_ptr<Instance> MakeStandalone(Runtime& runtime,
                                                const conformance::ConsensusSetup& setup) {
  return MakeStandaloneWith(runtime, setup, [](Status) {});
}

}  // namespace swarm::standalone
