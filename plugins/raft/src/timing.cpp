// When this member gives up a leader, and how often it sends heartbeats as one.
#include <utility>

#include "driver.h"

namespace swarm::raft {
namespace {

constexpr Duration kAskAgain = std::chrono::seconds(1);

}  // namespace

ProfileStatus Driver::profile() const {
  // In this order: what is told may be newer than `applied`, never older.
  const Index applied(commit_.load());
  const std::lock_guard lock(profile_mutex_);
  ProfileStatus status = profile_;
  status.applied = applied;
  return status;
}

void Driver::SetProfile(Profile profile, Index since) {
  {
    const std::lock_guard lock(profile_mutex_);
    if (profile == profile_.profile) return;
    profile_ = {profile, since, {}};
  }
  log_.Info("The group's election timing has changed",
            {{"timing", std::string(NameOf(profile))}, {"index", std::to_string(since.value())}});
  UseTiming();
  CheckLeader();
}

void Driver::UseTiming() {
  if (core_ == nullptr) return;
  const bool fast = profile_.profile == Profile::kFast && !leader_foreign_;
  core_->SetTiming(ticks_.Of(fast ? Profile::kFast : Profile::kCompatible, hurried_));
}

void Driver::Hurry(bool hurry, Index since) {
  On(loop_, [hurry, since](Driver& driver) {
    if (driver.profile_.since != since || driver.hurried_ == hurry) return;
    driver.hurried_ = hurry;
    driver.UseTiming();
  });
}

// A group that other managers took over, or whose label somebody changed, may say that it is fast
// under a leader that is not.
void Driver::CheckLeader() {
  leader_check_.reset();
  if (core_ == nullptr || profile_.profile != Profile::kFast) return;
  const RaftId leader = core_->leader();
  if (leader == kNobody || leader == core_->id()) return;
  transport_->AskTiming(leader, [weak = weak_from_this(), leader](const TimingAnswer& answer) {
    if (const std::shared_ptr<Driver> self = weak.lock()) {
      self->On(self->loop_,
               [leader, make = answer.make](Driver& d) { d.OnLeaderAnswer(leader, make); });
    }
  });
}

void Driver::OnLeaderAnswer(RaftId leader, Make make) {
  if (core_->leader() != leader || stopping_) return;
  if (make == Make::kSilent) {
    leader_check_ = loop_->After(kAskAgain, [weak = weak_from_this()] {
      if (const std::shared_ptr<Driver> self = weak.lock()) self->CheckLeader();
    });
    return;
  }
  const bool foreign = make == Make::kForeign;
  if (std::exchange(leader_foreign_, foreign) == foreign) return;
  if (foreign) log_.Info("The leader is of another make and is given more time", {});
  UseTiming();
}

}  // namespace swarm::raft
