#include "simulation/disk_names.h"

#include <set>
#include <utility>

namespace swarm::simulation {

namespace {

Status Error(Code code, std::string_view what, std::string_view path, std::string_view reason) {
  return {code, std::string(what) + " " + std::string(path) + ": " + std::string(reason)};
}

std::vector<std::string> Split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.emplace_back(part);
    }
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return parts;
}

bool Contains(const DiskNode& tree, const DiskNode* wanted) {
  if (&tree == wanted) return true;
  for (const auto& [name, child] : tree.names) {
    if (Contains(*child, wanted)) return true;
  }
  return false;
}

}  // namespace

NodePtr DiskNames::Place::node() const {
  if (name.empty()) return folder;
  const auto found = folder->names.find(name);
  return found == folder->names.end() ? nullptr : found->second;
}

Result<DiskNames::Place> DiskNames::Find(std::string_view what, std::string_view path) const {
  std::vector<std::string> parts = Split(path);
  if (parts.empty()) return Place{root_, ""};
  Place place{root_, parts.front()};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    NodePtr next = place.node();
    if (!next) return Error(Code::kNotFound, what, path, "no such file or directory");
    if (!next->directory) return Error(Code::kFailedPrecondition, what, path, "not a directory");
    place = {std::move(next), parts[i]};
  }
  return place;
}

Result<NodePtr> DiskNames::FindDirectory(std::string_view what, std::string_view path) const {
  SWARM_ASSIGN_OR_RETURN(const Place place, Find(what, path));
  NodePtr node = place.node();
  if (!node) return Error(Code::kNotFound, what, path, "no such file or directory");
  if (!node->directory) return Error(Code::kFailedPrecondition, what, path, "not a directory");
  return node;
}

Status DiskNames::CreateDirectories(std::string_view path) {
  NodePtr folder = root_;
  for (const std::string& part : Split(path)) {
    const Place place{folder, part};
    NodePtr next = place.node();
    if (next && !next->directory) {
      return Error(Code::kAlreadyExists, "create", path, "a file has this name");
    }
    if (!next) {
      next = std::make_shared<DiskNode>(true);
      Link(place, next);
    }
    folder = std::move(next);
  }
  return {};
}

void DiskNames::Link(const Place& place, NodePtr node) {
  place.folder->names[place.name] = node;
  pending_.push_back({std::move(node), {}, place});
}

void DiskNames::Unlink(const Place& place) {
  pending_.push_back({place.node(), place, {}});
  place.folder->names.erase(place.name);
}

Status DiskNames::CheckRename(const Place& from, const Place& to, std::string_view from_path,
                              std::string_view to_path) const {
  const NodePtr node = from.node();
  const NodePtr old = to.node();
  if (!node) return Error(Code::kNotFound, "rename", from_path, "no such file or directory");
  if (from.name.empty() || to.name.empty() ||
      (node->directory && Contains(*node, to.folder.get()))) {
    return Error(Code::kInvalidArgument, "rename", to_path, "a folder cannot be moved there");
  }
  if (!old) return {};
  if (old->directory != node->directory) {
    return Error(Code::kFailedPrecondition, "rename", to_path,
                 old->directory ? "is a directory" : "not a directory");
  }
  if (!old->names.empty()) {
    return Error(Code::kFailedPrecondition, "rename", to_path, "directory not empty");
  }
  return {};
}

void DiskNames::Rename(const Place& from, const Place& to) {
  NodePtr node = from.node();
  from.folder->names.erase(from.name);
  to.folder->names[to.name] = node;
  pending_.push_back({std::move(node), from, to});
}

void DiskNames::ApplyDurably(const Change& change) {
  if (change.from.folder) {
    auto& names = change.from.folder->synced_names;
    const auto found = names.find(change.from.name);
    if (found != names.end() && found->second == change.node) names.erase(found);
  }
  if (change.to.folder) change.to.folder->synced_names[change.to.name] = change.node;
}

void DiskNames::Sync(const NodePtr& folder) {
  // Backwards: an earlier change of the same file or folder must not come true after a later one.
  std::set<DiskNode*> needed;
  std::vector<bool> apply(pending_.size());
  for (std::size_t i = pending_.size(); i-- > 0;) {
    const Change& change = pending_[i];
    apply[i] = change.from.folder == folder || change.to.folder == folder ||
               needed.contains(change.node.get());
    if (!apply[i]) continue;
    needed.insert(change.node.get());
    if (change.node->directory && change.from.folder && change.to.folder) {
      needed.insert(change.from.folder.get());
      needed.insert(change.to.folder.get());
    }
  }
  std::vector<Change> rest;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (apply[i]) {
      ApplyDurably(pending_[i]);
    } else {
      rest.push_back(std::move(pending_[i]));
    }
  }
  pending_ = std::move(rest);
}

void DiskNames::LoseUnsynced(SeededRandom& random, DiskCounters& counters) {
  enum { kNothing, kEverything, kBeginning, kAnything, kModes };
  const auto mode = random.Below(kModes);
  const std::uint64_t cut = random.Below(pending_.size() + 1);
  std::set<DiskNode*> lost;
  std::set<std::pair<DiskNode*, std::string>> lost_names;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const Change& change = pending_[i];
    bool keep = mode == kEverything || (mode == kBeginning && i < cut) ||
                (mode == kAnything && random.OneIn(2));
    if (lost.contains(change.node.get())) keep = false;
    for (const Place* place : {&change.from, &change.to}) {
      if (!place->folder) continue;
      if (lost.contains(place->folder.get())) keep = false;
      if (lost_names.contains({place->folder.get(), place->name})) keep = false;
    }
    if (keep) {
      ApplyDurably(change);
      continue;
    }
    ++counters.lost;
    lost.insert(change.node.get());
    for (const Place* place : {&change.from, &change.to}) {
      if (place->folder) lost_names.insert({place->folder.get(), place->name});
    }
  }
  pending_.clear();
}

}  // namespace swarm::simulation
