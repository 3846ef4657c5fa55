#include "keeper.h"

#include <algorithm>
#include <utility>

#include "founding.h"

namespace swarm::ca {

namespace {

constexpr std::chrono::seconds kRetry{10};

}  // namespace

Result<std::unique_ptr<Instance>> Keeper::Create(InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN([[maybe_unused]] Store * store, context.Require<Store>(kStoreRole));
  SWARM_ASSIGN_OR_RETURN([[maybe_unused]] Consensus * consensus,
                         context.Require<Consensus>(kConsensusRole));
  return std::unique_ptr<Instance>(std::make_unique<Keeper>(context));
}

Keeper::~Keeper() {
  if (loop_) loop_->Stop();
}

void Keeper::Start(Function<void(Status)> done) noexcept {
  auto store = context_.Require<Store>(kStoreRole);
  if (!store.ok()) return done(store.status());
  auto identities = context_.Require<IdentityProvider>(kIdentityRole);
  if (!identities.ok()) return done(identities.status());
  identities_ = *identities;
  auto consensus = context_.Require<Consensus>(kConsensusRole);
  if (!consensus.ok()) return done(consensus.status());
  consensus_ = *consensus;
  loop_ = context_.runtime().NewLoop("ca-keys", LoopKind::kShared);
  loop_->Post([this, store = *store, done = std::move(done)]() mutable {
    auto [view, subscription] =
        store->ReadAndWatch({{Table::kCluster}}, *loop_, [this](CommitPtr commit) {
          for (const Event& event : commit->events) {
            if (event.table != Table::kCluster || event.change == Change::kRemove) continue;
            Follow(static_cast<const pb::Cluster&>(*event.object));
          }
        });
    subscription_ = std::move(subscription);
    if (const auto cluster = FindCluster(*view)) Follow(*cluster);
    done({});
  });
}

void Keeper::Follow(const pb::Cluster& cluster) {
  if (cluster.spec().annotations().name() != kDefaultClusterName) return;
  const auto& keys = cluster.unlock_keys();
  const auto key = std::find_if(keys.begin(), keys.end(), [](const pb::EncryptionKey& k) {
    return k.subsystem() == kManagerKeySubsystem;
  });
  key_ = key == keys.end() ? std::string() : key->key();
  version_ = cluster.meta().version().index();
  Apply();
}

template <class T, class Fn>
Function<void(T)> Keeper::OnLoop(Fn fn) {
  return [this, loop = std::weak_ptr(loop_), fn = std::move(fn)](T result) mutable {
    const auto held = loop.lock();
    if (!held) return;
    held->Post([this, fn = std::move(fn), result = std::move(result)]() mutable {
      if (!stopped_) fn(*this, std::move(result));
    });
  };
}

void Keeper::Apply() {
  retry_.reset();
  identities_->ChangeUnlockKey(context_.node().state_dir, key_, version_,
                               OnLoop<Status>([](Keeper& keeper, const Status& status) {
                                 status.ok() ? keeper.Rotate() : keeper.Failed(status);
                               }));
}

// Also goes on with what an earlier process had begun.
void Keeper::Rotate() {
  if (std::exchange(rotating_, true)) return;
  identities_->BeginLogKeyRotation(context_.node().state_dir,
                                   OnLoop<Result<LogKeys>>([](Keeper& keeper, const auto& keys) {
                                     if (!keys.ok()) return keeper.NotRotated(keys.status());
                                     if (!keys->pending.empty()) {
                                       return keeper.UseLogKey(keys->pending);
                                     }
                                     keeper.rotating_ = false;
                                   }));
}

void Keeper::UseLogKey(const std::string& key) {
  consensus_->UseLogKey(key, OnLoop<Status>([key](Keeper& keeper, const Status& status) {
                          status.ok() ? keeper.EndRotation(key) : keeper.NotRotated(status);
                        }));
}

void Keeper::EndRotation(const std::string& key) {
  identities_->EndLogKeyRotation(context_.node().state_dir, key,
                                 OnLoop<Status>([](Keeper& keeper, const Status& status) {
                                   if (!status.ok()) return keeper.NotRotated(status);
                                   keeper.rotating_ = false;
                                   // It may be wanted again by now.
                                   keeper.Rotate();
                                 }));
}

void Keeper::NotRotated(const Status& why) {
  rotating_ = false;
  context_.logger().ForModule("ca").Error("the key of the log is not replaced",
                                          {{"error", why.ToString()}});
  if (why.code() != Code::kUnimplemented) RetryLater();
}

void Keeper::Failed(const Status& why) {
  context_.logger().ForModule("ca").Error("the node's key does not follow the unlock key",
                                          {{"error", why.ToString()}});
  RetryLater();
}

void Keeper::RetryLater() {
  retry_ = loop_->After(kRetry, [this] {
    const auto fired = std::move(retry_);
    Apply();
  });
}

void Keeper::Stop(Function<void()> done) noexcept {
  if (!loop_) return done();
  loop_->Post([this, done = std::move(done)]() mutable {
    stopped_ = true;
    subscription_.reset();
    retry_.reset();
    done();
  });
}

}  // namespace swarm::ca
