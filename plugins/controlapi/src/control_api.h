// The control API of one manager: SwarmKit's Control service over the store.
#pragma once

#include <memory>
#include <vector>

#include "backend.h"
#include "gate.h"
#include "swarm/plugin.h"

namespace swarm::controlapi {

// Threading: [main]; the methods it registers run on any thread.
class ControlApi final : public Instance {
 public:
  static Result<std::unique_ptr<Instance>> Create(InstanceContext& context);
  // `outside`, `askers`: what the backend uses; null: nothing.
  ControlApi(Router& router, std::shared_ptr<Backend> backend,
             std::unique_ptr<Outside> outside = nullptr, std::unique_ptr<Askers> askers = nullptr);
  ~ControlApi() override;

  void* role() noexcept override { return nullptr; }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

 private:
  Router& router_;
  // Outlives the calls, which all have ended when Stop is done.
  const std::unique_ptr<Outside> outside_;
  const std::shared_ptr<Backend> backend_;
  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::vector<std::unique_ptr<Registration>> registrations_;
  const std::unique_ptr<Askers> askers_;
};

}  // namespace swarm::controlapi
