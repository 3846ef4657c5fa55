#include "core/progress.h"

#include <algorithm>

namespace swarm::raft {

void Progress::Enter(ProgressState state) {
  state_ = state;
  flow_paused_ = false;
  pending_snapshot_ = Index();
  window_.clear();
}

void Progress::LowerSentCommit() { sent_commit_ = std::min(sent_commit_, next_ - 1); }

void Progress::BecomeProbe() {
  // A snapshot that was sent counts as arrived: probe from behind it.
  const Index snapshot = state_ == ProgressState::kSnapshot ? pending_snapshot_ : Index();
  Enter(ProgressState::kProbe);
  next_ = std::max(match_, snapshot) + 1;
  LowerSentCommit();
}

void Progress::BecomeReplicate() {
  Enter(ProgressState::kReplicate);
  next_ = match_ + 1;
}

void Progress::BecomeSnapshot(Index index) {
  Enter(ProgressState::kSnapshot);
  pending_snapshot_ = index;
  next_ = index + 1;
  sent_commit_ = index;
}

void Progress::SentEntries(std::uint64_t count, std::uint64_t bytes) {
  if (state_ == ProgressState::kReplicate) {
    if (count > 0) {
      next_ = next_ + count;
      window_.Add(next_ - 1, bytes);
    }
    flow_paused_ = window_.full();
  } else if (count > 0) {
    flow_paused_ = true;
  }
}

bool Progress::Matched(Index index) {
  // Also when it is no news: by the rules of 2021 a stale rejection takes the probe below it.
  next_ = std::max(next_, index + 1);
  if (index <= match_) return false;
  match_ = index;
  flow_paused_ = false;
  return true;
}

bool Progress::Rejected(Index rejected, Index hint, Index floor) {
  if (state_ == ProgressState::kReplicate) {
    if (rejected <= match_) return false;
    next_ = match_ + 1;
    LowerSentCommit();
    return true;
  }
  if (next_ - 1 != rejected) return false;
  next_ = std::max(std::min(rejected, hint + 1), floor);
  LowerSentCommit();
  flow_paused_ = false;
  return true;
}

}  // namespace swarm::raft
