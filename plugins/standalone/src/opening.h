// From a state folder to a group of one that leads: makes or reads the log, checks that nobody else
// votes in it, and begins a new term.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "membership.h"
#include "options.h"
#include "request_ids.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "swarmkit/v1/raft.pb.h"
#include "wal/storage.h"

namespace swarm::standalone {

struct OpenedGroup {
  wal::Storage storage;  // its entries all are committed
  docker::swarmkit::v1::RaftMember self;
  Membership membership;
  Term term;
  Index last;
  // First index of each term since the snapshot.
  std::map<Index, Term> terms;
};

// [blocking] Errors name the folder or file. FailedPrecondition: the log is a larger group's.
Result<OpenedGroup> OpenGroup(Runtime& runtime, const Options& options, RequestIds& ids,
                              const Logger& log);

}  // namespace swarm::standalone
