#include "joining.h"

#include <chrono>
#include <utility>

#include "swarm/rpc_typed.h"
#include "swarmkit/v1/health.pb.h"

namespace swarm::raft {
namespace {

namespace pb = ::docker::swarmkit::v1;

// As SwarmKit's managers wait: 5 s and twice an election timeout of theirs.
constexpr Duration kTimeout = std::chrono::seconds(25);

std::shared_ptr<UnaryHandler> Healthy() {
  return MakeUnaryHandler<pb::HealthCheckRequest>(
      [](const CallContextPtr&, const auto&, UnaryReply reply) {
        pb::HealthCheckResponse response;
        response.set_status(pb::HealthCheckResponse::SERVING);
        reply(Payload::Of(std::move(response)));
      });
}

}  // namespace

Status Joining::Begin(Router& router, std::shared_ptr<Channel> manager,
                      const std::string& own_address, Done done) {
  SWARM_ASSIGN_OR_RETURN(auto health,
                         router.Register("/docker.swarmkit.v1.Health/Check", Healthy()));
  {
    const std::lock_guard lock(mutex_);
    health_ = std::move(health);
    manager_ = manager;
    done_ = std::move(done);
  }
  pb::JoinRequest request;
  request.set_addr(own_address);
  CallOptions options;
  options.timeout = kTimeout;
  options.wait_for_ready = true;
  auto call = CallUnary<pb::JoinResponse>(*manager, "/docker.swarmkit.v1.RaftMembership/Join",
                                          std::move(options), std::move(request),
                                          [self = shared_from_this()](auto reply) {
                                            Done done;
                                            {
                                              const std::lock_guard lock(self->mutex_);
                                              done = std::exchange(self->done_, nullptr);
                                            }
                                            if (!done) return;
                                            if (!reply.ok()) return done(reply.status());
                                            done(**reply);
                                          });
  const std::lock_guard lock(mutex_);
  call_ = std::move(call);
  return Status::Ok();
}

void Joining::End() {
  Done dropped;
  std::shared_ptr<PendingCall> call;
  std::shared_ptr<Channel> manager;
  std::unique_ptr<Registration> health;
  {
    const std::lock_guard lock(mutex_);
    dropped = std::exchange(done_, nullptr);
    call.swap(call_);
    manager.swap(manager_);
    health.swap(health_);
  }
  if (dropped && call) call->Cancel();
}

}  // namespace swarm::raft
