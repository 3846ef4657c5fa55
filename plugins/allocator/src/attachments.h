// Containers outside of any service on networks of the cluster (`docker run --network` on an engine
// that is a node): the engine asks, and gets a task that stands for the container.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "swarm/plugin.h"
#include "swarm/rpc.h"
#include "swarm/store.h"

namespace swarm::allocator {

// SwarmKit's ResourceAllocator service. Threading: handlers run on any thread.
class Attachments final : public Instance {
 public:
  static Result<std::unique_ptr<Instance>> Create(InstanceContext& context);
  explicit Attachments(InstanceContext& context) : context_(context) {}

  void* role() noexcept override { return nullptr; }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

 private:
  InstanceContext& context_;
  std::vector<std::unique_ptr<Registration>> registrations_;
};

}  // namespace swarm::allocator
