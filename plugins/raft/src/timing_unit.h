// Lends the profile keeper this leadership's right to write into the store.
#pragma once

#include <memory>

#include "profile_keeper.h"
#include "swarm/plugin.h"
#include "swarm/store.h"

namespace swarm::raft {

class TimingUnit final : public Instance {
 public:
  // `keeper` may be null: there is nothing to keep.
  TimingUnit(std::shared_ptr<ProfileKeeper> keeper, Store& store)
      : keeper_(std::move(keeper)), store_(store) {}
  ~TimingUnit() override;

  void* role() noexcept override { return nullptr; }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

 private:
  const std::shared_ptr<ProfileKeeper> keeper_;
  Store& store_;
};

// Makes `profile` the one of the cluster object; nothing happens while there is no such object.
Status WriteProfile(Transaction& transaction, Profile profile);

}  // namespace swarm::raft
