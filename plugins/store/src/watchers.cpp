#include "watchers.h"

#include <algorithm>

namespace swarm::store {

// The subscriber's end: leaves the lists when destroyed.
template <class R>
class Watchers::Handle final : public Subscription {
 public:
  Handle(std::weak_ptr<State> state, std::shared_ptr<R> receiver)
      : state_(std::move(state)), receiver_(std::move(receiver)) {}
  ~Handle() override {
    receiver_->Close();
    const auto state = state_.lock();
    if (!state) return;
    std::lock_guard lock(state->mutex);
    if constexpr (std::is_same_v<R, CommitReceiver>) {
      std::erase_if(state->watches, [&](const Watch_& w) { return w.receiver == receiver_; });
    } else {
      std::erase(state->leadership, receiver_);
    }
  }

 private:
  const std::weak_ptr<State> state_;
  const std::shared_ptr<R> receiver_;
};

Watchers::Watchers() : state_(std::make_shared<State>()) {
  state_->view = std::make_shared<const StoreView>(Root::Empty());
}

Watchers::TableMask Watchers::MaskOf(const WatchOptions& options) {
  if (options.tables.empty()) return ~TableMask{0};
  TableMask mask = 0;
  for (const Table t : options.tables) mask |= TableMask{1} << Root::Place(t);
  return mask;
}

Watchers::TableMask Watchers::MaskOf(const Commit& commit) {
  TableMask mask = 0;
  for (const Event& e : commit.events) mask |= TableMask{1} << Root::Place(e.table);
  return mask;
}

ViewPtr Watchers::Read() const {
  std::lock_guard lock(state_->mutex);
  return state_->view;
}

std::optional<LeaderEpoch> Watchers::leader() const {
  std::lock_guard lock(state_->mutex);
  return state_->leader;
}

std::pair<ViewPtr, std::unique_ptr<Subscription>> Watchers::Watch(const WatchOptions& options,
                                                                  Loop& loop,
                                                                  Function<void(CommitPtr)> fn) {
  auto receiver = std::make_shared<CommitReceiver>(loop, std::move(fn));
  std::lock_guard lock(state_->mutex);
  state_->watches.push_back({MaskOf(options), receiver});
  return {state_->view, std::make_unique<Handle<CommitReceiver>>(state_, std::move(receiver))};
}

std::unique_ptr<Subscription> Watchers::WatchLeadership(
    Loop& loop, Function<void(std::optional<LeaderEpoch>)> fn) {
  auto receiver = std::make_shared<LeadershipReceiver>(loop, std::move(fn));
  std::lock_guard lock(state_->mutex);
  state_->leadership.push_back(receiver);
  receiver->Deliver({state_->leader});
  return std::make_unique<Handle<LeadershipReceiver>>(state_, std::move(receiver));
}

void Watchers::Publish(Root root, const std::vector<CommitPtr>& commits) {
  auto view = std::make_shared<const StoreView>(std::move(root));
  std::vector<TableMask> masks;
  masks.reserve(commits.size());
  for (const CommitPtr& commit : commits) masks.push_back(MaskOf(*commit));
  // What the last version alone held is released after the lock.
  std::shared_ptr<const StoreView> old;
  std::lock_guard lock(state_->mutex);
  old = std::exchange(state_->view, std::move(view));
  for (const Watch_& watch : state_->watches) {
    std::vector<CommitPtr> heard;
    for (std::size_t i = 0; i < commits.size(); ++i) {
      if (watch.mask & masks[i]) heard.push_back(commits[i]);
    }
    if (!heard.empty()) watch.receiver->Deliver(std::move(heard));
  }
}

void Watchers::SetLeader(std::optional<LeaderEpoch> epoch) {
  std::lock_guard lock(state_->mutex);
  state_->leader = epoch;
  for (const auto& receiver : state_->leadership) receiver->Deliver({epoch});
}

}  // namespace swarm::store
