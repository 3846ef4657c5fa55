// Raft's promises, checked over all members after every step. It sees what members do and what
// they say, and remembers all of it, also across crashes.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/raft.h"
#include "counters.h"

namespace swarm::raft::testing {

class Oracle {
 public:
  explicit Oracle(Counters& counters) : counters_(counters) {}

  // Empty: all is well. The first broken promise stays.
  const std::string& violation() const { return violation_; }
  void Violated(std::string what);

  // After every step of this member.
  void Observe(const Raft& raft);
  // It starts anew from what its disk has.
  void Restarted(const Raft& raft);
  // It has just been elected; `written`: its disk.
  void Leads(const Raft& raft, const HardState& written);
  // `written`, `last`: the sender's disk.
  void Sent(const Message& message, const HardState& written, Index last);
  void Applied(RaftId member, const Entry& entry);
  // A client was told that its write is done, by the member that has just applied it.
  void Acknowledged(const Entry& entry, const Payload& write);
  // Nothing of what clients were told is missing in what was committed.
  void CheckAcknowledged();
  // The state of a snapshot that a member takes or gets.
  std::uint64_t StateAt(Index index) const { return states_.at(index.value()); }
  bool Knows(Index index) const { return index.value() < states_.size(); }

  // Everything seen, folded into a number.
  std::uint64_t trace() const { return trace_; }
  void Trace(std::uint64_t value) { trace_ = (trace_ ^ value) * 0x100000001b3U; }
  Index committed() const { return Index(committed_.size()); }

 private:
  // What the oracle knows of a member's log as of the last step.
  struct Shadow {
    Term term;
    Index committed;
    Index first;  // of `terms`
    std::vector<Term> terms;
    Term led;  // last term it was seen to lead
  };
  // An entry as it was first seen anywhere.
  struct Seen {
    Term term;
    Term term_before;
    const std::string* data;
    Payload keep;
  };

  void ObserveLog(const Raft& raft, Shadow& shadow);
  void Register(RaftId member, const Entry& entry, Term before);
  void ObserveCommit(const Raft& raft, Shadow& shadow);
  void Commit(RaftId member, Term term, const Entry& entry);
  void CheckVersion(const Entry& entry);
  void ObserveLeader(const Raft& raft, Shadow& shadow);
  void CheckCompleteness(const Raft& raft);

  Counters& counters_;
  std::string violation_;
  std::map<RaftId, Shadow> shadows_;
  std::map<Term, RaftId> leaders_;
  std::map<std::pair<RaftId, Term>, RaftId> votes_;
  std::vector<std::vector<Seen>> seen_;  // by index
  // A group begins with entry 1 committed and in a snapshot, from where newcomers get to know it.
  std::vector<Entry> committed_{{.term = Term(1), .index = Index(1)}};
  std::vector<Term> committed_in_{Term(1)};  // the term of who first knew of it, at most too late
  std::vector<std::uint64_t> states_{0, 1};  // of the state machine after each committed entry
  std::vector<std::pair<Index, Payload>> acknowledged_;
  std::set<std::uint64_t> versions_;  // of committed writes
  std::uint64_t trace_ = 0xcbf29ce484222325U;
};

}  // namespace swarm::raft::testing
