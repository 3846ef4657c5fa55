#include "oracle.h"

#include <algorithm>
#include <functional>
#include <sstream>

namespace swarm::raft::testing {
namespace {

template <class... Parts>
std::string Text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

bool SameData(const Payload& a, const Payload& b) { return a == b || (a && b && *a == *b); }

std::uint64_t Fold(std::uint64_t state, const Entry& entry) {
  const std::uint64_t content = entry.data ? std::hash<std::string>()(*entry.data) : 1;
  return (state ^ content ^ entry.term.value() << 40U) * 0x100000001b3U + entry.index.value();
}

}  // namespace

void Oracle::Violated(std::string what) {
  if (violation_.empty()) violation_ = std::move(what);
}

void Oracle::Observe(const Raft& raft) {
  Shadow& shadow = shadows_[raft.id()];
  if (!raft.fault().empty()) Violated(Text("member ", raft.id(), " broke: ", raft.fault()));
  if (raft.term() < shadow.term) Violated(Text("the term of member ", raft.id(), " fell"));
  shadow.term = raft.term();
  ObserveLog(raft, shadow);
  ObserveCommit(raft, shadow);
  ObserveLeader(raft, shadow);
  Trace(raft.term().value() << 32U ^ raft.log().LastIndex().value() << 16U ^
        raft.log().committed().value() << 8U ^ static_cast<std::uint64_t>(raft.role()));
}

void Oracle::Restarted(const Raft& raft) {
  Shadow& shadow = shadows_[raft.id()];
  // What was not on disk is gone; nobody was told of it, or the checks of messages fail.
  shadow.term = raft.term();
  shadow.committed = std::min(shadow.committed, raft.log().committed());
  shadow.terms.clear();
  shadow.first = Index();
  Observe(raft);
}

// Log matching, by induction: wherever an entry is seen, it has the same content and the same
// predecessor as everywhere else.
void Oracle::ObserveLog(const Raft& raft, Shadow& shadow) {
  const Log& log = raft.log();
  const Position last = log.Last();
  const Index shadow_limit = shadow.first + shadow.terms.size();
  if (!shadow.terms.empty() && shadow_limit == last.index + 1 && shadow.terms.back() == last.term)
    return;
  // Go back to where the log was the same as before.
  Index same = last.index;
  const auto known = [&](Index index) {
    return index >= shadow.first && index < shadow_limit &&
           shadow.terms[index - shadow.first] == log.TermAt(index);
  };
  while (same >= log.FirstIndex() && !known(same)) same = same - 1;
  if (same + 1 < shadow_limit && same >= shadow.first) ++counters_.entries_replaced;
  if (!known(same)) {
    shadow.first = same;  // what comes before the first entry
    shadow.terms = {log.TermAt(same).value_or(Term())};
  } else {
    shadow.terms.resize(same - shadow.first + 1);
  }
  for (const Entry& entry : log.Read(same + 1, kUnlimited)) {
    Register(raft.id(), entry, shadow.terms.back());
    shadow.terms.push_back(entry.term);
  }
}

void Oracle::Register(RaftId member, const Entry& entry, Term before) {
  if (seen_.size() <= entry.index.value()) seen_.resize(entry.index.value() + 1);
  std::vector<Seen>& seen = seen_[entry.index.value()];
  const auto at = std::find_if(seen.begin(), seen.end(),
                               [&](const Seen& one) { return one.term == entry.term; });
  if (at == seen.end()) {
    seen.push_back({entry.term, before, entry.data.get(), entry.data});
  } else if (at->term_before != before || !SameData(at->keep, entry.data)) {
    Violated(Text("log matching: entry ", entry.index, " of term ", entry.term, " at member ",
                  member, " differs from another member's"));
  }
}

void Oracle::ObserveCommit(const Raft& raft, Shadow& shadow) {
  const Log& log = raft.log();
  if (log.committed() < shadow.committed)
    Violated(Text("the commit index of member ", raft.id(), " fell"));
  if (log.committed() > log.LastIndex())
    Violated(Text("member ", raft.id(), " committed more than it has"));
  if (log.applied() > log.committed())
    Violated(Text("member ", raft.id(), " applied more than is committed"));
  if (log.committed() == shadow.committed) return;
  const Index first = std::max(shadow.committed + 1, log.FirstIndex());
  for (const Entry& entry : log.Read(first, log.committed() + 1, kUnlimited))
    Commit(raft.id(), raft.term(), entry);
  shadow.committed = log.committed();
}

// State machine safety: what is committed at an index is the same everywhere and for ever.
void Oracle::Commit(RaftId member, Term term, const Entry& entry) {
  if (entry.index <= committed()) {
    const Entry& first = committed_[entry.index - Index(1)];
    if (first.term != entry.term || !SameData(first.data, entry.data))
      Violated(Text("state machine safety: member ", member, " commits another entry ", entry.index,
                    " (term ", entry.term, ") than was committed (term ", first.term, ")"));
    return;
  }
  if (entry.index != committed() + 1) {
    Violated(Text("member ", member, " commits entry ", entry.index, " before ", committed() + 1));
    return;
  }
  CheckVersion(entry);
  committed_.push_back(entry);
  committed_in_.push_back(term);
  states_.push_back(Fold(states_.back(), entry));
}

void Oracle::Acknowledged(const Entry& entry, const Payload& write) {
  if (!SameData(entry.data, write)) Violated(Text("another write than ", entry.index, " was done"));
  acknowledged_.emplace_back(entry.index, write);
}

void Oracle::CheckAcknowledged() {
  for (const auto& [index, write] : acknowledged_) {
    const bool there = index <= committed() && SameData(committed_[index - Index(1)].data, write);
    if (!there) Violated(Text("the acknowledged write ", index, " is lost"));
  }
}

// Versions of objects are unique and older than the entry that gives them, whoever leads.
void Oracle::CheckVersion(const Entry& entry) {
  if (!entry.data || IsConfChange(entry)) return;
  const std::size_t at = entry.data->find('@');
  if (at == std::string::npos) return;
  const std::uint64_t version = std::stoull(entry.data->substr(at + 1));
  if (version >= entry.index.value())
    Violated(Text("entry ", entry.index, " gives the version ", version));
  if (!versions_.insert(version).second) Violated(Text("version ", version, " is given twice"));
}

void Oracle::ObserveLeader(const Raft& raft, Shadow& shadow) {
  if (raft.role() != Role::kLeader || shadow.led == raft.term()) return;
  shadow.led = raft.term();
  ++counters_.elections;
  const auto [at, first] = leaders_.emplace(raft.term(), raft.id());
  if (!first && at->second != raft.id())
    Violated(Text("election safety: members ", at->second, " and ", raft.id(), " both lead term ",
                  raft.term()));
  CheckCompleteness(raft);
}

// Leader completeness. One that is elected late, after others have gone on to later terms, need not
// have what these committed: it cannot commit anything itself.
void Oracle::CheckCompleteness(const Raft& raft) {
  const Log& log = raft.log();
  Index must = committed();
  while (must > Index(1) && committed_in_[must - Index(1)] >= raft.term()) must = must - 1;
  if (log.LastIndex() < must) {
    Violated(Text("leader completeness: leader ", raft.id(), " of term ", raft.term(),
                  " lacks committed entry ", must));
  }
  for (Index i = std::max(log.FirstIndex(), Index(1)); i <= must; i = i + 1) {
    if (log.TermAt(i) == committed_[i - Index(1)].term) continue;
    Violated(Text("leader completeness: leader ", raft.id(), " of term ", raft.term(),
                  " has another entry ", i, " than was committed"));
    return;
  }
}

// Else it could lead that term once more after a crash, and say something else in it.
void Oracle::Leads(const Raft& raft, const HardState& written) {
  if (written.term < raft.term())
    Violated(Text("member ", raft.id(), " leads term ", raft.term(), ", but its disk says ",
                  written.term));
}

void Oracle::Sent(const Message& message, const HardState& written, Index last) {
  Trace(static_cast<std::uint64_t>(message.type) << 56U ^ message.to.value() << 48U ^
        message.index.value() << 8U ^ message.entries.size());
  if (message.type == MessageType::kVoteResponse && !message.reject) {
    const auto [at, first] = votes_.emplace(std::pair(message.from, message.term), message.to);
    if (!first && at->second != message.to)
      Violated(Text("member ", message.from, " votes for ", at->second, " and for ", message.to,
                    " in term ", message.term));
  }
  if (message.type == MessageType::kAppendResponse || message.type == MessageType::kVoteResponse) {
    if (message.term > written.term)
      Violated(Text("member ", message.from, " speaks in term ", message.term,
                    ", but its disk says ", written.term));
    // What is acknowledged in an earlier term may have been replaced since, as is its leader.
    if (message.term == written.term && !message.reject && message.index > last)
      Violated(Text("member ", message.from, " acknowledges entry ", message.index,
                    ", but its disk ends at ", last));
  }
  // Peers of 2021 take a term of 0 for one that matches everything.
  if (message.type == MessageType::kAppend && message.index > Index() && message.log_term == Term())
    Violated(Text("member ", message.from, " sends an append after an entry without term"));
}

void Oracle::Applied(RaftId member, const Entry& entry) {
  if (entry.index > committed() || !SameData(committed_[entry.index - Index(1)].data, entry.data))
    Violated(Text("state machine safety: member ", member, " applies another entry ", entry.index,
                  " than was committed"));
}

}  // namespace swarm::raft::testing
