#include "registrar.h"

namespace swarm::controlapi {

UnaryReply Registrar::Checked(const std::shared_ptr<Backend>& backend,
                              const std::shared_ptr<Gate>& gate, UnaryReply reply) {
  auto shared_pass = std::make_shared<Gate::Pass>(Gate::Enter(gate));
  return [backend, pass = std::move(shared_pass),
          reply = std::move(reply)](Result<Payload> result) mutable {
    if (result.ok() || result.status().code() == Code::kUnavailable) {
      return reply(std::move(result));
    }
    backend->WhenCurrent(
        [pass, refusal = result.status(), reply = std::move(reply)](Status current) mutable {
          reply(current.ok() ? std::move(refusal) : std::move(current));
        });
  };
}

void Registrar::Add(std::string_view method, std::shared_ptr<UnaryHandler> handler) {
  std::string name(method);
  if (!method.starts_with('/')) name = "/docker.swarmkit.v1.Control/" + name;
  auto registration = router_.Register(name, std::move(handler));
  if (registration.ok()) {
    registrations_.push_back(std::move(*registration));
  } else if (failure_.ok()) {
    failure_ = registration.status().WithContext("registering " + name);
  }
}

Result<std::vector<std::unique_ptr<Registration>>> Registrar::Done() && {
  if (!failure_.ok()) return failure_;
  return std::move(registrations_);
}

}  // namespace swarm::controlapi
