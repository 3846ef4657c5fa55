// The leader's component: founds the cluster if need be, then serves CA and NodeCA.
#pragma once

#include <memory>
#include <vector>

#include "authority.h"
#include "swarm/plugin.h"

namespace swarm::ca {

class Server final : public Instance {
 public:
  static Result<std::unique_ptr<Instance>> Create(InstanceContext& context);
  explicit Server(InstanceContext& context) : context_(context) {}
  ~Server() override;

  void* role() noexcept override { return nullptr; }
  // Done once the cluster and this node are in the store and calls are answered.
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

 private:
  void Serve(Function<void(Status)> done);
  Status RegisterMethods();

  InstanceContext& context_;
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Authority> authority_;  // made by Start; used on the loop
  std::vector<std::unique_ptr<Registration>> registrations_;
  bool stopped_ = false;  // on the loop
};

}  // namespace swarm::ca
