// Which services of this manager are up: polled by nodes before they use the local socket, and by
// managers before they pass calls on to a new leader.
#include "registrar.h"
#include "swarmkit/v1/health.pb.h"

namespace swarm::controlapi {
namespace {

namespace pb = ::docker::swarmkit::v1;

// Being asked here at all means that consensus and store have started.
Result<Payload> Check(const Backend&, const pb::HealthCheckRequest& request) {
  const std::string& service = request.service();
  if (!service.empty() && service != "Raft" && service != "ControlAPI") {
    return Status(Code::kNotFound, "unknown service");
  }
  pb::HealthCheckResponse response;
  response.set_status(pb::HealthCheckResponse::SERVING);
  return Payload::Of(std::move(response));
}

}  // namespace

void RegisterHealth(Registrar& registrar) {
  registrar.Here<pb::HealthCheckRequest>("/docker.swarmkit.v1.Health/Check", Check);
}

}  // namespace swarm::controlapi
