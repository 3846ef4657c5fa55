// The leader's part in the group's timing profile: asks the members what they are, has the profile
// written that fits them, and lets nobody of another make in before all keep to the compatible one.
//
// No switch causes an election: the leader's heartbeats come as the fast profile needs them before
// any member becomes fast, and until every member has ceased to be.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "driver.h"
#include "profile_plan.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "transport.h"

namespace swarm::raft {

class ProfileKeeper : public std::enable_shared_from_this<ProfileKeeper> {
 public:
  // Makes the profile the cluster object's; `done` on any thread.
  using Write = Function<void(Profile, Function<void(Status)> done)>;

  ProfileKeeper(Runtime& runtime, std::shared_ptr<Driver> driver,
                std::shared_ptr<Transport> transport, Logger log);

  // [any] This manager leads, and can write. Until Resign, whose `done` runs on its loop when
  // `write` is gone.
  void Lead(Write write);
  void Resign(Function<void()> done);

  // [any] The manager behind `channel` wants to become a member, or already is member `known` (0:
  // it is none). OK when it may; an error says which manager stands in the way. In any case EndJoin
  // must follow, once it is a member or will not become one. One at a time.
  void BeginJoin(std::shared_ptr<Channel> channel, RaftId known, Function<void(Status)> done);
  void EndJoin();

  // [any but its loop] Nothing of it runs afterwards.
  void Stop();

 private:
  struct Join {
    enum class Step : std::uint8_t { kNew, kAsked, kAnswered, kRollCall, kSwitching };
    Step step = Step::kNew;
    std::shared_ptr<Channel> channel;
    RaftId known;
    Function<void(Status)> done;  // null: it was called
    TimingAnswer joiner;          // what it said
    std::set<RaftId> roll;        // members whose answer is waited for
    std::vector<RaftId> silent;   // of these, those that gave none
    std::unique_ptr<Timer> deadline;
  };

  // [loop]
  void Look();
  void LookSoon(Duration after);
  Duration Pause() const;
  void Act();
  void Ask(RaftId member);
  void OnAnswer(RaftId member, const TimingAnswer& answer);
  void WriteProfile(Profile profile);
  void WarnOfMisfits();

  bool Joins(Join::Step step) const { return join_ && join_->done && join_->step == step; }
  void AskJoiner();
  void AdvanceJoin();
  void JudgeJoiner();
  void CallRoll();
  void CountRoll(RaftId member, const TimingAnswer& answer);
  void FinishRoll();
  void Answer(Status outcome);
  void OnDeadline();
  std::string Names(const std::vector<RaftId>& members) const;

  template <class Fn>
  auto OnLoop(Fn fn);

  const std::shared_ptr<Driver> driver_;
  const std::shared_ptr<Transport> transport_;
  const Logger log_;

  // [loop]
  ProfilePlan plan_;
  Write write_;                   // null: it does not lead
  std::uint64_t leadership_ = 0;  // counted, so that answers for an earlier one are known
  bool writing_ = false;
  std::set<RaftId> asked_;  // and not answered
  std::vector<RaftId> told_misfits_;
  std::unique_ptr<Join> join_;
  std::unique_ptr<Timer> look_;

  std::unique_ptr<Loop> loop_;  // last: ends first
};

}  // namespace swarm::raft
