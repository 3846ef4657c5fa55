// A member's state folder: made for the first member of a new group, or read; and turned into that
// of a group of its own by force.
#pragma once

#include <cstddef>
#include <string>

#include "consensus/membership.h"
#include "consensus/options.h"
#include "consensus/request_ids.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "swarmkit/v1/raft.pb.h"
#include "wal/storage.h"

namespace swarm::consensus {

struct OpenedMember {
  wal::Storage storage;
  docker::swarmkit::v1::RaftMember self;  // with the node's present id and address
  Membership membership;                  // with every entry of the log taken in
  Term term;
  Index last;

  Index base() const { return storage.snapshot ? storage.snapshot->mark.index : Index(); }
  bool alone() const { return membership.voters == std::set<std::uint64_t>{self.raft_id()}; }
};

// [blocking] Reads the folder. Without one it is made, and the log begins as that of SwarmKit's
// first manager does: with its own addition. Errors name the folder or file.
Result<OpenedMember> OpenMember(Runtime& runtime, const Options& options, const Logger& log);

// [blocking] The folder of a member that a group has taken up as `self`; its log is empty, and in
// term 1 from the beginning, which tells it from the one of a first member that was cut short.
Status CreateJoined(Runtime& runtime, const Options& options,
                    const docker::swarmkit::v1::RaftMember& self);

// [blocking] Makes a larger group's log one of this member alone: all that the log holds is
// committed, and the others are removed.
Status ForceNewGroup(OpenedMember& member, RequestIds& ids);

// Adds entries behind the last.
class EntryWriter {
 public:
  explicit EntryWriter(OpenedMember& member) : member_(member) {}

  void Add(wal::EntryType type, std::string data);
  // Writes what was added, with a hard state that commits all of it.
  Status Flush(RaftId vote, bool sync);

 private:
  OpenedMember& member_;
  std::size_t added_ = 0;
};

}  // namespace swarm::consensus
