#include "identity.h"

#include <algorithm>
#include <utility>

#include "log_keys.h"
#include "pki/chain.h"
#include "pki/key_file.h"
#include "pki/text_keys.h"
#include "swarm/ids.h"

namespace swarm::ca {

namespace {

constexpr std::string_view kUnlockHint =
    "\nhint: give the cluster's key with --unlock-key or node.unlock_key; `swarmctl cluster "
    "unlock-key` on an unlocked manager shows it";

// A plausible pair, as its parts.
struct Loaded {
  std::vector<pki::Certificate> chain;
  pki::KeyFile key;
  pki::Certificate issuer;
};

Status Invalid(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

Result<Loaded> Check(const pki::NodeFiles::Pair& pair, const pki::RootCa& root,
                     const std::string& kek, WallTime now) {
  SWARM_ASSIGN_OR_RETURN(auto chain, pki::ParseCertificates(pair.certificate_pem));
  SWARM_ASSIGN_OR_RETURN(auto key, pki::KeyFile::Parse(pair.key_pem, kek));
  if (!key.key.Matches(chain.front())) {
    return Invalid("the certificate and the key do not belong together");
  }
  SWARM_ASSIGN_OR_RETURN(auto keys, ReadLogKeys(key, kek));
  SWARM_ASSIGN_OR_RETURN(auto issuer, pki::VerifyChain(chain, root.roots(), now));
  const pki::Subject& subject = chain.front().subject();
  if (subject.common_name.empty() || subject.organization.empty() || subject.units.empty()) {
    return Invalid("the certificate names no node, cluster or role");
  }
  return Loaded{std::move(chain), std::move(key), std::move(issuer)};
}

NodeIdentity Describe(const Loaded& loaded, const pki::RootCa& root) {
  const pki::Subject& subject = loaded.chain.front().subject();
  NodeIdentity identity;
  identity.node_id = subject.common_name;
  identity.cluster_id = subject.organization;
  const bool manages = std::find(subject.units.begin(), subject.units.end(), pki::kManagerUnit) !=
                       subject.units.end();
  identity.role = manages ? pb::MANAGER : pb::WORKER;
  identity.credentials = std::make_shared<const Credentials>(Credentials{
      pki::EncodeCertificates(loaded.chain), loaded.key.key.Pkcs8Pem(), root.roots_pem()});
  identity.root_key_pem = root.KeyPem();
  identity.tls_info.set_trust_root(root.roots_pem());
  identity.tls_info.set_cert_issuer_subject(loaded.issuer.SubjectDer());
  identity.tls_info.set_cert_issuer_public_key(loaded.issuer.PublicKeyDer());
  return identity;
}

// As SwarmKit words it, with what to do on a second line.
Status Explain(const Status& status, const pki::NodeFiles& files) {
  if (status.code() == Code::kUnauthenticated) {
    return {Code::kUnauthenticated, std::string(pki::kLockedText) + std::string(kUnlockHint)};
  }
  return status.WithContext("error while loading TLS certificate in " + files.CertificatePath());
}

Result<std::string> KekOf(const IdentityRequest& request) {
  if (request.unlock_key.empty()) return std::string();
  return pki::ParseUnlockKey(request.unlock_key);
}

}  // namespace

Result<std::unique_ptr<Instance>> Identities::Create(InstanceContext& context) {
  return std::unique_ptr<Instance>(std::make_unique<Identities>(context));
}

Identities::Identities(InstanceContext& context)
    : runtime_(context.runtime()), logger_(context.logger().ForModule("ca")) {}

Result<NodeIdentity> Identities::LoadOrCreate(const IdentityRequest& request) noexcept {
  SWARM_ASSIGN_OR_RETURN(const std::string kek, KekOf(request));
  pki::NodeFiles files(runtime_.files(), request.state_dir);
  SWARM_ASSIGN_OR_RETURN(const std::optional<pki::RootCa> root, LoadRoot(files));
  if (root) {
    auto identity = Load(files, *root, kek);
    if (identity.ok()) RememberKek(request.state_dir, kek);
    // A part is missing: as good as nothing.
    if (identity.ok() || identity.status().code() != Code::kNotFound) return identity;
  }
  if (!request.join_address.empty()) {
    if (!request.join_token.empty()) {
      SWARM_RETURN_IF_ERROR(pki::ParseJoinToken(request.join_token).status());
    }
    return Status(Code::kUnimplemented,
                  "joining a cluster at " + request.join_address +
                      " is not supported by this version; start without a join address to make a "
                      "new cluster");
  }
  RememberKek(request.state_dir, "");
  return Found(files);
}

Result<std::optional<pki::RootCa>> Identities::LoadRoot(pki::NodeFiles& files) {
  auto roots = files.ReadRoot();
  if (roots.status().code() == Code::kNotFound) return std::optional<pki::RootCa>();
  if (!roots.ok()) return roots.status();
  std::optional<pki::SignerFiles> signer;
  auto key = files.ReadRootKey();
  if (key.ok()) signer = pki::SignerFiles{*roots, *key, ""};
  if (!key.ok() && key.status().code() != Code::kNotFound) return key.status();
  auto root = pki::RootCa::Load(*roots, signer, runtime_.clock().Now());
  if (!root.ok()) return root.status().WithContext(files.RootPath());
  return std::optional(std::move(*root));
}

Result<NodeIdentity> Identities::Load(pki::NodeFiles& files, const pki::RootCa& root,
                                      const std::string& kek) {
  std::optional<Loaded> loaded;
  const auto pair = files.ReadPair([&](const pki::NodeFiles::Pair& candidate) {
    auto checked = Check(candidate, root, kek, runtime_.clock().Now());
    if (!checked.ok()) return checked.status();
    loaded = std::move(*checked);
    return Status();
  });
  if (pair.status().code() == Code::kNotFound) return pair.status();
  if (!pair.ok()) return Explain(pair.status(), files);
  logger_.Debug("loaded the node's certificate", {{"path", files.CertificatePath()}});
  return Describe(*loaded, root);
}

Result<NodeIdentity> Identities::Found(pki::NodeFiles& files) {
  const WallTime now = runtime_.clock().Now();
  const std::unique_ptr<Random> random = runtime_.NewRandom();
  SWARM_ASSIGN_OR_RETURN(const pki::RootCa root, pki::RootCa::Create(now));
  SWARM_RETURN_IF_ERROR(files.WriteRoot(root.roots_pem()));
  SWARM_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::Generate());
  SWARM_ASSIGN_OR_RETURN(const std::string csr, pki::MakeCsr(key));
  const pki::NodeSubject subject{NewId(*random), std::string(pki::kManagerUnit), NewId(*random)};
  SWARM_ASSIGN_OR_RETURN(const std::string certificate,
                         root.SignNode(csr, subject, pki::kDefaultNodeCertificateExpiry, now));
  const pki::KeyFile key_file{std::move(key), {}, false};
  SWARM_ASSIGN_OR_RETURN(const std::string key_pem, key_file.Format("", *random));
  const pki::NodeFiles::Pair pair{certificate, key_pem};
  SWARM_RETURN_IF_ERROR(files.WritePair(pair));
  SWARM_ASSIGN_OR_RETURN(const Loaded loaded, Check(pair, root, "", now));
  logger_.Info("made a new cluster",
               {{"cluster.id", subject.organization}, {"node.id", subject.node_id}});
  return Describe(loaded, root);
}

Result<LogKeys> Identities::LoadLogKeys(const IdentityRequest& request) noexcept {
  SWARM_ASSIGN_OR_RETURN(const std::string kek, KekOf(request));
  pki::NodeFiles files(runtime_.files(), request.state_dir);
  SWARM_ASSIGN_OR_RETURN(const std::string pem, ReadFile(runtime_.files(), files.KeyPath()));
  auto file = pki::KeyFile::Parse(pem, kek);
  auto keys = file.ok() ? ReadLogKeys(*file, kek) : Result<LogKeys>(file.status());
  if (!keys.ok()) return Explain(keys.status(), files);
  if (!keys->current.empty()) return keys;

  const std::string own_kek = file->encrypted ? kek : std::string();
  keys->current = NewLogKey(*runtime_.NewRandom());
  SWARM_RETURN_IF_ERROR(PutLogKeys(*file, *keys, own_kek, runtime_));
  SWARM_ASSIGN_OR_RETURN(const std::string text, file->Format(own_kek, *runtime_.NewRandom()));
  SWARM_RETURN_IF_ERROR(files.WriteKey(text));
  return keys;
}

Status Identities::ChangeUnlockKey(std::string_view state_dir, std::string_view key,
                                   std::uint64_t version) noexcept {
  pki::NodeFiles files(runtime_.files(), state_dir);
  SWARM_ASSIGN_OR_RETURN(const std::string pem, ReadFile(runtime_.files(), files.KeyPath()));
  const std::string known = KekFor(state_dir);
  auto file = pki::KeyFile::Parse(pem, known);
  if (!file.ok()) return Explain(file.status(), files);
  const std::string old = file->encrypted ? known : std::string();
  if (version < file->KekVersion() || old == key) return {};
  // A new node's file has version 0 whatever the cluster's first version says.
  const bool initial = version == 0 && old.empty();
  if (version == file->KekVersion() && !initial) {
    return {Code::kFailedPrecondition,
            "the cluster has two unlock keys of version " + std::to_string(version)};
  }
  SWARM_ASSIGN_OR_RETURN(const LogKeys keys, ReadLogKeys(*file, old));
  SWARM_RETURN_IF_ERROR(PutLogKeys(*file, keys, key, runtime_));
  file->headers[std::string(pki::kKekVersionHeader)] = std::to_string(version);
  // The key of the log lay open until now.
  if (old.empty()) file->headers[std::string(pki::kRaftDekNeedsRotationHeader)] = "true";
  SWARM_ASSIGN_OR_RETURN(const std::string text, file->Format(key, *runtime_.NewRandom()));
  SWARM_RETURN_IF_ERROR(files.WriteKey(text));
  RememberKek(state_dir, key);
  logger_.Info(key.empty() ? "managers are unlocked: the node's key is stored plain"
                           : "managers are locked: the node's key is stored encrypted",
               {{"path", files.KeyPath()}});
  return {};
}

std::string Identities::KekFor(std::string_view state_dir) const {
  const std::lock_guard lock(mutex_);
  const auto found = keks_.find(state_dir);
  return found == keks_.end() ? std::string() : found->second;
}

void Identities::RememberKek(std::string_view state_dir, std::string_view kek) {
  const std::lock_guard lock(mutex_);
  keks_[std::string(state_dir)] = kek;
}

}  // namespace swarm::ca
