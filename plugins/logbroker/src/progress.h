// What has arrived of each task's output, so that a node which came back begins where it was
// interrupted: nothing twice, nothing left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::logbroker {

namespace pb = ::docker::swarmkit::v1;

class Progress {
 public:
  // Takes note of the line. False: it has arrived before.
  bool Accept(const pb::LogMessage& line);
  // The node will send again. From which time on it has to: that of the task furthest behind;
  // nothing when no line of it has arrived.
  std::optional<std::int64_t> Restart(const std::string& node_id);
  // Whether anything of the task has arrived.
  bool Knows(const std::string& task_id) const { return marks_.contains(task_id); }

 private:
  // Lines of one task come in the order of their times, several may share one.
  struct Mark {
    std::string node_id;
    std::int64_t time = 0;
    std::uint64_t lines_then = 0;  // accepted with that time
    std::uint64_t to_skip = 0;     // of them, expected again
    bool repeating = false;        // since Restart nothing new has come
  };
  std::unordered_map<std::string, Mark> marks_;  // by task
};

}  // namespace swarm::logbroker
