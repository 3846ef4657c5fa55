#include "support/history.h"

#include <algorithm>
#include <map>
#include <queue>
#include <sstream>
#include <tuple>
#include <utility>

namespace swarm::test {
namespace {

using Kind = Operation::Kind;

std::string Name(std::uint64_t version) {
  if (version == Operation::kAbsent) return "absent";
  if (version == Operation::kRemoved) return "removed";
  return "version " + std::to_string(version);
}

class Check {
 public:
  explicit Check(std::vector<Operation> history) : history_(std::move(history)) {}

  std::string Run() {
    if (Resolve() && Chain() && Removals() && ReadsOfNothing() && RealTime()) Refusals();
    return wrong_;
  }

 private:
  bool Wrong(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
    return false;
  }

  // Finds the write behind every value that was read, and thereby the version of those that were
  // done without an answer.
  bool Resolve() {
    std::map<std::string, Operation*> writes;
    for (Operation& op : history_) {
      if (op.kind == Kind::kRemove) op.version = Operation::kRemoved;
      if (op.kind != Kind::kWrite) continue;
      if (!writes.emplace(op.value, &op).second) {
        return Wrong("the test wrote " + op.value + " twice");
      }
      if (op.answered == Operation::kNever) op.version = Operation::kAbsent;
    }
    for (const Operation& op : history_) {
      if (op.kind != Kind::kRead || op.version == Operation::kAbsent) continue;
      const auto found = writes.find(op.value);
      if (found == writes.end()) return Wrong(Describe(op) + ", which nobody wrote");
      Operation& write = *found->second;
      if (write.version == Operation::kAbsent) write.version = op.version;
      if (write.version != op.version) return Wrong(Describe(op) + ", but " + Describe(write));
    }
    return true;
  }

  // The versions follow each other as the writes say.
  bool Chain() {
    for (const Operation& op : history_) {
      if (op.kind == Kind::kRemove) {
        // Of several that were asked for, the first to be asked counts; one is enough.
        if (removal_ == nullptr || op.asked < removal_->asked) removal_ = &op;
      }
      if (op.kind != Kind::kWrite || op.version == Operation::kAbsent) continue;
      const auto [at, first] = versions_.emplace(op.version, &op);
      if (!first)
        return Wrong(Name(op.version) + " twice: " + Describe(*at->second) + ", " + Describe(op));
    }
    std::uint64_t before = Operation::kAbsent;
    for (const auto& [version, write] : versions_) {
      if (write->base != before) {
        return Wrong(Describe(*write) + ", but the version before is " + Name(before));
      }
      before = version;
    }
    return true;
  }

  // There is one at most, of what somebody may have made before.
  bool Removals() {
    const Operation* done = nullptr;
    for (const Operation& op : history_) {
      if (op.kind != Kind::kRemove || op.answered == Operation::kNever) continue;
      if (done != nullptr) return Wrong(Describe(op) + ", but " + Describe(*done));
      done = &op;
      const bool was_there =
          std::any_of(history_.begin(), history_.end(), [&](const Operation& write) {
            return write.kind == Kind::kWrite && write.base == Operation::kAbsent &&
                   write.asked <= op.answered;
          });
      if (!was_there) return Wrong(Describe(op) + ", but it was not there");
    }
    if (done != nullptr) removal_ = done;
    return true;
  }

  // Whoever found nothing came before the first write or after the removal.
  bool ReadsOfNothing() {
    Operation::Time known = Operation::kNever;  // from then on it surely was there
    for (const Operation& op : history_) {
      const bool shows = op.kind == Kind::kRefused || op.version != Operation::kAbsent;
      if (shows) known = std::min(known, op.answered);
    }
    for (Operation& op : history_) {
      if (op.kind != Kind::kRead || op.version != Operation::kAbsent) continue;
      if (op.answered == Operation::kNever) continue;
      if (known >= op.asked) continue;  // before it was there; so says its rank, 0
      if (removal_ == nullptr || removal_->asked > op.answered) {
        return Wrong(Describe(op) + ", but it was there and nobody had removed it");
      }
      op.version = Operation::kRemoved;
    }
    return true;
  }

  // A removal without an answer has a place only when somebody saw its effect.
  bool Counts(const Operation& op) const {
    switch (op.kind) {
      case Kind::kWrite:
        return op.version != Operation::kAbsent;
      case Kind::kRemove:
        return op.answered != Operation::kNever;
      case Kind::kRead:
        return op.answered != Operation::kNever;
      case Kind::kRefused:
        return false;
    }
    return false;
  }

  // Nobody is told of an older version, once somebody was told of a newer one.
  bool RealTime() {
    std::vector<const Operation*> ops;
    for (const Operation& op : history_) {
      if (Counts(op)) ops.push_back(&op);
    }
    std::sort(ops.begin(), ops.end(), [](const auto* a, const auto* b) {
      return std::tie(a->asked, a->answered) < std::tie(b->asked, b->answered);
    });
    const auto later = [](const Operation* a, const Operation* b) {
      return a->answered > b->answered;
    };
    std::priority_queue<const Operation*, std::vector<const Operation*>, decltype(later)> open(
        later);
    const Operation* newest = nullptr;  // of those answered before the next was asked
    for (const Operation* op : ops) {
      for (; !open.empty() && open.top()->answered < op->asked; open.pop()) {
        if (newest == nullptr || open.top()->version > newest->version) newest = open.top();
      }
      open.push(op);
      if (newest == nullptr) continue;
      const bool before_write = op->kind == Kind::kWrite && op->version == newest->version;
      if (op->version < newest->version || before_write) {
        return Wrong(Describe(*op) + " after " + Describe(*newest));
      }
    }
    ops_ = std::move(ops);
    return true;
  }

  // A write was refused only if, at some time while it was under way, another version was there.
  // Each is given the oldest one that explains it, so that it stands in nobody's way.
  void Refusals() {
    for (Operation& op : history_) {
      const bool counts = op.kind == Kind::kRefused && op.answered != Operation::kNever;
      if (counts) refused_.push_back(&op);
    }
    std::sort(refused_.begin(), refused_.end(),
              [](const auto* a, const auto* b) { return a->answered < b->answered; });
    for (Operation* op : refused_) {
      if (!Explain(*op)) return;
      ops_.push_back(op);
    }
  }

  bool Explain(Operation& refused) {
    std::uint64_t least = Operation::kAbsent;
    std::uint64_t most = Operation::kRemoved;
    for (const Operation* op : ops_) {
      if (op->answered < refused.asked) least = std::max(least, op->version);
      if (op->asked > refused.answered) most = std::min(most, op->version);
    }
    for (const auto& [version, write] : versions_) {
      if (version < least || version == refused.base || version > most) continue;
      if (write->asked > refused.answered) break;
      refused.version = version;
      return true;
    }
    // Perhaps a write was done last, without an answer, that nobody has seen.
    if (most == Operation::kRemoved && least <= kUnseen && MayHaveBeenReplaced(refused)) {
      refused.version = kUnseen;
      return true;
    }
    return Wrong(Describe(refused) + ", but that was the version all the time");
  }

  bool MayHaveBeenReplaced(const Operation& refused) const {
    const std::uint64_t last = versions_.empty() ? Operation::kAbsent : versions_.rbegin()->first;
    return std::any_of(history_.begin(), history_.end(), [&](const Operation& op) {
      return op.kind == Kind::kWrite && op.version == Operation::kAbsent && op.base == last &&
             op.asked <= refused.answered;
    });
  }

  static constexpr std::uint64_t kUnseen = Operation::kRemoved - 1;

  std::vector<Operation> history_;
  std::map<std::uint64_t, const Operation*> versions_;
  const Operation* removal_ = nullptr;
  std::vector<const Operation*> ops_;
  std::vector<Operation*> refused_;
  std::string wrong_;
};

}  // namespace

std::string Describe(const Operation& op) {
  std::ostringstream out;
  out << op.who << (op.who.empty() ? "" : " ");
  switch (op.kind) {
    case Kind::kWrite:
      out << "wrote " << op.value << " over " << Name(op.base);
      break;
    case Kind::kRemove:
      out << "removed it";
      break;
    case Kind::kRead:
      out << "read " << (op.value.empty() ? "nothing" : op.value);
      break;
    case Kind::kRefused:
      out << "was refused to write over " << Name(op.base);
      break;
  }
  if (op.kind != Kind::kRefused) out << " (" << Name(op.version) << ")";
  out << " [" << op.asked << ", ";
  if (op.answered == Operation::kNever) {
    out << "no answer]";
  } else {
    out << op.answered << "]";
  }
  return out.str();
}

std::string Contradiction(std::vector<Operation> history) {
  return Check(std::move(history)).Run();
}

std::string GivenTwice(const std::vector<const std::vector<Operation>*>& histories) {
  std::map<std::uint64_t, const Operation*> given;
  for (const std::vector<Operation>* history : histories) {
    for (const Operation& op : *history) {
      if (op.kind != Kind::kWrite || op.answered == Operation::kNever) continue;
      const auto [at, first] = given.emplace(op.version, &op);
      if (!first) return Describe(*at->second) + " and " + Describe(op);
    }
  }
  return "";
}

}  // namespace swarm::test
