#include "health_check.h"

#include <utility>

#include "swarm/rpc_typed.h"
#include "swarmkit/v1/health.pb.h"

namespace swarm::raft {

namespace pb = ::docker::swarmkit::v1;

void CheckHealth(std::shared_ptr<Channel> channel, Duration timeout, Function<void(Status)> done) {
  pb::HealthCheckRequest request;
  request.set_service("Raft");
  CallOptions options;
  options.timeout = timeout;
  Channel& used = *channel;
  CallUnary<pb::HealthCheckResponse>(
      used, "/docker.swarmkit.v1.Health/Check", std::move(options), std::move(request),
      [channel = std::move(channel), done = std::move(done)](auto reply) mutable {
        if (!reply.ok()) return done(reply.status());
        if ((*reply)->status() == pb::HealthCheckResponse::SERVING) return done(Status::Ok());
        done(Status(Code::kUnknown, "health check returned status NOT_SERVING"));
      });
}

}  // namespace swarm::raft
