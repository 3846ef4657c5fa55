// What the dispatcher keeps of one node that is, or may soon be, connected.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assignment_set.h"
#include "feed.h"
#include "swarm/runtime.h"
#include "swarm/store.h"

namespace swarm::dispatcher {

// One stream of assignments. Its feed's `next` refers to it, so it outlives the open stream.
struct Assignee {
  explicit Assignee(std::string node_id) : set(std::move(node_id)) {}
  AssignmentSet set;
  std::shared_ptr<Feed> feed;
  Index since;              // the version the set was loaded from: older events are in it
  bool tasks_only = false;  // the older protocol: all tasks each time
  std::uint64_t sequence = 0;
  bool touched = false;

  Payload Next();
};

struct NodeRecord {
  std::string id;
  std::string session_id;  // empty: has not come back since the change of leader
  std::shared_ptr<const pb::Node> node;
  std::vector<std::shared_ptr<Feed>> sessions;
  std::vector<std::shared_ptr<Assignee>> assignees;

  // A heartbeat only moves the deadline; the timer looks at it when it fires.
  SteadyTime deadline;
  SteadyTime fires_at;
  std::unique_ptr<Timer> timer;

  std::int64_t attempts = 0;
  std::optional<SteadyTime> window_start;

  void EndStreams(const Status& why);
};

}  // namespace swarm::dispatcher
