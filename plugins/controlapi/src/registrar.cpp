#include "registrar.h"

namespace swarm::controlapi {

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
