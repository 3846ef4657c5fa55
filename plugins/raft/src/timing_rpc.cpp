#include "timing_rpc.h"

#include <utility>

#include "swarm/rpc_typed.h"

namespace swarm::raft {
namespace {

using std::chrono::milliseconds;
using Response = swarmd::v1::GetTimingResponse;

constexpr Duration kTimeout = std::chrono::seconds(2);

TimingAnswer Understand(const Result<std::shared_ptr<const Response>>& reply) {
  if (!reply.ok()) {
    const bool foreign = reply.status().code() == Code::kUnimplemented;
    return {foreign ? Make::kForeign : Make::kSilent, {}, {}};
  }
  const Response& told = **reply;
  TimingAnswer answer{Make::kOurs, {}, milliseconds(told.fast_election_milliseconds())};
  answer.status.profile = told.fast() ? Profile::kFast : Profile::kCompatible;
  answer.status.applied = Index(told.applied());
  return answer;
}

}  // namespace

void AskTiming(std::shared_ptr<Channel> channel, Function<void(TimingAnswer)> done) {
  CallOptions options;
  options.timeout = kTimeout;
  Channel& used = *channel;
  CallUnary<Response>(used, kGetTiming, std::move(options), swarmd::v1::GetTimingRequest(),
                      [channel = std::move(channel), done = std::move(done)](
                          const auto& reply) mutable { done(Understand(reply)); });
}

Response TellTiming(const ProfileStatus& status, const MemberOptions& options) {
  Response response;
  response.set_fast(status.profile == Profile::kFast);
  response.set_applied(status.applied.value());
  const auto election = std::chrono::duration_cast<milliseconds>(options.election_timeout).count();
  if (!options.never_fast()) {
    response.set_fast_election_milliseconds(static_cast<std::uint64_t>(election));
  }
  return response;
}

}  // namespace swarm::raft
