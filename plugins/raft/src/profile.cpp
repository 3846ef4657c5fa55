#include "profile.h"

#include <algorithm>

#include "consensus/timing_label.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/snapshot.pb.h"
#include "wal/wire.h"

namespace swarm::raft {
namespace {

namespace pb = ::docker::swarmkit::v1;

constexpr Duration kUpstreamTick = std::chrono::seconds(1);
constexpr int kUpstreamHeartbeat = 1;
constexpr int kUpstreamElection = 10;

int TicksIn(Duration time, Duration tick) {
  return std::max(1, static_cast<int>((time + tick / 2) / tick));
}

std::optional<Profile> InCluster(std::string_view serialised) {
  pb::Cluster cluster;
  if (!cluster.ParseFromArray(serialised.data(), static_cast<int>(serialised.size())))
    return std::nullopt;
  return ProfileOf(cluster);
}

std::optional<Profile> InAction(std::string_view action) {
  wal::FieldReader reader(action);
  std::uint64_t kind = 0;
  std::optional<Profile> found;
  while (reader.Next()) {
    if (reader.IsNumber(pb::StoreAction::kActionFieldNumber)) kind = reader.number();
    if (reader.IsBytes(pb::StoreAction::kClusterFieldNumber)) found = InCluster(reader.bytes());
  }
  if (found && kind == pb::STORE_ACTION_REMOVE) return Profile::kCompatible;
  return found;
}

}  // namespace

std::string_view NameOf(Profile profile) {
  return profile == Profile::kFast ? consensus::kTimingFast : consensus::kTimingCompatible;
}

Profile ProfileOf(const pb::Cluster& cluster) {
  const auto& labels = cluster.spec().annotations().labels();
  const auto label = labels.find(std::string(consensus::kTimingLabel));
  const bool fast = label != labels.end() && label->second == consensus::kTimingFast;
  return fast ? Profile::kFast : Profile::kCompatible;
}

// Every entry comes through here: what is not about the cluster object is only skipped.
std::optional<Profile> ProfileInRequest(std::string_view request) {
  wal::FieldReader reader(request);
  std::optional<Profile> found;
  while (reader.Next()) {
    if (!reader.IsBytes(pb::InternalRaftRequest::kActionFieldNumber)) continue;
    if (const std::optional<Profile> told = InAction(reader.bytes())) found = told;
  }
  return found;
}

Profile ProfileInStore(std::string_view store) {
  wal::FieldReader reader(store);
  Profile found = Profile::kCompatible;
  while (reader.Next()) {
    if (!reader.IsBytes(pb::StoreSnapshot::kClustersFieldNumber)) continue;
    found = InCluster(reader.bytes()).value_or(Profile::kCompatible);
  }
  return found;
}

Ticks::Ticks(const MemberOptions& options) {
  const int heartbeat = options.heartbeat_tick > 0 ? options.heartbeat_tick : kUpstreamHeartbeat;
  const int election = options.election_tick > 0 ? options.election_tick : kUpstreamElection;
  const Duration beat = options.election_timeout / kElectionTicks;
  length_ = std::min(beat, kUpstreamTick);
  fast_ = {.election_ticks = TicksIn(options.election_timeout, length_),
           .heartbeat_ticks = TicksIn(beat, length_),
           .pre_vote = true};
  compatible_ = {.election_ticks = TicksIn(election * kUpstreamTick, length_),
                 .heartbeat_ticks = TicksIn(heartbeat * kUpstreamTick, length_),
                 .pre_vote = false};
  if (options.never_fast()) fast_ = compatible_;
  hurry_ = std::min(TicksIn(beat, length_), compatible_.heartbeat_ticks);
}

Timing Ticks::Of(Profile profile, bool hurried) const {
  Timing timing = profile == Profile::kFast ? fast_ : compatible_;
  if (hurried) timing.heartbeat_ticks = std::min(timing.heartbeat_ticks, hurry_);
  return timing;
}

}  // namespace swarm::raft
