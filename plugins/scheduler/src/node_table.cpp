#include "node_table.h"

#include <utility>

namespace swarm::scheduler {

NodeTable::Entry& NodeTable::Get(const std::string& id) {
  auto& entry = nodes_[id];
  if (!entry) {
    auto unknown = std::make_shared<pb::Node>();
    unknown->set_id(id);
    entry = std::make_unique<Entry>(next_index_++, std::move(unknown));
  }
  return *entry;
}

void NodeTable::Set(const NodePtr& node) {
  Entry& entry = Get(node->id());
  entry.state.SetNode(node);
  if (!std::exchange(entry.present, true)) {
    ++present_;
    all_outdated_ = true;
  }
  changed_.try_emplace(entry.state.index(), node->id());
  Reorder(entry);
}

void NodeTable::Remove(const std::string& id) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end() || !found->second->present) return;
  Entry& entry = *found->second;
  entry.present = false;
  --present_;
  all_outdated_ = true;
  changed_.try_emplace(entry.state.index(), id);
  Reorder(entry);
  ForgetIfUnused(id, entry);
}

NodeState* NodeTable::Find(const std::string& id) const {
  const auto found = nodes_.find(id);
  return found != nodes_.end() && found->second->present ? &found->second->state : nullptr;
}

void NodeTable::Count(const Task& task, ServiceNumber service, int sign) {
  Entry& entry = Get(task.node_id);
  entry.state.Count(task, service, sign);
  entry.tasks += static_cast<std::size_t>(sign);
  if (!entry.present) return ForgetIfUnused(task.node_id, entry);
  if (entry.load.tasks != entry.state.active()) Reorder(entry);
  if (sign < 0) changed_.try_emplace(entry.state.index(), task.node_id);
}

void NodeTable::ForgetIfUnused(const std::string& id, Entry& entry) {
  if (!entry.present && entry.tasks == 0) nodes_.erase(id);
}

void NodeTable::Reorder(Entry& entry) {
  auto place = entry.ordered ? by_load_.extract(entry.load) : decltype(by_load_)::node_type();
  entry.load = {entry.state.active(), random_.Next(), entry.state.index()};
  entry.ordered = entry.present && entry.state.open();
  if (!entry.ordered) return;
  if (place.empty()) {
    by_load_.emplace(entry.load, &entry);
  } else {
    place.key() = entry.load;
    by_load_.insert(std::move(place));
  }
}

const std::vector<NodeState*>& NodeTable::All() {
  if (std::exchange(all_outdated_, false)) {
    all_.clear();
    for (const auto& [id, entry] : nodes_) {
      if (entry->present) all_.push_back(&entry->state);
    }
  }
  return all_;
}

void NodeTable::VisitByLoad(Function<bool(NodeState&)> visit) {
  for (const auto& [load, entry] : by_load_) {
    if (!visit(entry->state)) return;
  }
}

std::vector<NodeTable::Changed> NodeTable::TakeChanged() {
  std::vector<Changed> out;
  out.reserve(changed_.size());
  for (auto& [index, id] : std::exchange(changed_, {})) {
    NodeState* node = Find(id);
    // Forgotten since, and made anew under another index.
    if (node && node->index() != index) node = nullptr;
    out.push_back({index, std::move(id), node});
  }
  return out;
}

}  // namespace swarm::scheduler
