#include "cluster_redaction.h"

namespace swarm::controlapi {
namespace {

namespace pb = ::docker::swarmkit::v1;

constexpr const char* kDefaultPool = "10.0.0.0/8";
constexpr std::uint32_t kDefaultSubnetSize = 24;
constexpr std::uint32_t kDefaultVxlanPort = 4789;

}  // namespace

// A list of what is shown, so that a field added later stays hidden until somebody decides.
std::shared_ptr<pb::Cluster> Redact(const pb::Cluster& cluster) {
  auto out = std::make_shared<pb::Cluster>();
  out->set_id(cluster.id());
  if (cluster.has_meta()) *out->mutable_meta() = cluster.meta();
  if (cluster.has_spec()) *out->mutable_spec() = cluster.spec();
  if (out->spec().has_ca_config()) {
    // Without its key the certificate is hidden too: a client that sends back what it read must
    // not ask for a change of root.
    out->mutable_spec()->mutable_ca_config()->clear_signing_ca_cert();
    out->mutable_spec()->mutable_ca_config()->clear_signing_ca_key();
  }
  if (cluster.has_root_ca()) *out->mutable_root_ca() = cluster.root_ca();
  if (out->has_root_ca()) {
    out->mutable_root_ca()->clear_ca_key();
    if (out->root_ca().has_root_rotation()) {
      out->mutable_root_ca()->mutable_root_rotation()->clear_ca_key();
    }
  }
  *out->mutable_blacklisted_certificates() = cluster.blacklisted_certificates();
  *out->mutable_defaultaddresspool() = cluster.defaultaddresspool();
  out->set_subnetsize(cluster.subnetsize());
  out->set_vxlanudpport(cluster.vxlanudpport());
  if (out->defaultaddresspool().empty()) {
    out->add_defaultaddresspool(kDefaultPool);
    out->set_subnetsize(kDefaultSubnetSize);
  }
  if (out->vxlanudpport() == 0) out->set_vxlanudpport(kDefaultVxlanPort);
  return out;
}

}  // namespace swarm::controlapi
