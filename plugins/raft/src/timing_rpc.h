// What managers of this make tell each other of how they time elections. That one answers at all
// proves what make it is.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "profile.h"
#include "swarm/function.h"
#include "swarm/rpc.h"
#include "swarmd/v1/managers.pb.h"

namespace swarm::raft {

inline constexpr std::string_view kGetTiming = "/swarmd.v1.Managers/GetTiming";

enum class Make : std::uint8_t {
  kSilent,   // no answer, so it may be anything
  kForeign,  // SwarmKit's, or a Docker Engine
  kOurs,
};

struct TimingAnswer {
  Make make = Make::kSilent;
  // Of one of ours:
  ProfileStatus status;      // without `since`
  Duration fast_election{};  // 0: it never follows the fast profile
};

// [any] `done` on any thread, once, after 2 s at most.
void AskTiming(std::shared_ptr<Channel> channel, Function<void(TimingAnswer)> done);
// What this member answers.
swarmd::v1::GetTimingResponse TellTiming(const ProfileStatus& status, const MemberOptions& options);

}  // namespace swarm::raft
