// Changes and snapshots as bytes: what consensus keeps and peers read.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "object.h"
#include "root.h"
#include "swarm/store.h"
#include "transaction.h"

namespace swarm::store {

// The changes as a serialised InternalRaftRequest without id, in their order, each once.
// Same changes, same bytes.
std::string EncodeChanges(const std::vector<Event>& events);
// Adds one change to such bytes.
void AppendChange(const Event& event, std::string& out);

// Shares the parts that equal tasks have in common, when they come as bytes. Remembers a bounded
// number of parts, and keeps none alive.
class Sharing {
 public:
  TaskPtr Read(const pb::Task& task);

 private:
  template <class M>
  void Share(std::shared_ptr<const M>& part,
             std::unordered_map<std::string, std::weak_ptr<const M>>& known);

  std::unordered_map<std::string, std::weak_ptr<const pb::TaskSpec>> specs_;
  std::unordered_map<std::string, std::weak_ptr<const pb::Annotations>> annotations_;
  std::unordered_map<std::string, std::weak_ptr<const pb::Endpoint>> endpoints_;
};

// Makes the changes in `data`. The error names the object; the transaction is then to be dropped.
Status ApplyChanges(std::string_view data, Sharing& sharing, StoreTransaction& tx);

// Makes the content that of `data`, a StoreSnapshot: every object of it is created or updated, in
// the order of the tables, then what it does not have is removed.
Status ApplySnapshot(std::string_view data, Sharing& sharing, StoreTransaction& tx);

// Writes a StoreSnapshot of one version, some objects at a time.
class SnapshotWriter {
 public:
  explicit SnapshotWriter(Root root) : root_(std::move(root)) {}
  // Writes up to `count` more objects; whether there are more.
  bool Write(std::size_t count);
  std::string Take() { return std::move(out_); }
  const Root& root() const { return root_; }

 private:
  Root root_;
  std::size_t table_ = 0;  // position among the snapshot's fields
  std::string last_id_;
  bool begun_ = false;  // whether last_id_ is one of the table
  std::string out_;
};

}  // namespace swarm::store
