// What readers see, and who hears of changes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "root.h"
#include "swarm/store.h"

namespace swarm::store {

// One receiver's end: calls `fn` on `loop` with each of the values delivered, until closed.
template <class Value>
class Receiver : public std::enable_shared_from_this<Receiver<Value>> {
 public:
  Receiver(Loop& loop, Function<void(Value)> fn) : loop_(&loop), fn_(std::move(fn)) {}

  // Posts under the lock, so that after Close the loop is not used any more and may go.
  void Deliver(std::vector<Value> values) {
    std::lock_guard lock(mutex_);
    if (!loop_) return;
    loop_->Post([weak = this->weak_from_this(), values = std::move(values)]() mutable {
      const auto self = weak.lock();
      if (!self) return;
      for (Value& value : values) {
        if (!self->IsOpen()) return;
        self->fn_(std::move(value));
      }
    });
  }
  void Close() {
    std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }

 private:
  bool IsOpen() {
    std::lock_guard lock(mutex_);
    return loop_ != nullptr;
  }

  std::mutex mutex_;  // innermost: only a loop's Post is called under it
  Loop* loop_;        // null once closed
  Function<void(Value)> fn_;
};

// Threading: [any]; Publish and SetLeader on the store's loop only.
class Watchers {
 public:
  Watchers();

  ViewPtr Read() const;
  std::pair<ViewPtr, std::unique_ptr<Subscription>> Watch(const WatchOptions& options, Loop& loop,
                                                          Function<void(CommitPtr)> fn);
  std::unique_ptr<Subscription> WatchLeadership(Loop& loop,
                                                Function<void(std::optional<LeaderEpoch>)> fn);
  std::optional<LeaderEpoch> leader() const;

  // Makes `root` what readers see, then tells those who watch a table of the commits that led
  // there (none: nothing changed but the index).
  void Publish(Root root, const std::vector<CommitPtr>& commits);
  void SetLeader(std::optional<LeaderEpoch> epoch);

 private:
  using TableMask = std::uint32_t;
  using CommitReceiver = Receiver<CommitPtr>;
  using LeadershipReceiver = Receiver<std::optional<LeaderEpoch>>;
  struct Watch_ {
    TableMask mask;
    std::shared_ptr<CommitReceiver> receiver;
  };
  static TableMask MaskOf(const WatchOptions& options);
  static TableMask MaskOf(const Commit& commit);

  template <class R>
  struct Registered;

  struct State {
    mutable std::mutex mutex;  // a receiver's mutex is taken under it, never the other way
    std::shared_ptr<const StoreView> view;
    std::optional<LeaderEpoch> leader;
    std::vector<Watch_> watches;
    std::vector<std::shared_ptr<LeadershipReceiver>> leadership;
  };
  template <class R>
  class Handle;

  // Subscriptions may outlive the store.
  std::shared_ptr<State> state_;
};

}  // namespace swarm::store
