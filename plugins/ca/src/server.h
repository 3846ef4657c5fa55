// The leader's component: founds the cluster if need be, then serves CA and NodeCA.
#pragma once

#include <memory>
#include <vector>

#include "authority.h"
#include "cfssl/transport.h"
#include "swarm/plugin.h"

namespace swarm::ca {

class Server final : public Instance {
 public:
  static Result<std::unique_ptr<Instance>> Create(InstanceContext& context);
  // `transport`: how external authorities are reached; null: over HTTPS.
  explicit Server(InstanceContext& context, std::unique_ptr<cfssl::Transport> transport = nullptr);
  ~Server() override;

  void* role() noexcept override { return nullptr; }
  // Done once the cluster and this node are in the store and calls are answered.
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

 private:
  void Serve(Function<void(Status)> done);
  Status RegisterMethods();
  std::shared_ptr<ExternalSigning> MakeExternal();
  // For a cluster that is yet to be made.
  Result<std::vector<pb::ExternalCA>> ConfiguredAuthorities() const;

  InstanceContext& context_;
  std::unique_ptr<cfssl::Transport> transport_;  // until Start
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Authority> authority_;  // made by Start; used on the loop
  std::vector<std::unique_ptr<Registration>> registrations_;
  bool stopped_ = false;  // on the loop
};

}  // namespace swarm::ca
