// What a core can be in tests only: a peer with the rules of 2021, which groups are mixed with, or
// one with a fault that the simulation must find. In the product all of it is constant and gone.
#pragma once

#include <cstdint>

namespace swarm::raft {

enum class Fault : std::uint8_t {
  kNone,
  kCommitsEarlierTerms,   // counts copies of entries of earlier terms as commitment
  kForgetsVote,           // votes for anyone who asks
  kIgnoresCandidatesLog,  // votes for a candidate that lacks entries
  kSaysBeforeWritten,     // acknowledges before the disk has it
  kLeadsBeforeWritten,    // leads by others' votes before the disk has its own
  kChangesTogether,       // begins a conf change before the one before is applied
  kTrustsItsLeadership,   // takes itself for the leader without asking anybody
};

class Variant {
 public:
#ifdef SWARM_RAFT_VARIANTS
  Variant() = default;
  static Variant Rules2021() { return Variant(true, Fault::kNone); }
  static Variant With(Fault fault) { return Variant(false, fault); }
  bool rules_2021() const { return rules_2021_; }
  bool has(Fault fault) const { return fault_ == fault; }

 private:
  Variant(bool rules_2021, Fault fault) : rules_2021_(rules_2021), fault_(fault) {}
  bool rules_2021_ = false;
  Fault fault_ = Fault::kNone;
#else
  static constexpr bool rules_2021() { return false; }
  static constexpr bool has(Fault) { return false; }
#endif
};

}  // namespace swarm::raft
