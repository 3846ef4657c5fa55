#include <algorithm>

#include "conformance/consensus_suite.h"

namespace swarm::conformance {
namespace {

constexpr std::size_t kNames = 30;
constexpr std::size_t kBurst = 4;
// Enough that a log of small files is spread over several of them.
constexpr std::size_t kNameSize = 3000;
constexpr int kMoreCrashes = 3;

class CrashRun {
 public:
  CrashRun(const ConsensusFactory& factory, const CrashPlan& plan)
      : plan_(plan), rig_(factory, plan.seed) {
    rig_.setup.snapshot_interval = plan.snapshot_interval;
    rig_.setup.small_files = true;
    rig_.machine().disk().OnSync([this](std::uint64_t number, std::string_view path) {
      if (plan_.crash_at == number) rig_.Crash();
      return !(plan_.forget && plan_.forget(path));
    });
  }

  std::string Run() {
    for (int crashes = 0; crashes <= kMoreCrashes; ++crashes) {
      if (!Restart()) return wrong_;
      if (!Live()) return wrong_;
      if (crashes < kMoreCrashes && rig_.alive()) {
        // Anywhere: in the middle of what the next proposals cause.
        for (std::size_t i = 0; i < kBurst; ++i) rig_.Propose(kNameSize);
        const std::uint64_t steps = rig_.simulation().random().Below(20);
        for (std::uint64_t i = 0; i < steps && rig_.alive(); ++i) rig_.simulation().Step();
        Note();
        if (rig_.alive()) rig_.Crash();
      }
    }
    return End();
  }

  std::uint64_t syncs() { return rig_.machine().disk().sync_count(); }

 private:
  // What has been reported must be there for ever.
  void Note() {
    if (!rig_.alive()) return;
    reported_ = std::max(reported_, rig_.state().content().size());
    if (wrong_.empty()) wrong_ = rig_.state().mistake();
  }

  bool Restart() {
    for (int tries = 0; tries < 3; ++tries) {
      const Status status = rig_.Boot();
      if (status.code() == Code::kAborted) continue;  // the planned crash came in between
      if (!status.ok()) return Wrong("the restart failed: " + status.ToString());
      return Check();
    }
    return Wrong("no restart in three tries");
  }

  // All that was proposed is there in order, up to some point behind what was reported.
  bool Check() {
    const std::vector<std::string> names = rig_.state().Names();
    const std::vector<std::string>& all = history_;
    if (names.size() < reported_) {
      return Wrong(std::to_string(names.size()) + " names after the restart, but " +
                   std::to_string(reported_) + " had been reported committed");
    }
    for (const std::string& name : Unresolved()) history_.push_back(name);
    if (names.size() > all.size() || !std::equal(names.begin(), names.end(), all.begin())) {
      return Wrong("the names after the restart are not a beginning of those proposed");
    }
    history_ = names;
    reported_ = names.size();
    if (rig_.state().leadership() <= leadership_) return Wrong("the leader epoch did not rise");
    leadership_ = rig_.state().leadership();
    return wrong_.empty() || Wrong(wrong_);
  }

  // Proposed since the last check.
  std::vector<std::string> Unresolved() {
    const std::vector<std::string>& proposed = rig_.proposed();
    std::vector<std::string> rest(proposed.begin() + static_cast<std::ptrdiff_t>(seen_),
                                  proposed.end());
    seen_ = proposed.size();
    return rest;
  }

  bool Live() {
    rig_.Open();
    for (std::size_t i = 0; i < kNames && rig_.alive();) {
      const std::size_t burst = 1 + rig_.simulation().random().Below(kBurst);
      const std::size_t before = rig_.state().content().size();
      for (std::size_t k = 0; k < burst; ++k) rig_.Propose(kNameSize);
      i += burst;
      rig_.RunUntil([&] {
        Note();
        return !rig_.alive() || !rig_.state().leads() ||
               rig_.state().content().size() == before + burst;
      });
      if (rig_.alive() && rig_.state().content().size() != before + burst) {
        return Wrong("proposals were neither committed nor refused");
      }
    }
    if (!rig_.alive()) return Restart() && Live();
    rig_.Settle();  // snapshots
    Note();
    if (!rig_.alive()) return Restart();
    return wrong_.empty();
  }

  std::string End() {
    if (rig_.alive()) {
      Note();
      rig_.Shutdown();
    }
    if (wrong_.empty()) Restart();
    return wrong_;
  }

  bool Wrong(const std::string& what) {
    wrong_ = what;
    return false;
  }

  const CrashPlan plan_;
  ConsensusRig rig_;
  std::vector<std::string> history_;
  std::size_t seen_ = 0;
  std::size_t reported_ = 0;
  LeaderEpoch leadership_;
  std::string wrong_;
};

}  // namespace

std::string RunCrashPlan(const ConsensusFactory& factory, const CrashPlan& plan,
                         std::uint64_t* syncs) {
  CrashRun run(factory, plan);
  std::string wrong = run.Run();
  if (syncs != nullptr) *syncs = run.syncs();
  return wrong;
}

}  // namespace swarm::conformance
