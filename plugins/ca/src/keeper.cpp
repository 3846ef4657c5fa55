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

void Keeper::Apply() {
  retry_.reset();
  identities_->ChangeUnlockKey(context_.node().state_dir, key_, version_,
                               [this, loop = std::weak_ptr(loop_)](Status status) {
                                 const auto held = loop.lock();
                                 if (!held || status.ok()) return;
                                 held->Post([this, status = std::move(status)] { Failed(status); });
                               });
}

void Keeper::Failed(const Status& why) {
  if (stopped_) return;
  context_.logger().ForModule("ca").Error("the node's key does not follow the unlock key",
                                          {{"error", why.ToString()}});
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
