// How the managers of a group time elections: `fast` among members of this make, `compatible`,
// which is upstream's way, as soon as one is of another. The profile in force is a label of the
// cluster object, so members take it from the log and all of them see the same changes in the same
// order.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/options.h"
#include "options.h"
#include "swarm/ids.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::raft {

enum class Profile : std::uint8_t { kCompatible, kFast };

// As the label has it.
std::string_view NameOf(Profile profile);
Profile ProfileOf(const docker::swarmkit::v1::Cluster& cluster);

// What an entry's data, an InternalRaftRequest, makes of it; nothing when it is not about the
// cluster object.
std::optional<Profile> ProfileInRequest(std::string_view request);
// Of a store's serialised snapshot.
Profile ProfileInStore(std::string_view store);

// What a member knows of the profile.
struct ProfileStatus {
  Profile profile = Profile::kCompatible;
  Index since;    // the entry, or snapshot, it came with; 0: none did
  Index applied;  // all up to this entry was looked at
};

// The core's ticks under each profile. One tick has the same length in all, so that a change of
// profile is a change of numbers.
class Ticks {
 public:
  explicit Ticks(const MemberOptions& options);

  Duration length() const { return length_; }
  // `hurried`: a leader's heartbeats come as the fast profile needs them, whichever is in force.
  Timing Of(Profile profile, bool hurried) const;

 private:
  Duration length_;
  Timing fast_;
  Timing compatible_;
  int hurry_ = 1;
};

}  // namespace swarm::raft
