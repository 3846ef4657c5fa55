// Changing the cluster: its settings, its join tokens, the key that unlocks managers.
#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "answer.h"
#include "blacklist.h"
#include "cluster_methods.h"
#include "cluster_redaction.h"
#include "consensus/timing_label.h"
#include "durations.h"
#include "pki/certificate.h"
#include "pki/text_keys.h"
#include "root_rotation.h"

namespace swarm::controlapi {
namespace {

constexpr const char* kClusterName = "default";
constexpr const char* kManagerKeys = "swarm-manager";
constexpr std::size_t kTokenSecretBytes = 16;
constexpr std::size_t kUnlockKeyBytes = 32;

bool IsBcrypt(std::string_view name) {
  constexpr std::string_view kBcrypt = "bcrypt";
  return std::equal(name.begin(), name.end(), kBcrypt.begin(), kBcrypt.end(),
                    [](unsigned char a, char b) { return std::tolower(a) == b; });
}

Status CheckExpiry(const pb::CAConfig& config) {
  if (!config.has_node_cert_expiry()) return Status::Ok();
  const auto expiry = ToDuration(config.node_cert_expiry());
  if (!expiry.ok()) return InvalidRequest();
  if (*expiry < std::chrono::hours(1)) {
    return Invalid("minimum certificate expiry time is: 1h0m0s");
  }
  return Status::Ok();
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
Status CheckAcceptance(const pb::ClusterSpec& spec) {
  for (const auto& policy : spec.acceptance_policy().policies()) {
    if (policy.has_secret() && !IsBcrypt(policy.secret().alg())) {
      return Invalid("hashing algorithm is not supported: " + policy.secret().alg());
    }
  }
  return Status::Ok();
}
#pragma GCC diagnostic pop

Status CheckHeartbeat(const pb::DispatcherConfig& config) {
  if (!config.has_heartbeat_period()) return Status::Ok();
  const auto period = ToDuration(config.heartbeat_period());
  if (!period.ok()) return InvalidRequest();
  if (*period < Duration::zero()) {
    return Invalid("heartbeat time period cannot be a negative duration");
  }
  return Status::Ok();
}

Status CheckSpec(const pb::ClusterSpec& spec) {
  SWARM_RETURN_IF_ERROR(CheckExpiry(spec.ca_config()));
  SWARM_RETURN_IF_ERROR(CheckAcceptance(spec));
  SWARM_RETURN_IF_ERROR(CheckHeartbeat(spec.dispatcher()));
  if (spec.annotations().name() != kClusterName) {
    return Invalid("modification of cluster name is not allowed");
  }
  return Status::Ok();
}

void RotateTokens(Backend& backend, const pb::KeyRotation& rotation, pb::Cluster* cluster) {
  const auto fresh = [&] {
    return pki::MakeJoinToken(cluster->root_ca().ca_cert(), backend.RandomBytes(kTokenSecretBytes),
                              cluster->fips());
  };
  auto* tokens = cluster->mutable_root_ca()->mutable_join_tokens();
  if (rotation.worker_join_token()) tokens->set_worker(fresh());
  if (rotation.manager_join_token()) tokens->set_manager(fresh());
}

// Keys of other subsystems are not ours to touch.
void SetUnlockKey(Backend& backend, bool rotate, pb::Cluster* cluster) {
  auto* keys = cluster->mutable_unlock_keys();
  const auto ours = std::find_if(keys->begin(), keys->end(), [](const pb::EncryptionKey& key) {
    return key.subsystem() == kManagerKeys;
  });
  if (!cluster->spec().encryption_config().auto_lock_managers()) {
    if (ours != keys->end()) keys->erase(ours);
    return;
  }
  if (ours == keys->end()) {
    auto* key = keys->Add();
    key->set_subsystem(kManagerKeys);
    key->set_key(backend.RandomBytes(kUnlockKeyBytes));
  } else if (rotate) {
    ours->set_key(backend.RandomBytes(kUnlockKeyBytes));
  }
}

// The managers agree in a label on how they time elections. A spec without it does not mean to drop
// it, and nobody but them may say something else. False: the spec does.
bool KeepTiming(const pb::Cluster& stored, pb::Cluster* cluster) {
  const std::string key(consensus::kTimingLabel);
  const auto& before = stored.spec().annotations().labels();
  auto& labels = *cluster->mutable_spec()->mutable_annotations()->mutable_labels();
  const auto kept = before.find(key);
  const auto wanted = labels.find(key);
  const bool same =
      wanted == labels.end() || (kept != before.end() && wanted->second == kept->second);
  if (kept != before.end()) labels[key] = kept->second;
  return same;
}

// One request, which may have to ask outside before it changes anything.
struct Change {
  std::shared_ptr<const pb::UpdateClusterRequest> request;
  RotationParts rotation;
  std::shared_ptr<const pb::Cluster> outcome;
};

Result<std::shared_ptr<pb::Cluster>> Apply(Backend& backend, Change& change, Transaction& tx) {
  const pb::UpdateClusterRequest& request = *change.request;
  const auto stored = tx.Get<pb::Cluster>(request.cluster_id());
  if (!stored) return NotFound("cluster", request.cluster_id());
  if (!pki::ParseCertificates(stored->root_ca().ca_cert()).ok()) {
    return Status(Code::kInternal, "error loading cluster rootCA for update");
  }
  auto cluster = std::make_shared<pb::Cluster>(*stored);
  *cluster->mutable_meta()->mutable_version() = request.cluster_version();
  *cluster->mutable_spec() = request.spec();
  // Otherwise the store refuses it anyway, and nobody was asked about that root.
  if (stored->meta().version().index() == request.cluster_version().index()) {
    SWARM_ASSIGN_OR_RETURN(
        *cluster->mutable_root_ca(),
        ChangeRoot(stored->root_ca(), request.spec().ca_config(), change.rotation, backend.Now()));
  }
  const bool timing_kept = KeepTiming(*stored, cluster.get());
  PurgeBlacklist(cluster.get(), backend.Now());
  RotateTokens(backend, request.rotation(), cluster.get());
  SetUnlockKey(backend, request.rotation().manager_unlock_key(), cluster.get());
  SWARM_RETURN_IF_ERROR(tx.Update(cluster));
  // Not before: who has an old spec is told that.
  if (!timing_kept) {
    return Invalid("the label " + std::string(consensus::kTimingLabel) +
                   " is kept by the managers themselves: leave it as it is, or out");
  }
  return cluster;
}

void Commit(Call call, const std::shared_ptr<Change>& change) {
  const auto backend = call.backend;
  Transact(
      std::move(call),
      [backend, change](Transaction& tx) {
        auto changed = Apply(*backend, *change, tx);
        if (changed.ok()) change->outcome = std::move(*changed);
        return changed.status();
      },
      [change] {
        return AnswerWith<pb::UpdateClusterResponse, pb::Cluster>(
            Redact(*change->outcome),
            &pb::UpdateClusterResponse::unsafe_arena_set_allocated_cluster,
            &pb::UpdateClusterResponse::unsafe_arena_release_cluster);
      });
}

// Asks outside until nothing is open. The version in the request says which root that is about.
void Prepare(Call call, const std::shared_ptr<Change>& change) {
  const pb::UpdateClusterRequest& request = *change->request;
  Backend& backend = *call.backend;
  const auto stored = backend.store().Read()->Get<pb::Cluster>(request.cluster_id());
  if (stored && stored->meta().version().index() == request.cluster_version().index()) {
    auto ignored =
        ChangeRoot(stored->root_ca(), request.spec().ca_config(), change->rotation, backend.Now());
  }
  const auto question = change->rotation.answers.open();
  if (!question || backend.outside() == nullptr) return Commit(std::move(call), change);
  backend.outside()->Ask(*question, [call = std::move(call), change,
                                     asked = *question](Result<std::string> answer) mutable {
    if (answer.status().code() == Code::kCancelled) return call.reply(answer.status());
    change->rotation.answers.Add(asked, std::move(answer));
    Prepare(std::move(call), change);
  });
}

}  // namespace

void UpdateCluster(Call call, std::shared_ptr<const pb::UpdateClusterRequest> request) {
  if (request->cluster_id().empty() || !request->has_cluster_version() || !request->has_spec()) {
    return call.reply(InvalidRequest());
  }
  if (const Status bad = CheckSpec(request->spec()); !bad.ok()) return call.reply(bad);
  auto change = std::make_shared<Change>();
  change->request = std::move(request);
  Prepare(std::move(call), change);
}

}  // namespace swarm::controlapi
