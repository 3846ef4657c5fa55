#include "opening.h"

#include <algorithm>
#include <utility>

namespace swarm::standalone {
namespace {

using docker::swarmkit::v1::RaftMember;

Status CreateIfAbsent(Runtime& runtime, const Options& options) {
  if (wal::StorageExists(runtime.files(), options.storage)) return Status::Ok();
  if (!options.join_address.empty() && !options.force_new_cluster) {
    return {Code::kFailedPrecondition,
            "this node is a manager of the cluster at " + options.join_address +
                ", and consensus standalone serves a group of one; use consensus raft, or join "
                "with a worker's token"};
  }
  RaftMember self;
  self.set_raft_id((runtime.NewRandom()->Next() >> 1) + 1);
  self.set_node_id(options.node_id);
  self.set_addr(options.address);
  // SwarmKit always writes the status, empty.
  self.mutable_status();
  return wal::CreateStorage(runtime.files(), options.storage, self.SerializeAsString());
}

void Report(const wal::Storage& storage, const Logger& log) {
  for (const std::string& path : storage.broken_snapshots) {
    log.Warn("A snapshot is damaged and was set aside; an older one is used", {{"file", path}});
  }
  if (!storage.contents.broken_copy.empty()) {
    log.Warn("The last write before a crash was incomplete; the log was cut before it",
             {{"copy", storage.contents.broken_copy}});
  }
}

// Adds entries behind the last and begins or continues terms.
class Writer {
 public:
  explicit Writer(OpenedGroup& group) : group_(group) {}

  void Add(wal::EntryType type, std::string data) {
    group_.last = group_.last.Next();
    group_.storage.contents.entries.push_back({group_.term, group_.last, type, std::move(data)});
    ++added_;
  }

  // Writes what was added, with a hard state that commits all of it.
  Status Flush(RaftId vote, bool sync) {
    const std::vector<wal::Entry>& entries = group_.storage.contents.entries;
    std::vector<wal::EntryView> views;
    for (std::size_t i = entries.size() - added_; i < entries.size(); ++i) {
      views.push_back({entries[i].term, entries[i].index, entries[i].type, entries[i].data, {}});
    }
    added_ = 0;
    return group_.storage.log->Append({group_.term, vote, group_.last}, views, sync);
  }

 private:
  OpenedGroup& group_;
  std::size_t added_ = 0;
};

std::uint64_t BaseIndex(const wal::Storage& storage) {
  return storage.snapshot ? storage.snapshot->mark.index.value() : 0;
}

Status ReadMembership(OpenedGroup& group) {
  if (group.storage.snapshot) {
    SWARM_ASSIGN_OR_RETURN(SnapshotParts parts, SplitSnapshot(group.storage.snapshot->data));
    group.membership.removed = std::move(parts.removed);
    for (const RaftId voter : group.storage.snapshot->voters) {
      group.membership.voters.insert(voter.value());
    }
  }
  for (const wal::Entry& entry : group.storage.contents.entries) {
    SWARM_RETURN_IF_ERROR(group.membership.Apply(entry));
  }
  return Status::Ok();
}

// Makes a larger group's log one of this member alone: what was not committed is dropped, and the
// others are removed.
Status ForceNewGroup(OpenedGroup& group, RequestIds& ids) {
  const std::uint64_t base = BaseIndex(group.storage);
  const wal::HardState state = group.storage.contents.hard_state;
  const std::uint64_t commit = std::max(state.commit.value(), base);
  group.storage.contents.entries.resize(commit - base);
  group.last = Index(commit);
  group.membership = {};
  SWARM_RETURN_IF_ERROR(ReadMembership(group));
  Writer writer(group);
  const std::set<std::uint64_t> voters = group.membership.voters;
  for (const std::uint64_t voter : voters) {
    if (voter == group.self.raft_id()) continue;
    writer.Add(wal::EntryType::kConfChange, RemoveMemberChange(voter, ids.Next()));
    SWARM_RETURN_IF_ERROR(group.membership.Apply(group.storage.contents.entries.back()));
  }
  if (!voters.contains(group.self.raft_id())) {
    writer.Add(wal::EntryType::kConfChange, AddMemberChange(group.self));
    SWARM_RETURN_IF_ERROR(group.membership.Apply(group.storage.contents.entries.back()));
  }
  return writer.Flush(state.vote, true);
}

Status CheckAlone(OpenedGroup& group, const Options& options, RequestIds& ids) {
  if (group.membership.voters == std::set<std::uint64_t>{group.self.raft_id()}) {
    return Status::Ok();
  }
  if (options.force_new_cluster) return ForceNewGroup(group, ids);
  return Status(Code::kFailedPrecondition,
                "log in " + options.storage.directory + ": it is that of a group of " +
                    std::to_string(group.membership.voters.size()) +
                    " managers, and consensus standalone serves a group of one; use consensus "
                    "raft, or start once with force-new-cluster to go on with this manager alone");
}

// As SwarmKit's first manager does: its own addition is the first entry.
Status Bootstrap(OpenedGroup& group) {
  Writer writer(group);
  group.term = Term(1);
  writer.Add(wal::EntryType::kConfChange, AddMemberChange(group.self));
  SWARM_RETURN_IF_ERROR(writer.Flush(RaftId(0), false));
  return group.membership.Apply(group.storage.contents.entries.back());
}

Status BeginTerm(OpenedGroup& group) {
  Writer writer(group);
  group.term = group.term.Next();
  writer.Add(wal::EntryType::kNormal, {});
  return writer.Flush(RaftId(group.self.raft_id()), true);
}

}  // namespace

Result<OpenedGroup> OpenGroup(Runtime& runtime, const Options& options, RequestIds& ids,
                              const Logger& log) {
  SWARM_RETURN_IF_ERROR(CreateIfAbsent(runtime, options));
  OpenedGroup group;
  SWARM_ASSIGN_OR_RETURN(group.storage, wal::OpenStorage(runtime, options.storage));
  Report(group.storage, log);
  if (!group.self.ParseFromString(group.storage.contents.metadata) || group.self.raft_id() == 0) {
    return Status(Code::kDataLoss,
                  "log in " + options.storage.directory + ": its metadata names no raft member");
  }
  group.self.set_node_id(options.node_id);
  if (!options.address.empty()) group.self.set_addr(options.address);
  group.term = group.storage.contents.hard_state.term;
  group.last = Index(BaseIndex(group.storage) + group.storage.contents.entries.size());
  SWARM_RETURN_IF_ERROR(ReadMembership(group));
  if (group.last.value() == 0) {
    SWARM_RETURN_IF_ERROR(Bootstrap(group));
  } else {
    SWARM_RETURN_IF_ERROR(CheckAlone(group, options, ids));
  }
  SWARM_RETURN_IF_ERROR(BeginTerm(group));
  if (group.storage.snapshot) {
    group.terms[group.storage.snapshot->mark.index] = group.storage.snapshot->mark.term;
  }
  for (const wal::Entry& entry : group.storage.contents.entries) {
    if (group.terms.empty() || group.terms.rbegin()->second != entry.term) {
      group.terms[entry.index] = entry.term;
    }
  }
  return group;
}

}  // namespace swarm::standalone
