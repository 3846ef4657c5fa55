// Keeps the node's key file encrypted with the cluster's unlock key, on every manager: when
// operators lock the managers, change the key or unlock them, the file follows. A key of the log
// that lay open until then is replaced.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "swarm/ca.h"
#include "swarm/consensus.h"
#include "swarm/plugin.h"
#include "swarm/store.h"

namespace swarm::ca {

class Keeper final : public Instance {
 public:
  static Result<std::unique_ptr<Instance>> Create(InstanceContext& context);
  explicit Keeper(InstanceContext& context) : context_(context) {}
  ~Keeper() override;

  void* role() noexcept override { return nullptr; }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

 private:
  void Follow(const pb::Cluster& cluster);
  void Apply();
  void Rotate();
  void UseLogKey(const std::string& key);
  void EndRotation(const std::string& key);
  void NotRotated(const Status& why);
  void Failed(const Status& why);
  void RetryLater();
  // `fn` on the loop with what a callback got from any thread; dropped when the keeper has gone.
  template <class T, class Fn>
  Function<void(T)> OnLoop(Fn fn);

  InstanceContext& context_;
  IdentityProvider* identities_ = nullptr;  // set by Start
  Consensus* consensus_ = nullptr;          // set by Start
  // Everything below: on the loop.
  bool stopped_ = false;
  std::shared_ptr<Loop> loop_;
  std::unique_ptr<Subscription> subscription_;
  std::string key_;
  std::uint64_t version_ = 0;
  bool rotating_ = false;  // the log's key
  std::unique_ptr<Timer> retry_;
};

}  // namespace swarm::ca
