#include "consensus/opening.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace swarm::consensus {
namespace {

using docker::swarmkit::v1::RaftMember;

Status CreateFirst(Runtime& runtime, const Options& options) {
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

Status ReadMembership(OpenedMember& member) {
  member.membership = {};
  if (member.storage.snapshot) {
    SWARM_ASSIGN_OR_RETURN(SnapshotParts parts, SplitSnapshot(member.storage.snapshot->data));
    member.membership.removed = std::move(parts.removed);
    member.membership.members = std::move(parts.members);
    for (const RaftId voter : member.storage.snapshot->voters) {
      member.membership.voters.insert(voter.value());
    }
  }
  for (const wal::Entry& entry : member.storage.contents.entries) {
    SWARM_RETURN_IF_ERROR(member.membership.Apply(entry));
  }
  return Status::Ok();
}

// As SwarmKit's first manager does: its own addition is the first entry.
Status Bootstrap(OpenedMember& member) {
  EntryWriter writer(member);
  member.term = Term(1);
  writer.Add(wal::EntryType::kConfChange, AddMemberChange(member.self));
  SWARM_RETURN_IF_ERROR(writer.Flush(RaftId(0), false));
  return member.membership.Apply(member.storage.contents.entries.back());
}

}  // namespace

void EntryWriter::Add(wal::EntryType type, std::string data) {
  member_.last = member_.last.Next();
  member_.storage.contents.entries.push_back({member_.term, member_.last, type, std::move(data)});
  ++added_;
}

Status EntryWriter::Flush(RaftId vote, bool sync) {
  const std::vector<wal::Entry>& entries = member_.storage.contents.entries;
  std::vector<wal::EntryView> views;
  for (std::size_t i = entries.size() - added_; i < entries.size(); ++i) {
    views.push_back({entries[i].term, entries[i].index, entries[i].type, entries[i].data, {}});
  }
  added_ = 0;
  const wal::HardState state{member_.term, vote, member_.last};
  member_.storage.contents.hard_state = state;
  return member_.storage.log->Append(state, views, sync);
}

// How far the log is committed may be behind what this member's group has acknowledged, since that
// number is not synced by itself. So all that is there counts: none of it can have been decided
// otherwise by this group, which has only this member from now on.
Status ForceNewGroup(OpenedMember& member, RequestIds& ids) {
  const wal::HardState state = member.storage.contents.hard_state;
  EntryWriter writer(member);
  const std::set<std::uint64_t> voters = member.membership.voters;
  for (const std::uint64_t voter : voters) {
    if (voter == member.self.raft_id()) continue;
    writer.Add(wal::EntryType::kConfChange, RemoveMemberChange(voter, ids.Next()));
    SWARM_RETURN_IF_ERROR(member.membership.Apply(member.storage.contents.entries.back()));
  }
  if (!voters.contains(member.self.raft_id())) {
    writer.Add(wal::EntryType::kConfChange, AddMemberChange(member.self));
    SWARM_RETURN_IF_ERROR(member.membership.Apply(member.storage.contents.entries.back()));
  }
  return writer.Flush(state.vote, true);
}

Status CreateJoined(Runtime& runtime, const Options& options, const RaftMember& self) {
  SWARM_RETURN_IF_ERROR(
      wal::CreateStorage(runtime.files(), options.storage, self.SerializeAsString()));
  SWARM_ASSIGN_OR_RETURN(wal::Storage storage, wal::OpenStorage(runtime, options.storage));
  const Status written = storage.log->Append({Term(1), RaftId(0), Index(0)}, {}, true);
  storage.log->Close();
  return written;
}

Result<OpenedMember> OpenMember(Runtime& runtime, const Options& options, const Logger& log) {
  if (!wal::StorageExists(runtime.files(), options.storage)) {
    SWARM_RETURN_IF_ERROR(CreateFirst(runtime, options));
  }
  OpenedMember member;
  SWARM_ASSIGN_OR_RETURN(member.storage, wal::OpenStorage(runtime, options.storage));
  Report(member.storage, log);
  if (!member.self.ParseFromString(member.storage.contents.metadata) ||
      member.self.raft_id() == 0) {
    return Status(Code::kDataLoss,
                  "log in " + options.storage.directory + ": its metadata names no raft member");
  }
  member.self.set_node_id(options.node_id);
  if (!options.address.empty()) member.self.set_addr(options.address);
  member.term = member.storage.contents.hard_state.term;
  member.last = Index(member.base().value() + member.storage.contents.entries.size());
  SWARM_RETURN_IF_ERROR(ReadMembership(member));
  const bool fresh = member.last.value() == 0 && member.term == Term();
  if (fresh) SWARM_RETURN_IF_ERROR(Bootstrap(member));
  return member;
}

}  // namespace swarm::consensus
