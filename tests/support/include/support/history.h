// What clients asked of one versioned object and what they were told, and whether one order of all
// of it explains every answer: linearizability, for objects that are written by comparing versions.
//
// Each write gets a version above all earlier ones, and names the version it replaces. So the
// versions are the order of the writes, and it only has to be seen that no answer contradicts that
// order in real time. Every write's value must be its own. A write without an answer may have been
// done, at any time after it was asked for; only somebody who reads its value tells.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace swarm::test {

struct Operation {
  // Any unit; the same clock for all.
  using Time = std::int64_t;
  static constexpr Time kNever = std::numeric_limits<Time>::max();
  // Of an object that is not there yet, and of one that was removed.
  static constexpr std::uint64_t kAbsent = 0;
  static constexpr std::uint64_t kRemoved = std::numeric_limits<std::uint64_t>::max();

  enum class Kind : unsigned char {
    kWrite,    // of `value` over version `base` (kAbsent: creates), which gave `version`
    kRemove,   // of whatever is there
    kRead,     // of `value` in `version`; kAbsent: there was none, whether not yet or no more
    kRefused,  // a write over `base`, because that was not the version any more
  };
  Kind kind = Kind::kRead;
  Time asked = 0;
  Time answered = kNever;  // kNever: no answer; of a read that says nothing
  std::uint64_t base = kAbsent;
  std::uint64_t version = kAbsent;
  std::string value{};
  std::string who{};  // for messages
};

std::string Describe(const Operation& operation);

// What is wrong with the answers; empty: nothing. `history` in any order.
std::string Contradiction(std::vector<Operation> history);

// Versions of answered writes that were given twice, over the histories of many objects, each
// write of which was a transaction of its own; empty: none.
std::string GivenTwice(const std::vector<const std::vector<Operation>*>& histories);

}  // namespace swarm::test
