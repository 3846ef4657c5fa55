#include "founding.h"

#include <memory>
#include <span>

#include "pki/root_ca.h"
#include "pki/text_keys.h"
#include "swarm/ids.h"

namespace swarm::ca {

namespace {

constexpr std::int64_t kTaskHistory = 5;
constexpr std::chrono::seconds kHeartbeatPeriod{5};
constexpr std::uint64_t kSnapshotInterval = 10'000;
constexpr std::uint64_t kEntriesForSlowFollowers = 500;
constexpr std::uint32_t kHeartbeatTick = 1;
constexpr std::uint32_t kElectionTick = 10;
constexpr std::size_t kUnlockKeySize = 32;

void FillSpec(pb::ClusterSpec& spec, const NodeInfo& node) {
  spec.mutable_annotations()->set_name(std::string(kDefaultClusterName));
  spec.mutable_orchestration()->set_task_history_retention_limit(kTaskHistory);
  spec.mutable_dispatcher()->mutable_heartbeat_period()->set_seconds(kHeartbeatPeriod.count());
  pb::RaftConfig& raft = *spec.mutable_raft();
  raft.set_snapshot_interval(kSnapshotInterval);
  raft.set_keep_old_snapshots(0);
  raft.set_log_entries_for_slow_followers(kEntriesForSlowFollowers);
  raft.set_heartbeat_tick(kHeartbeatTick);
  raft.set_election_tick(kElectionTick);
  spec.mutable_ca_config()->mutable_node_cert_expiry()->set_seconds(
      std::chrono::duration_cast<std::chrono::seconds>(pki::kDefaultNodeCertificateExpiry).count());
  spec.mutable_encryption_config()->set_auto_lock_managers(node.auto_lock);
}

pb::Cluster NewCluster(const NodeInfo& node, const std::vector<pb::ExternalCA>& external,
                       Random& random) {
  pb::Cluster cluster;
  cluster.set_id(node.cluster_id);
  FillSpec(*cluster.mutable_spec(), node);
  for (const pb::ExternalCA& authority : external) {
    *cluster.mutable_spec()->mutable_ca_config()->add_external_cas() = authority;
  }
  pb::RootCA& root = *cluster.mutable_root_ca();
  root.set_ca_cert(node.root_certificate_pem);
  root.set_ca_key(node.root_key_pem);
  root.set_ca_cert_hash(pki::Sha256Digest(node.root_certificate_pem));
  root.mutable_join_tokens()->set_worker(pki::MakeJoinToken(node.root_certificate_pem, random));
  root.mutable_join_tokens()->set_manager(pki::MakeJoinToken(node.root_certificate_pem, random));
  if (node.auto_lock) {
    std::string key(kUnlockKeySize, '\0');
    random.Fill(std::as_writable_bytes(std::span(key)));
    pb::EncryptionKey& unlock = *cluster.add_unlock_keys();
    unlock.set_subsystem(std::string(kManagerKeySubsystem));
    unlock.set_key(std::move(key));
  }
  return cluster;
}

pb::Node NewNode(const NodeInfo& info) {
  pb::Node node;
  node.set_id(info.node_id);
  node.set_role(pb::MANAGER);
  node.mutable_spec()->set_desired_role(pb::MANAGER);
  node.mutable_spec()->set_membership(pb::NodeSpec::ACCEPTED);
  node.mutable_spec()->set_availability(pb::NodeSpec::ACTIVE);
  node.mutable_certificate()->set_cn(info.node_id);
  node.mutable_certificate()->set_role(pb::MANAGER);
  node.mutable_certificate()->mutable_status()->set_state(pb::IssuanceStatus::ISSUED);
  return node;
}

// The network on which published ports are spread over all nodes. Made with the first node only:
// whoever removes it later does not get it back.
pb::Network IngressNetwork(Random& random) {
  pb::Network network;
  network.set_id(NewId(random));
  network.mutable_spec()->mutable_annotations()->set_name("ingress");
  network.mutable_spec()->set_ingress(true);
  network.mutable_spec()->mutable_driver_config();
  network.mutable_spec()->mutable_ipam()->mutable_driver();
  return network;
}

Status MakeIngress(Transaction& tx, const pb::Network& ingress) {
  const auto taken = tx.Find<pb::Network>(By::Name(ingress.spec().annotations().name()));
  if (!taken.ok() || !taken->empty()) return taken.status();
  return tx.Create(std::make_shared<pb::Network>(ingress));
}

}  // namespace

std::shared_ptr<const pb::Cluster> FindCluster(const Reader& reader) {
  auto found = reader.Find<pb::Cluster>(By::Name(std::string(kDefaultClusterName)));
  return found.ok() && !found->empty() ? found->front() : nullptr;
}

TransactionFn FoundingTransaction(const NodeInfo& info, Random& random,
                                  const std::vector<pb::ExternalCA>& external) {
  // Made once, outside: a transaction may run again and must then write the same.
  return [cluster = NewCluster(info, external, random), node = NewNode(info),
          ingress = IngressNetwork(random)](Transaction& tx) -> Status {
    if (!FindCluster(tx)) {
      SWARM_RETURN_IF_ERROR(tx.Create(std::make_shared<pb::Cluster>(cluster)));
    }
    if (!tx.Get<pb::Node>(node.id())) {
      SWARM_RETURN_IF_ERROR(tx.Create(std::make_shared<pb::Node>(node)));
      SWARM_RETURN_IF_ERROR(MakeIngress(tx, ingress));
    }
    return {};
  };
}

}  // namespace swarm::ca
