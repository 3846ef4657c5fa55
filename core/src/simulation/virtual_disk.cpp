#include "simulation/virtual_disk.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "simulation/disk_names.h"
#include "simulation/disk_node.h"

namespace swarm::simulation {

namespace {

Status Error(Code code, std::string_view what, std::string_view path, std::string_view reason) {
  return {code, std::string(what) + " " + std::string(path) + ": " + std::string(reason)};
}

// What files need of their disk; outlives it.
struct DiskCore {
  explicit DiskCore(std::uint64_t seed) : random(seed) {}

  // OK when the sync shall take place, nothing when it shall silently not, or the error.
  enum class SyncFate : unsigned char { kDone, kSkipped, kFailed, kDead };
  SyncFate BeginSync(std::string_view path, bool is_file) {
    const std::uint64_t now = epoch;
    const std::uint64_t number = syncs++;
    const bool real = !on_sync || on_sync(number, path);
    if (epoch != now) return SyncFate::kDead;  // the hook crashed the machine
    if (!real) return SyncFate::kSkipped;
    if (is_file && failing_syncs > 0) {
      --failing_syncs;
      return SyncFate::kFailed;
    }
    return SyncFate::kDone;
  }

  SeededRandom random;
  std::uint64_t epoch = 0;  // of the present process; files of older ones are dead
  std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t used = 0;
  int failing_syncs = 0;
  std::uint64_t syncs = 0;
  std::function<bool(std::uint64_t, std::string_view)> on_sync;
  DiskCounters counters;
};

class VirtualFile final : public File {
 public:
  VirtualFile(std::shared_ptr<DiskCore> disk, NodePtr node, std::string path, OpenOptions options)
      : disk_(std::move(disk)),
        node_(std::move(node)),
        path_(std::move(path)),
        options_(options),
        epoch_(disk_->epoch) {}
  ~VirtualFile() override {
    if (options_.lock && epoch_ == disk_->epoch) node_->locked = false;
  }

  Status Write(std::uint64_t offset, std::string_view data) noexcept override {
    SWARM_RETURN_IF_ERROR(Writable("write"));
    const std::uint64_t end = offset + data.size();
    const std::uint64_t limit = Limit();
    if (end <= limit) {
      Change({false, offset, std::string(data)});
      return {};
    }
    // Some of what fits may have been written before the disk was full.
    const std::uint64_t fits = limit > offset ? limit - offset : 0;
    if (const std::uint64_t part = disk_->random.Below(fits + 1); part > 0) {
      Change({false, offset, std::string(data.substr(0, part))});
    }
    return Full("write");
  }
  Result<std::string> Read(std::uint64_t offset, std::size_t size) noexcept override {
    SWARM_RETURN_IF_ERROR(Alive("read"));
    return node_->content().Read(offset, size);
  }
  Result<std::uint64_t> Size() noexcept override {
    SWARM_RETURN_IF_ERROR(Alive("stat"));
    return node_->content().size();
  }
  Status Truncate(std::uint64_t size) noexcept override {
    SWARM_RETURN_IF_ERROR(Writable("truncate"));
    if (size > Limit()) return Full("truncate");
    Change({true, size, {}});
    return {};
  }
  Status Allocate(std::uint64_t size) noexcept override {
    SWARM_RETURN_IF_ERROR(Writable("allocate"));
    if (size <= node_->content().size()) return {};
    if (size > Limit()) return Full("allocate");
    Change({true, size, {}});
    return {};
  }
  Status Sync() noexcept override {
    SWARM_RETURN_IF_ERROR(Alive("sync"));
    switch (disk_->BeginSync(path_, true)) {
      case DiskCore::SyncFate::kDone:
        node_->Sync();
        return {};
      case DiskCore::SyncFate::kSkipped:
        return {};
      case DiskCore::SyncFate::kDead:
        return Alive("sync");
      case DiskCore::SyncFate::kFailed:
        break;
    }
    // As on Linux: the pages are dropped as clean, so that a later sync succeeds without them.
    node_->LoseUnsynced(disk_->random, disk_->counters);
    return Error(Code::kDataLoss, "sync", path_, "input/output error");
  }

 private:
  Status Alive(std::string_view what) const {
    if (epoch_ == disk_->epoch) return {};
    return Error(Code::kCancelled, what, path_, "the process has ended");
  }
  Status Writable(std::string_view what) const {
    SWARM_RETURN_IF_ERROR(Alive(what));
    if (options_.mode != OpenMode::kRead) return {};
    return Error(Code::kPermissionDenied, what, path_, "the file is open for reading only");
  }
  Status Full(std::string_view what) const {
    return Error(Code::kResourceExhausted, what, path_, "no space left on device");
  }
  // Up to which size the file can be.
  std::uint64_t Limit() const {
    const std::uint64_t size = node_->content().size();
    const std::uint64_t free = disk_->capacity > disk_->used ? disk_->capacity - disk_->used : 0;
    return free > std::numeric_limits<std::uint64_t>::max() - size
               ? std::numeric_limits<std::uint64_t>::max()
               : size + free;
  }
  void Change(FileChange change) {
    const std::uint64_t before = node_->content().size();
    node_->Apply(std::move(change));
    if (node_->linked) disk_->used += node_->content().size() - before;  // wraps when it shrinks
  }

  const std::shared_ptr<DiskCore> disk_;
  const NodePtr node_;
  const std::string path_;
  const OpenOptions options_;
  const std::uint64_t epoch_;
};

class DiskImpl final : public VirtualDisk {
 public:
  explicit DiskImpl(std::uint64_t seed) : core_(std::make_shared<DiskCore>(seed)) {}

  Result<std::unique_ptr<File>> Open(std::string_view path, OpenOptions options) noexcept override {
    if (options.lock && options.mode == OpenMode::kRead) {
      return Error(Code::kInvalidArgument, "open", path, "a lock needs a file to write to");
    }
    SWARM_ASSIGN_OR_RETURN(DiskNames::Place place, names_.Find("open", path));
    NodePtr node = place.node();
    if (node && node->directory) {
      return Error(Code::kFailedPrecondition, "open", path, "is a directory");
    }
    if (node && options.mode == OpenMode::kCreateExclusive) {
      return Error(Code::kAlreadyExists, "open", path, "file exists");
    }
    if (!node) {
      if (options.mode == OpenMode::kRead || options.mode == OpenMode::kWrite) {
        return Error(Code::kNotFound, "open", path, "no such file or directory");
      }
      node = std::make_shared<DiskNode>(false);
      node->linked = true;
      names_.Link(place, node);
    }
    if (options.lock) {
      if (node->locked) {
        return Error(Code::kFailedPrecondition, "lock", path, "locked by another process");
      }
      node->locked = true;
    }
    return std::unique_ptr<File>(
        std::make_unique<VirtualFile>(core_, std::move(node), std::string(path), options));
  }

  Status Rename(std::string_view from, std::string_view to) noexcept override {
    SWARM_ASSIGN_OR_RETURN(const DiskNames::Place source, names_.Find("rename", from));
    SWARM_ASSIGN_OR_RETURN(const DiskNames::Place target, names_.Find("rename", to));
    const NodePtr old = target.node();
    if (old == source.node() && old) return {};
    SWARM_RETURN_IF_ERROR(names_.CheckRename(source, target, from, to));
    if (old) Unlinked(*old);
    names_.Rename(source, target);
    return {};
  }

  Status Remove(std::string_view path) noexcept override {
    auto place = names_.Find("remove", path);
    if (!place.ok()) return place.status().code() == Code::kNotFound ? Status() : place.status();
    const NodePtr node = place->node();
    if (!node) return {};
    if (node->directory) return Error(Code::kFailedPrecondition, "remove", path, "is a directory");
    Unlinked(*node);
    names_.Unlink(*place);
    return {};
  }

  Status RemoveAll(std::string_view path) noexcept override {
    auto place = names_.Find("remove", path);
    if (!place.ok()) return place.status().code() == Code::kNotFound ? Status() : place.status();
    if (place->name.empty()) {
      return Error(Code::kFailedPrecondition, "remove", path, "is the root");
    }
    if (place->node()) RemoveTree(*place);
    return {};
  }

  Status CreateDirectory(std::string_view path, unsigned /*permissions*/) noexcept override {
    return names_.CreateDirectories(path);
  }

  Result<std::vector<std::string>> List(std::string_view path) noexcept override {
    SWARM_ASSIGN_OR_RETURN(const NodePtr node, names_.FindDirectory("list", path));
    std::vector<std::string> out;
    for (const auto& [name, child] : node->names) out.push_back(name);
    return out;
  }

  bool Exists(std::string_view path) noexcept override {
    auto place = names_.Find("find", path);
    return place.ok() && place->node() != nullptr;
  }

  Status SyncDirectory(std::string_view path) noexcept override {
    SWARM_ASSIGN_OR_RETURN(const NodePtr node, names_.FindDirectory("sync", path));
    switch (core_->BeginSync(path, false)) {
      case DiskCore::SyncFate::kDone:
        names_.Sync(node);
        return {};
      case DiskCore::SyncFate::kDead:
        return Error(Code::kCancelled, "sync", path, "the process has ended");
      case DiskCore::SyncFate::kSkipped:
      case DiskCore::SyncFate::kFailed:
        break;
    }
    return {};
  }

  void Crash() noexcept override {
    ++core_->epoch;
    names_.LoseUnsynced(core_->random, core_->counters);
    core_->used = 0;
    std::set<DiskNode*> seen;
    Recover(*names_.root(), seen);
  }
  void SetCapacity(std::uint64_t bytes) noexcept override { core_->capacity = bytes; }
  void FailSyncs(int count) noexcept override { core_->failing_syncs = count; }
  void OnSync(std::function<bool(std::uint64_t, std::string_view)> hook) noexcept override {
    core_->on_sync = std::move(hook);
  }
  std::uint64_t sync_count() const noexcept override { return core_->syncs; }
  std::uint64_t torn_writes() const noexcept override { return core_->counters.torn; }
  std::uint64_t lost_writes() const noexcept override { return core_->counters.lost; }

  Status Corrupt(std::string_view path, std::uint64_t offset,
                 std::string_view bytes) noexcept override {
    SWARM_ASSIGN_OR_RETURN(const DiskNames::Place place, names_.Find("corrupt", path));
    const NodePtr node = place.node();
    if (!node || node->directory) return Error(Code::kNotFound, "corrupt", path, "no such file");
    if (offset + bytes.size() > node->content().size()) {
      return Error(Code::kOutOfRange, "corrupt", path, "the file is shorter");
    }
    node->Corrupt(offset, bytes);
    return {};
  }

 private:
  void Unlinked(DiskNode& node) {
    if (std::exchange(node.linked, false)) core_->used -= node.content().size();
  }
  // Children first, one change each, as a real removal does.
  void RemoveTree(const DiskNames::Place& place) {
    const NodePtr node = place.node();
    std::vector<std::string> children;
    for (const auto& [name, child] : node->names) children.push_back(name);
    for (const std::string& name : children) RemoveTree({node, name});
    Unlinked(*node);
    names_.Unlink(place);
  }
  // What programs see after a crash, below a folder.
  void Recover(DiskNode& node, std::set<DiskNode*>& seen) {
    if (!seen.insert(&node).second) return;
    if (!node.directory) {
      node.LoseUnsynced(core_->random, core_->counters);
      node.Revert();
      node.locked = false;
      node.linked = true;
      core_->used += node.content().size();
      return;
    }
    node.names = node.synced_names;
    for (auto& [name, child] : node.names) Recover(*child, seen);
  }

  const std::shared_ptr<DiskCore> core_;
  DiskNames names_;
};

}  // namespace

std::unique_ptr<VirtualDisk> MakeVirtualDisk(std::uint64_t seed) {
  return std::make_unique<DiskImpl>(seed);
}

}  // namespace swarm::simulation
