// Numbers handed out one after the other, so that one just given back is not given out again soon.
#pragma once

#include <algorithm>
#include <optional>
#include <set>

namespace swarm::allocator {

// Numbers from `first` to `last`, both included. Others may be taken by name only.
template <class Number>
class Serial {
 public:
  Serial(Number first, Number last) : first_(first), last_(last), next_(first) {}

  // False when somebody has it.
  bool Take(Number number) { return taken_.insert(number).second; }
  void Free(Number number) { taken_.erase(number); }
  bool IsTaken(Number number) const { return taken_.contains(number); }

  // The next free one; after the last comes the first. Nothing when all are taken.
  std::optional<Number> TakeNext() {
    auto found = FreeFrom(next_, last_);
    if (!found && next_ > first_) found = FreeFrom(first_, next_ - 1);
    if (!found) return std::nullopt;
    taken_.insert(*found);
    next_ = *found == last_ ? first_ : *found + 1;
    return found;
  }
  // Goes on behind the highest one taken in the range: after a restart nobody remembers which one
  // was handed out last, and all leaders must come to the same.
  void Resume() {
    next_ = first_;
    // What is taken up to the end without a gap says nothing: the last one may be reserved.
    Number end = last_;
    for (auto above = taken_.upper_bound(last_); above != taken_.begin();) {
      const Number taken = *--above;
      if (taken < first_) return;
      if (taken != end) {
        next_ = taken + 1;
        return;
      }
      if (end == first_) return;
      --end;
    }
  }

 private:
  std::optional<Number> FreeFrom(Number from, Number to) const {
    Number candidate = from;
    for (auto taken = taken_.lower_bound(from); taken != taken_.end() && *taken == candidate;
         ++taken) {
      if (candidate == to) return std::nullopt;
      ++candidate;
    }
    return candidate <= to ? std::optional<Number>(candidate) : std::nullopt;
  }

  const Number first_;
  const Number last_;
  Number next_;
  std::set<Number> taken_;
};

}  // namespace swarm::allocator
