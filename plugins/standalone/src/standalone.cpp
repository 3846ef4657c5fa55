#include "standalone.h"

#include <utility>

namespace swarm::standalone {

void Standalone::Stop(Function<void()> done) noexcept {
  group_->Stop();
  done();
}

Result<ProposalEpoch> Standalone::OpenEpoch(LeaderEpoch leadership) noexcept {
  return group_->OpenEpoch(leadership);
}

void Standalone::Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) noexcept {
  group_->Propose(epoch, sequence, std::move(changes));
}

Status Standalone::TransferLeadership() noexcept {
  return Status(Code::kFailedPrecondition,
                "this is the only manager of the group: nobody can take over leadership");
}

void Standalone::ReadLog(Index from, Index to,
                         Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept {
  group_->ReadLog(from, to, std::move(done));
}

Options ReadOptions(const Settings& settings, const NodeInfo& node) {
  Options options;
  options.storage.directory = node.state_dir + "/raft";
  options.storage.key = node.log_key;
  options.storage.pending_key = node.log_key_pending;
  options.storage.fips = settings.GetBool("fips");
  if (options.storage.fips) options.storage.scheme = wal::Scheme::kFernet;
  options.storage.segment_bytes = static_cast<std::uint64_t>(settings.GetInteger("segment_bytes"));
  options.storage.zero_ahead_bytes =
      static_cast<std::uint64_t>(settings.GetInteger("zero_ahead_bytes"));
  options.node_id = node.node_id;
  options.address = node.advertise_address;
  options.force_new_cluster = node.force_new_cluster;
  options.join_address = node.join_address;
  options.snapshot_interval = static_cast<std::uint64_t>(settings.GetInteger("snapshot_interval"));
  options.keep_old_snapshots = static_cast<std::size_t>(settings.GetInteger("keep_old_snapshots"));
  options.log_entries_for_slow_followers =
      static_cast<std::uint64_t>(settings.GetInteger("log_entries_for_slow_followers"));
  return options;
}

}  // namespace swarm::standalone
