#include "root_rotation.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "errors.h"
#include "pki/certificate.h"
#include "pki/chain.h"

namespace swarm::controlapi {
namespace {

constexpr auto kLeastLifetime = std::chrono::hours(24 * 365);

// The same certificates read the same, however their text was laid out. Empty when they are none.
std::string Normalized(std::string_view pem) {
  const auto parsed = pki::ParseCertificates(pem);
  return parsed.ok() ? pki::EncodeCertificates(*parsed) : std::string();
}

Status NoExternalCa(std::string_view which) {
  return Invalid("there must be at least one valid, reachable external CA corresponding to the " +
                 std::string(which) + " CA certificate");
}

// A root with its key that could become a cluster's.
Result<pki::RootCa> LoadRoot(const std::string& certificate, const std::string& key, WallTime now) {
  auto root = pki::RootCa::Load(certificate, pki::SignerFiles{certificate, key, ""}, now);
  if (!root.ok()) return Invalid(root.status().message());
  return root;
}

Status CheckWanted(const std::string& certificate, WallTime now) {
  const auto roots = pki::ParseRoots(certificate, now);
  if (!roots.ok()) return Invalid(roots.status().message());
  if (roots->size() != 1)
    return Invalid("the desired CA certificate cannot contain multiple certificates");
  if (roots->front().not_after() < now + kLeastLifetime) {
    return Invalid("CA certificate expires too soon");
  }
  return Status::Ok();
}

Result<pb::RootCA> RotateTo(pb::RootCA root, const pki::RootCa& to, std::uint64_t forced,
                            WallTime now) {
  if (root.ca_key() == to.KeyPem()) return Invalid("Cannot update to a cert with an identical key");
  // By the key all nodes trust now, never by one that is only on its way.
  const auto present = LoadRoot(root.ca_cert(), root.ca_key(), now);
  auto crossed =
      present.ok() ? present->CrossSign(to.roots_pem()) : Result<std::string>(present.status());
  if (!crossed.ok()) {
    return Status(Code::kInternal,
                  "unable to cross-sign the new root: " + crossed.status().message());
  }
  pb::RootRotation rotation;
  rotation.set_ca_cert(to.roots_pem());
  rotation.set_ca_key(to.KeyPem());
  rotation.set_cross_signed_ca_cert(std::move(*crossed));
  *root.mutable_root_rotation() = std::move(rotation);
  root.set_last_forced_rotation(forced);
  return root;
}

// The root there is already: another key, or the end of a rotation away from it.
Result<pb::RootCA> KeepRoot(pb::RootCA root, const pb::CAConfig& config, WallTime now) {
  if (!config.signing_ca_key().empty()) {
    SWARM_RETURN_IF_ERROR(LoadRoot(root.ca_cert(), config.signing_ca_key(), now).status());
  }
  root.set_ca_key(config.signing_ca_key());
  root.clear_root_rotation();
  root.set_last_forced_rotation(config.force_rotate());
  return root;
}

}  // namespace

Result<pki::RootCa> FreshRoot::Get(WallTime now) {
  if (!root_) {
    SWARM_ASSIGN_OR_RETURN(root_, pki::RootCa::Create(now));
  }
  return *root_;
}

Result<pb::RootCA> ChangeRoot(const pb::RootCA& root, const pb::CAConfig& config, FreshRoot& fresh,
                              WallTime now) {
  const bool key_given = !config.signing_ca_key().empty();
  if (key_given && config.signing_ca_cert().empty()) {
    return Invalid("if a signing CA key is provided, the signing CA cert must also be provided");
  }
  const std::string wanted = Normalized(config.signing_ca_cert());
  const bool same = !wanted.empty() && wanted == Normalized(root.ca_cert());
  if (root.ca_key().empty()) {
    if (same && key_given) return KeepRoot(root, config, now);
    // A cluster without its key leaves signing to others; only they could sign the way to a new
    // root.
    const bool unchanged = config.signing_ca_cert().empty() &&
                           config.force_rotate() == root.last_forced_rotation() &&
                           !config.external_cas().empty();
    if (!unchanged) return NoExternalCa("current");
    return root;
  }
  if (config.signing_ca_cert().empty()) {
    if (config.force_rotate() == root.last_forced_rotation()) return root;
    SWARM_ASSIGN_OR_RETURN(const pki::RootCa made, fresh.Get(now));
    return RotateTo(root, made, config.force_rotate(), now);
  }
  SWARM_RETURN_IF_ERROR(CheckWanted(config.signing_ca_cert(), now));
  if (!key_given) return NoExternalCa("desired");
  if (same) return KeepRoot(root, config, now);
  SWARM_ASSIGN_OR_RETURN(const pki::RootCa to, LoadRoot(wanted, config.signing_ca_key(), now));
  const bool pending =
      root.has_root_rotation() && Normalized(root.root_rotation().ca_cert()) == wanted;
  if (!pending) return RotateTo(root, to, config.force_rotate(), now);
  pb::RootCA changed = root;
  changed.mutable_root_rotation()->set_ca_key(to.KeyPem());
  changed.set_last_forced_rotation(config.force_rotate());
  return changed;
}

}  // namespace swarm::controlapi
