// The plugin's one unit: task logs, while this manager leads.
#pragma once

#include <memory>
#include <vector>

#include "swarm/plugin.h"
#include "swarm/rpc.h"

namespace swarm::logbroker {

class Broker;

class LogBroker final : public Instance {
 public:
  // FailedPrecondition when there is no store.
  static Result<std::unique_ptr<Instance>> Create(InstanceContext& context);

  explicit LogBroker(InstanceContext& context);
  ~LogBroker() override;

  void* role() noexcept override { return nullptr; }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

 private:
  Status RegisterMethods();

  InstanceContext& context_;
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Broker> broker_;
  std::vector<std::unique_ptr<Registration>> registrations_;
};

}  // namespace swarm::logbroker
