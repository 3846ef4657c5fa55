#include "profile_keeper.h"

#include <algorithm>
#include <utility>

#include "swarm/store_errors.h"

namespace swarm::raft {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Between two rounds of questions: when nothing is to be expected, when something is, and while
// somebody waits.
constexpr Duration kCalm = seconds(3);
constexpr Duration kAttentive = milliseconds(500);
constexpr Duration kBusy = milliseconds(50);
// A joiner of upstream's waits for 25 s, with the checks of its address among them.
constexpr Duration kJoinTimeout = seconds(12);

Duration OwnElection(const MemberOptions& options) {
  return options.never_fast() ? Duration() : options.election_timeout;
}

}  // namespace

ProfileKeeper::ProfileKeeper(Runtime& runtime, std::shared_ptr<Driver> driver,
                             std::shared_ptr<Transport> transport, Logger log)
    : driver_(std::move(driver)),
      transport_(std::move(transport)),
      log_(std::move(log)),
      plan_(OwnElection(driver_->options())),
      loop_(runtime.NewLoop("raft-timing", LoopKind::kShared)) {}

// What runs on the loop as long as this object is there.
template <class Fn>
auto ProfileKeeper::OnLoop(Fn fn) {
  return [weak = weak_from_this(), fn = std::move(fn)](auto... values) mutable {
    const std::shared_ptr<ProfileKeeper> self = weak.lock();
    if (!self) return;
    self->loop_->Post([weak, fn = std::move(fn), ... values = std::move(values)]() mutable {
      if (const std::shared_ptr<ProfileKeeper> there = weak.lock()) fn(*there, values...);
    });
  };
}

void ProfileKeeper::Lead(Write write) {
  OnLoop([write = std::move(write)](ProfileKeeper& keeper) mutable {
    keeper.write_ = std::move(write);
    ++keeper.leadership_;
    keeper.plan_ = ProfilePlan(OwnElection(keeper.driver_->options()));
    if (keeper.join_) keeper.plan_.Hold();
    keeper.writing_ = false;
    keeper.asked_.clear();
    keeper.told_misfits_.clear();
    keeper.Look();
    if (keeper.Joins(Join::Step::kNew)) keeper.AskJoiner();
  })();
}

void ProfileKeeper::Resign(Function<void()> done) {
  OnLoop([done = std::move(done)](ProfileKeeper& keeper) mutable {
    keeper.write_ = nullptr;
    keeper.look_.reset();
    ++keeper.leadership_;
    if (keeper.join_ && keeper.join_->done) {
      keeper.Answer(store_errors::Make(store_errors::kLostLeader));
    }
    done();
  })();
}

void ProfileKeeper::Stop() {
  loop_->Stop();
  write_ = nullptr;
  look_.reset();
  join_.reset();
}

void ProfileKeeper::LookSoon(Duration after) {
  if (!write_) return;
  look_ = loop_->After(after, OnLoop([](ProfileKeeper& keeper) { keeper.Look(); }));
}

Duration ProfileKeeper::Pause() const {
  if (join_ && join_->done) return kBusy;
  if (writing_) return kBusy;
  const bool settled = plan_.status().profile == Profile::kFast || plan_.MayRelax();
  return settled ? kCalm : kAttentive;
}

void ProfileKeeper::Look() {
  if (!write_) return;
  std::vector<RaftId> others;
  for (const Member& member : driver_->Members()) {
    if (!member.self) others.push_back(member.raft_id);
  }
  plan_.SetMembers(others);
  for (const RaftId id : others) {
    if (!asked_.contains(id)) Ask(id);
  }
  Act();
  LookSoon(Pause());
}

void ProfileKeeper::Act() {
  if (!write_) return;
  plan_.SetStatus(driver_->profile());
  const Index since = plan_.status().since;
  const Profile wanted = plan_.Wanted();
  driver_->Hurry(!plan_.MayRelax(), since);
  if (wanted != plan_.status().profile) WriteProfile(wanted);
  WarnOfMisfits();
  AdvanceJoin();
}

void ProfileKeeper::WriteProfile(Profile profile) {
  if (std::exchange(writing_, true)) return;
  write_(profile, OnLoop([leadership = leadership_](ProfileKeeper& keeper, const Status& outcome) {
           if (keeper.leadership_ != leadership) return;
           keeper.writing_ = false;
           if (!outcome.ok()) {
             keeper.log_.Warn("The group's election timing could not be written; trying again",
                              {{"error", outcome.message()}});
             return keeper.LookSoon(kAttentive);
           }
           keeper.Look();
         }));
}

void ProfileKeeper::Ask(RaftId member) {
  asked_.insert(member);
  transport_->AskTiming(member, OnLoop([member, leadership = leadership_](
                                           ProfileKeeper& keeper, const TimingAnswer& answer) {
                          if (keeper.leadership_ != leadership) return;
                          keeper.asked_.erase(member);
                          keeper.OnAnswer(member, answer);
                        }));
}

void ProfileKeeper::OnAnswer(RaftId member, const TimingAnswer& answer) {
  plan_.OnAnswer(member, answer);
  CountRoll(member, answer);
  Act();
  // Not later than what follows from the answer needs.
  if (Pause() == kBusy) LookSoon(kBusy);
}

void ProfileKeeper::WarnOfMisfits() {
  std::vector<RaftId> misfits = plan_.Misfits();
  if (misfits == told_misfits_) return;
  told_misfits_ = std::move(misfits);
  if (told_misfits_.empty()) return;
  log_.Warn(
      "Not all managers have the same election_timeout, or one is never to be fast: the group "
      "keeps "
      "to SwarmKit's slow election timing",
      {{"others", Names(told_misfits_)}});
}

void ProfileKeeper::BeginJoin(std::shared_ptr<Channel> channel, RaftId known,
                              Function<void(Status)> done) {
  auto join = std::make_unique<Join>();
  join->channel = std::move(channel);
  join->known = known;
  join->done = std::move(done);
  OnLoop([join = std::move(join)](ProfileKeeper& keeper) mutable {
    keeper.join_ = std::move(join);
    keeper.join_->deadline =
        keeper.loop_->After(kJoinTimeout, keeper.OnLoop([](ProfileKeeper& k) { k.OnDeadline(); }));
    // Else as soon as this manager can write.
    if (keeper.write_) keeper.AskJoiner();
  })();
}

void ProfileKeeper::EndJoin() {
  OnLoop([](ProfileKeeper& keeper) {
    keeper.join_.reset();
    keeper.plan_.Release();
    keeper.Look();
  })();
}

void ProfileKeeper::AskJoiner() {
  join_->step = Join::Step::kAsked;
  raft::AskTiming(join_->channel, OnLoop([](ProfileKeeper& keeper, const TimingAnswer& answer) {
                    if (!keeper.Joins(Join::Step::kAsked)) return;
                    keeper.join_->joiner = answer;
                    keeper.join_->step = Join::Step::kAnswered;
                    keeper.Look();
                  }));
}

// Never beside a write that is under way: it may be the one that makes the group fast.
void ProfileKeeper::AdvanceJoin() {
  if (writing_) return;
  if (Joins(Join::Step::kAnswered)) JudgeJoiner();
  if (Joins(Join::Step::kSwitching) && plan_.CompatibleEverywhere()) Answer(Status::Ok());
}

void ProfileKeeper::JudgeJoiner() {
  const TimingAnswer& joiner = join_->joiner;
  if (plan_.Fits(joiner)) return Answer(Status::Ok());
  plan_.OnAnswer(join_->known, joiner);
  if (plan_.status().profile == Profile::kCompatible) {
    plan_.Hold();
    // Nothing new in a group that has such members; and one of ours follows the group.
    if (plan_.Mixed() || joiner.make == Make::kOurs) return Answer(Status::Ok());
  }
  log_.Info("A manager of another make joins: the group is to keep to SwarmKit's election timing",
            {});
  CallRoll();
}

// Whether all are there: one that is away must not slow the others down in vain.
void ProfileKeeper::CallRoll() {
  join_->step = Join::Step::kRollCall;
  for (const Member& member : driver_->Members()) {
    if (!member.self && member.raft_id != join_->known) join_->roll.insert(member.raft_id);
  }
  if (join_->roll.empty()) FinishRoll();
}

void ProfileKeeper::CountRoll(RaftId member, const TimingAnswer& answer) {
  if (!Joins(Join::Step::kRollCall) || join_->roll.erase(member) == 0) return;
  if (answer.make == Make::kSilent) join_->silent.push_back(member);
  if (join_->roll.empty()) FinishRoll();
}

void ProfileKeeper::FinishRoll() {
  if (join_->silent.empty()) {
    join_->step = Join::Step::kSwitching;
    plan_.Hold();
    return;
  }
  Answer({Code::kFailedPrecondition,
          "a manager of another make cannot join now: every manager has to slow its elections down "
          "first, and there is no answer from " +
              Names(join_->silent) +
              "\nstart it again, or remove it from the managers, then join again"});
}

void ProfileKeeper::OnDeadline() {
  if (!join_ || !join_->done) return;
  if (!write_) {
    return Answer({Code::kUnavailable, "this manager has only begun to lead; join again"});
  }
  const std::vector<RaftId> missing = plan_.Missing();
  const std::string who = missing.empty() ? "" : ": " + Names(missing);
  Answer({Code::kUnavailable,
          "a manager of another make cannot join yet: not every manager has slowed its elections "
          "down in time" +
              who + "\njoin again"});
}

void ProfileKeeper::Answer(Status outcome) {
  if (!outcome.ok()) plan_.Release();
  join_->deadline.reset();
  std::exchange(join_->done, nullptr)(std::move(outcome));
}

std::string ProfileKeeper::Names(const std::vector<RaftId>& members) const {
  std::string text;
  for (const Member& member : driver_->Members()) {
    if (std::find(members.begin(), members.end(), member.raft_id) == members.end()) continue;
    text += text.empty() ? "" : ", ";
    text += "node " + member.node_id + " (" + member.address + ")";
  }
  return text;
}

}  // namespace swarm::raft
