// The consensus state that a stopped manager has left, read back record by record.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "swarm/status.h"

namespace swarm::test {

struct RaftFolder {
  // Every object that snapshot and committed entries leave, serialised, by kind ("service") and id.
  std::map<std::pair<std::string, std::string>, std::string> objects;
  std::size_t entries = 0;  // after the snapshot
  std::size_t snapshot_objects = 0;
  std::size_t voters = 0;
};

// `state_dir`: of a manager without autolock. DataLoss when any record is damaged, says something
// that this program's messages have no field for, or contradicts those before it.
Result<RaftFolder> ReadRaftFolder(const std::string& state_dir);

}  // namespace swarm::test
