// All nodes: by name, by how much they have to do, and which of them may take more than before.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node_state.h"
#include "swarm/function.h"

namespace swarm::scheduler {

// A node that is gone is forgotten once no task is counted on it: should it come back earlier, its
// tasks are still counted. Threading: [loop].
class NodeTable {
 public:
  struct Changed {
    NodeIndex index = 0;
    std::string id;
    NodeState* node = nullptr;  // null: it is gone
  };

  explicit NodeTable(Random& random) : random_(random) {}

  // Adds the node, or takes over what it is now.
  void Set(const NodePtr& node);
  void Remove(const std::string& id);
  // Null when there is no such node, or it is gone.
  NodeState* Find(const std::string& id) const;
  std::size_t size() const { return present_; }

  // Counts the task on its node, or with -1 gives back what it had taken.
  void Count(const Task& task, ServiceNumber service, int sign);

  // In the order of their ids.
  const std::vector<NodeState*>& All();
  // Calls `visit` for the open ones, those with the fewest tasks first and by chance among equals,
  // until it returns false. It must not count tasks.
  void VisitByLoad(Function<bool(NodeState&)> visit);
  // Those that changed, gave something back or went since the last call: what did not fit
  // elsewhere may fit there now.
  std::vector<Changed> TakeChanged();

 private:
  // Place in the order by load; the tie is drawn anew each time the load changes.
  struct Load {
    std::uint32_t tasks = 0;
    std::uint64_t tie = 0;
    NodeIndex index = 0;
    friend auto operator<=>(const Load&, const Load&) = default;
  };
  struct Entry {
    Entry(NodeIndex index, NodePtr node) : state(index, std::move(node)) {}
    NodeState state;
    Load load;
    bool present = false;
    bool ordered = false;  // in by_load_
    std::size_t tasks = 0;
  };
  Entry& Get(const std::string& id);
  void Reorder(Entry& entry);
  void ForgetIfUnused(const std::string& id, Entry& entry);

  Random& random_;
  std::map<std::string, std::unique_ptr<Entry>> nodes_;
  std::size_t present_ = 0;
  std::map<Load, Entry*> by_load_;
  std::vector<NodeState*> all_;
  bool all_outdated_ = false;
  std::map<NodeIndex, std::string> changed_;
  NodeIndex next_index_ = 0;
};

}  // namespace swarm::scheduler
