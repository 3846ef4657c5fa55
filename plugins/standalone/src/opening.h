// From a state folder to a group of one that leads: makes or reads the log, checks that nobody else
// votes in it, and begins a new term.
#pragma once

#include <map>

#include "consensus/opening.h"

namespace swarm::standalone {

struct OpenedGroup {
  consensus::OpenedMember member;  // its entries all are committed
  // First index of each term since the snapshot.
  std::map<Index, Term> terms;
};

// [blocking] Errors name the folder or file. FailedPrecondition: the log is a larger group's.
Result<OpenedGroup> OpenGroup(Runtime& runtime, const consensus::Options& options,
                              consensus::RequestIds& ids, const Logger& log);

}  // namespace swarm::standalone
