#include "root_rotation.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cfssl/spec.h"
#include "errors.h"
#include "pki/certificate.h"
#include "pki/chain.h"

namespace swarm::controlapi {
namespace {

constexpr auto kLeastLifetime = std::chrono::hours(24 * 365);

Status Unanswered() { return {Code::kAborted, "the cluster's root changed meanwhile; try again"}; }

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

Status NotCrossSigned(const std::string& why) {
  return {Code::kInternal,
          "unable to generate a cross-signed certificate for root rotation: " + why};
}

// One decision.
class Decision {
 public:
  Decision(const pb::RootCA& root, const pb::CAConfig& config, RotationParts& parts, WallTime now)
      : root_(root),
        config_(config),
        parts_(parts),
        now_(now),
        wanted_(cfssl::NormalizedPem(config.signing_ca_cert())) {}

  Result<pb::RootCA> Make() {
    if (key_given() && config_.signing_ca_cert().empty()) {
      return Invalid("if a signing CA key is provided, the signing CA cert must also be provided");
    }
    const bool same = !wanted_.empty() && wanted_ == cfssl::NormalizedPem(root_.ca_cert());
    if (root_.ca_key().empty()) {
      if (same && key_given()) return KeepRoot();
      SWARM_RETURN_IF_ERROR(NeedAuthority("current", root_.ca_cert()));
    }
    if (config_.signing_ca_cert().empty()) return WithoutCertificate();
    SWARM_RETURN_IF_ERROR(CheckWanted(config_.signing_ca_cert(), now_));
    if (key_given()) {
      SWARM_RETURN_IF_ERROR(LoadRoot(wanted_, config_.signing_ca_key(), now_).status());
    } else {
      SWARM_RETURN_IF_ERROR(NeedAuthority("desired", wanted_));
    }
    if (same) return KeepRoot();
    if (key_given() && root_.ca_key() == KeyPem()) {
      return Invalid("Cannot update to a cert with an identical key");
    }
    if (root_.has_root_rotation() &&
        cfssl::NormalizedPem(root_.root_rotation().ca_cert()) == wanted_) {
      pb::RootCA changed = root_;
      changed.mutable_root_rotation()->set_ca_key(KeyPem());
      changed.set_last_forced_rotation(config_.force_rotate());
      return changed;
    }
    return RotateTo(wanted_, KeyPem());
  }

 private:
  bool key_given() const { return !config_.signing_ca_key().empty(); }
  // In the form that roots' keys have everywhere; empty when none is given.
  std::string KeyPem() const {
    if (!key_given()) return "";
    const auto loaded = LoadRoot(wanted_, config_.signing_ca_key(), now_);
    return loaded.ok() ? loaded->KeyPem() : config_.signing_ca_key();
  }

  Result<pb::RootCA> WithoutCertificate() {
    if (config_.force_rotate() != root_.last_forced_rotation()) {
      SWARM_ASSIGN_OR_RETURN(const pki::RootCa made, parts_.fresh.Get(now_));
      return RotateTo(made.roots_pem(), made.KeyPem());
    }
    if (root_.has_root_rotation() && root_.root_rotation().ca_key().empty()) {
      SWARM_RETURN_IF_ERROR(NeedAuthority("next", root_.root_rotation().ca_cert()));
    }
    return root_;
  }

  // Somebody outside must sign for this root, since nobody here has its key.
  Status NeedAuthority(std::string_view which, const std::string& root_pem) {
    const std::string text =
        "there must be at least one valid, reachable external CA corresponding to the " +
        std::string(which) + " CA certificate";
    const auto urls = cfssl::UrlsFor(config_, root_pem, root_.ca_cert());
    if (urls.empty()) return Invalid(text);
    const auto* answer = parts_.answers.Find({Question::kReach, urls, root_pem, "", ""});
    if (answer == nullptr) return Unanswered();
    return answer->ok() ? Status() : Invalid(text + "\nhint: " + answer->status().message());
  }

  // The root there is already: another key or none, or the end of a rotation away from it.
  Result<pb::RootCA> KeepRoot() {
    pb::RootCA root = root_;
    if (key_given()) {
      SWARM_RETURN_IF_ERROR(LoadRoot(root_.ca_cert(), config_.signing_ca_key(), now_).status());
    }
    root.set_ca_key(config_.signing_ca_key());
    root.clear_root_rotation();
    root.set_last_forced_rotation(config_.force_rotate());
    return root;
  }

  Result<pb::RootCA> RotateTo(const std::string& to_pem, const std::string& to_key) {
    auto crossed = root_.ca_key().empty() ? CrossSignOutside(to_pem, to_key) : CrossSign(to_pem);
    if (!crossed.ok()) return crossed.status();
    pb::RootCA root = root_;
    pb::RootRotation rotation;
    rotation.set_ca_cert(to_pem);
    rotation.set_ca_key(to_key);
    rotation.set_cross_signed_ca_cert(cfssl::NormalizedPem(*crossed));
    *root.mutable_root_rotation() = std::move(rotation);
    root.set_last_forced_rotation(config_.force_rotate());
    return root;
  }

  // By the key all nodes trust now, never by one that is only on its way.
  Result<std::string> CrossSign(const std::string& to_pem) const {
    const auto present = LoadRoot(root_.ca_cert(), root_.ca_key(), now_);
    auto crossed =
        present.ok() ? present->CrossSign(to_pem) : Result<std::string>(present.status());
    if (!crossed.ok()) return NotCrossSigned(crossed.status().message());
    return crossed;
  }

  Result<std::string> CrossSignOutside(const std::string& to_pem, const std::string& to_key) {
    if (to_key.empty()) {
      return Invalid("rotating from one external CA to a different external CA is not supported");
    }
    const auto urls = cfssl::UrlsFor(config_, root_.ca_cert(), root_.ca_cert());
    if (urls.empty()) {
      return Invalid(
          "must provide an external CA for the current external root CA to generate a cross-signed "
          "certificate");
    }
    const auto* answer =
        parts_.answers.Find({Question::kCrossSign, urls, root_.ca_cert(), to_pem, to_key});
    if (answer == nullptr) return Unanswered();
    if (!answer->ok()) return NotCrossSigned(answer->status().message());
    const Status fits = CheckCrossSigned(**answer, to_pem);
    if (!fits.ok()) return NotCrossSigned(fits.message());
    return **answer;
  }

  // Nodes that trust only the old root must accept what the new one signs.
  Status CheckCrossSigned(const std::string& crossed_pem, const std::string& to_pem) const {
    SWARM_ASSIGN_OR_RETURN(const auto crossed, pki::ParseCertificates(crossed_pem));
    SWARM_ASSIGN_OR_RETURN(const auto wanted, pki::ParseCertificates(to_pem));
    SWARM_ASSIGN_OR_RETURN(const auto roots, pki::ParseCertificates(root_.ca_cert()));
    const pki::Certificate& first = crossed.front();
    if (first.PublicKeyDer() != wanted.front().PublicKeyDer() ||
        first.SubjectDer() != wanted.front().SubjectDer()) {
      return Invalid("the external CA signed another name or key");
    }
    if (!first.IsCa()) return Invalid("the external CA's certificate is not one of an authority");
    return pki::VerifyChain(crossed, roots, now_).status();
  }

  const pb::RootCA& root_;
  const pb::CAConfig& config_;
  RotationParts& parts_;
  const WallTime now_;
  const std::string wanted_;
};

}  // namespace

Result<pki::RootCa> FreshRoot::Get(WallTime now) {
  if (!root_) {
    SWARM_ASSIGN_OR_RETURN(root_, pki::RootCa::Create(now));
  }
  return *root_;
}

Result<pb::RootCA> ChangeRoot(const pb::RootCA& root, const pb::CAConfig& config,
                              RotationParts& parts, WallTime now) {
  return Decision(root, config, parts, now).Make();
}

}  // namespace swarm::controlapi
