// The folders of a virtual disk: names now, and changes of names that a crash may lose.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "simulation/disk_node.h"
#include "swarm/status.h"

namespace swarm::simulation {

class DiskNames {
 public:
  // A name in an existing folder; the root itself has an empty name.
  struct Place {
    NodePtr folder;
    std::string name;
    NodePtr node() const;  // null: nothing has the name
  };

  const NodePtr& root() const { return root_; }

  // NotFound when the folder is missing. Relative paths start at the root.
  Result<Place> Find(std::string_view what, std::string_view path) const;
  Result<NodePtr> FindDirectory(std::string_view what, std::string_view path) const;
  Status CreateDirectories(std::string_view path);

  void Link(const Place& place, NodePtr node);
  void Unlink(const Place& place);
  Status CheckRename(const Place& from, const Place& to, std::string_view from_path,
                     std::string_view to_path) const;
  void Rename(const Place& from, const Place& to);

  // Changes of names in the folder become durable.
  void Sync(const NodePtr& folder);
  // Each change becomes durable or is lost, never one without an earlier one that it rests on.
  void LoseUnsynced(SeededRandom& random, DiskCounters& counters);

 private:
  // A name that goes, a name that comes, or both at once.
  struct Change {
    NodePtr node;
    Place from;  // folder null: none
    Place to;
  };
  static void ApplyDurably(const Change& change);

  NodePtr root_ = std::make_shared<DiskNode>(true);
  std::vector<Change> pending_;
};

}  // namespace swarm::simulation
