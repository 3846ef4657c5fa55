#include "opening.h"

#include <utility>

namespace swarm::standalone {
namespace {

using consensus::EntryWriter;
using consensus::OpenedMember;

// Who joined a cluster must not found a second one.
Status CheckMayFound(Runtime& runtime, const consensus::Options& options) {
  if (wal::StorageExists(runtime.files(), options.storage)) return Status::Ok();
  if (options.join_address.empty() || options.force_new_cluster) return Status::Ok();
  return {Code::kFailedPrecondition,
          "this node is a manager of the cluster at " + options.join_address +
              ", and consensus standalone serves a group of one; use consensus raft, or join "
              "with a worker's token"};
}

Status CheckAlone(OpenedMember& member, const consensus::Options& options,
                  consensus::RequestIds& ids) {
  if (member.alone()) return Status::Ok();
  if (options.force_new_cluster) return consensus::ForceNewGroup(member, ids);
  return Status(Code::kFailedPrecondition,
                "log in " + options.storage.directory + ": it is that of a group of " +
                    std::to_string(member.membership.voters.size()) +
                    " managers, and consensus standalone serves a group of one; use consensus "
                    "raft, or start once with force-new-cluster to go on with this manager alone");
}

Status BeginTerm(OpenedMember& member) {
  EntryWriter writer(member);
  member.term = member.term.Next();
  writer.Add(wal::EntryType::kNormal, {});
  return writer.Flush(RaftId(member.self.raft_id()), true);
}

std::map<Index, Term> TermsOf(const OpenedMember& member) {
  std::map<Index, Term> terms;
  if (member.storage.snapshot) {
    terms[member.storage.snapshot->mark.index] = member.storage.snapshot->mark.term;
  }
  for (const wal::Entry& entry : member.storage.contents.entries) {
    if (terms.empty() || terms.rbegin()->second != entry.term) terms[entry.index] = entry.term;
  }
  return terms;
}

}  // namespace

Result<OpenedGroup> OpenGroup(Runtime& runtime, const consensus::Options& options,
                              consensus::RequestIds& ids, const Logger& log) {
  SWARM_RETURN_IF_ERROR(CheckMayFound(runtime, options));
  OpenedGroup group;
  SWARM_ASSIGN_OR_RETURN(group.member, consensus::OpenMember(runtime, options, log));
  SWARM_RETURN_IF_ERROR(CheckAlone(group.member, options, ids));
  SWARM_RETURN_IF_ERROR(BeginTerm(group.member));
  group.terms = TermsOf(group.member);
  return group;
}

}  // namespace swarm::standalone
