#include "adoption.h"

#include <algorithm>
#include <utility>

namespace swarm::ca {

namespace {

constexpr std::chrono::seconds kPause{1};

Status Invalid(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

// Asks until a manager answers, a few times.
class KekQuestion : public std::enable_shared_from_this<KekQuestion> {
 public:
  KekQuestion(AdoptionParts parts, Function<void(Result<Kek>)> done)
      : parts_(std::move(parts)), done_(std::move(done)) {}

  void Start() {
    auto channel = Dial();
    if (!channel.ok()) return done_(channel.status());
    channel_ = std::move(*channel);
    Ask();
  }

 private:
  Result<std::shared_ptr<Channel>> Dial() {
    if (!parts_.route.peer) return parts_.route.channel;
    // With the new certificate: the one in use may be a worker's.
    DialOptions options;
    options.server_name = std::string(pki::kCaName);
    options.credentials = Describe(parts_.held, parts_.root).credentials;
    return parts_.network.Dial(parts_.route.peer->address, std::move(options));
  }

  void Ask() {
    CallOn<pb::GetUnlockKeyResponse>(
        parts_.loop, channel_, "CA/GetUnlockKey", pb::GetUnlockKeyRequest(),
        [self = shared_from_this()](const auto& reply) { self->OnReply(reply); });
  }

  void OnReply(const Result<std::shared_ptr<const pb::GetUnlockKeyResponse>>& reply) {
    if (reply.ok()) return done_(Kek{(*reply)->unlock_key(), (*reply)->version().index()});
    // Managers from before there was such a key.
    if (reply.status().code() == Code::kUnimplemented) return done_(Kek{});
    if (++asked_ == kAttempts) {
      return done_(reply.status().WithContext("cannot learn the cluster's unlock key"));
    }
    timer_ = parts_.loop->After(kPause, [self = shared_from_this()] {
      const auto fired = std::move(self->timer_);
      self->Ask();
    });
  }

  const AdoptionParts parts_;
  Function<void(Result<Kek>)> done_;
  std::shared_ptr<Channel> channel_;
  int asked_ = 0;
  std::unique_ptr<Timer> timer_;
};

}  // namespace

pb::NodeRole RoleOf(const pki::Certificate& leaf) {
  const auto& units = leaf.subject().units;
  const bool manages = std::find(units.begin(), units.end(), pki::kManagerUnit) != units.end();
  return manages ? pb::MANAGER : pb::WORKER;
}

Status MandatoryFips() {
  return {Code::kFailedPrecondition,
          "node is not FIPS-enabled but cluster requires FIPS\nhint: this cluster takes nodes only "
          "whose cryptography is validated by FIPS 140; swarmd's is not"};
}

Status CheckFips(std::string_view cluster_id) {
  return cluster_id.starts_with("FIPS.") ? MandatoryFips() : Status();
}

Result<Held> CheckHeld(const std::string& certificate_pem, const pki::PrivateKey& key,
                       const pki::RootCa& root, WallTime now, pki::Expiry expiry) {
  SWARM_ASSIGN_OR_RETURN(auto chain, pki::ParseCertificates(certificate_pem));
  if (!key.Matches(chain.front())) {
    return Invalid("the certificate and the key do not belong together");
  }
  SWARM_ASSIGN_OR_RETURN(auto issuer, pki::VerifyChain(chain, root.roots(), now, expiry));
  const pki::Subject& subject = chain.front().subject();
  if (subject.common_name.empty() || subject.organization.empty() || subject.units.empty()) {
    return Invalid("the certificate names no node, cluster or role");
  }
  return Held{std::move(chain), key, std::move(issuer)};
}

NodeIdentity Describe(const Held& held, const pki::RootCa& root) {
  const pki::Subject& subject = held.chain.front().subject();
  NodeIdentity identity;
  identity.node_id = subject.common_name;
  identity.cluster_id = subject.organization;
  identity.role = RoleOf(held.chain.front());
  identity.credentials = std::make_shared<const Credentials>(
      Credentials{pki::EncodeCertificates(held.chain), held.key.Pkcs8Pem(), root.roots_pem()});
  identity.root_key_pem = root.KeyPem();
  identity.tls_info.set_trust_root(root.roots_pem());
  identity.tls_info.set_cert_issuer_subject(held.issuer.SubjectDer());
  identity.tls_info.set_cert_issuer_public_key(held.issuer.PublicKeyDer());
  return identity;
}

void FetchKek(AdoptionParts parts, Function<void(Result<Kek>)> done) {
  if (RoleOf(parts.held.chain.front()) != pb::MANAGER) return done(Kek{});
  std::make_shared<KekQuestion>(std::move(parts), std::move(done))->Start();
}

void FetchRoots(const std::shared_ptr<Loop>& loop, Network& network, const std::string& address,
                Function<void(Result<std::string>)> done) {
  auto channel = network.Dial(address, {});
  if (!channel.ok()) return done(channel.status());
  CallOn<pb::GetRootCACertificateResponse>(loop, *channel, "CA/GetRootCACertificate",
                                           pb::GetRootCACertificateRequest(),
                                           [done = std::move(done)](const auto& reply) mutable {
                                             if (!reply.ok()) return done(reply.status());
                                             done((*reply)->certificate());
                                           });
}

}  // namespace swarm::ca
