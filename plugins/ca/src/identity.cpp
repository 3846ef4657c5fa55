#include "identity.h"

#include <algorithm>
#include <utility>

#include "adoption.h"
#include "joining.h"
#include "key_store.h"
#include "log_keys.h"
#include "pki/chain.h"
#include "pki/key_file.h"
#include "pki/text_keys.h"
#include "renewing.h"
#include "swarm/ids.h"

namespace swarm::ca {

namespace {

constexpr std::string_view kExpiredHint =
    "\nhint: remove the state directory's certificates folder and start with a join address and "
    "token, or, where no manager is left, with --force-new-cluster; check this machine's clock";
constexpr std::string_view kUnlockHint =
    "\nhint: give the cluster's key with --unlock-key or node.unlock_key; `swarmctl cluster "
    "unlock-key default` on an unlocked manager shows it";

Result<Held> Check(const pki::NodeFiles::Pair& pair, const pki::RootCa& root,
                   const std::string& kek, WallTime now, pki::Expiry expiry) {
  SWARM_ASSIGN_OR_RETURN(const auto file, pki::KeyFile::Parse(pair.key_pem, kek));
  // The log's keys tell better than the file itself whether the unlock key is right.
  SWARM_RETURN_IF_ERROR(ReadLogKeys(file, kek).status());
  return CheckHeld(pair.certificate_pem, file.key, root, now, expiry);
}

// As SwarmKit words it, with what to do on a second line.
Status Explain(const Status& status, const pki::NodeFiles& files) {
  if (status.code() == Code::kUnauthenticated) {
    return {Code::kUnauthenticated, std::string(pki::kLockedText) + std::string(kUnlockHint)};
  }
  const Status told =
      status.WithContext("error while loading TLS certificate in " + files.CertificatePath());
  if (status.message().find("has expired") == std::string::npos) return told;
  return {told.code(), told.message() + std::string(kExpiredHint)};
}

// Runs `fn` where the key file is changed, and tells its outcome.
template <class Fn, class Done>
void OnLoop(const std::shared_ptr<Loop>& loop, Fn fn, Done done) {
  loop->Post([fn = std::move(fn), done = std::move(done)]() mutable { done(fn()); });
}

// A handle on what runs on the loop.
class RenewalHandle final : public Renewal {
 public:
  RenewalHandle(std::shared_ptr<Loop> loop, std::shared_ptr<Renewing> renewing)
      : loop_(std::move(loop)), renewing_(std::move(renewing)) {}
  ~RenewalHandle() override {
    loop_->Post([renewing = std::move(renewing_)] { renewing->Stop(); });
  }
  void Renew(std::optional<pb::NodeRole> role) noexcept override {
    loop_->Post([renewing = renewing_, role] { renewing->Renew(role); });
  }
  void SetRoots(std::string roots_pem) noexcept override {
    loop_->Post([renewing = renewing_, pem = std::move(roots_pem)] { renewing->SetRoots(pem); });
  }

 private:
  const std::shared_ptr<Loop> loop_;
  std::shared_ptr<Renewing> renewing_;
};

Result<std::string> KekOf(const IdentityRequest& request) {
  if (request.unlock_key.empty()) return std::string();
  return pki::ParseUnlockKey(request.unlock_key);
}

}  // namespace

Result<std::unique_ptr<Instance>> Identities::Create(InstanceContext& context) {
  return std::unique_ptr<Instance>(std::make_unique<Identities>(context));
}

Identities::Identities(InstanceContext& context)
    : context_(context),
      runtime_(context.runtime()),
      logger_(context.logger().ForModule("ca")),
      loop_(runtime_.NewLoop("identity", LoopKind::kBlocking)) {}

Identities::~Identities() { loop_->Stop(); }

void Identities::Stop(Function<void()> done) noexcept {
  loop_->Post([this, done = std::move(done)]() mutable {
    stopped_ = true;
    if (joining_) joining_->Cancel();
    joining_.reset();
    done();
  });
}

Result<NodeIdentity> Identities::LoadOrCreate(const IdentityRequest& request) noexcept {
  SWARM_ASSIGN_OR_RETURN(const std::string kek, KekOf(request));
  pki::NodeFiles files(runtime_.files(), request.state_dir);
  SWARM_ASSIGN_OR_RETURN(const std::optional<pki::RootCa> root, LoadRoot(files));
  RememberKek(request.state_dir, kek);
  if (root) {
    auto held = Load(files, *root, kek, request.force_new_cluster);
    if (held.ok()) {
      NodeIdentity identity = Describe(*held, *root);
      SWARM_RETURN_IF_ERROR(CheckFips(identity.cluster_id));
      Remember(request.state_dir, identity.credentials);
      return identity;
    }
    // A part is missing: as good as nothing.
    if (held.status().code() != Code::kNotFound) return held.status();
  }
  if (!request.join_address.empty()) {
    return Status(Code::kNotFound, "this node has no certificate yet");
  }
  RememberKek(request.state_dir, "");
  return Found(files, request.state_dir);
}

void Identities::Join(const IdentityRequest& request,
                      Function<void(Result<NodeIdentity>)> done) noexcept {
  loop_->Post([this, request, done = std::move(done)]() mutable {
    if (stopped_) return done(Status(Code::kCancelled, "the node is stopping"));
    JoiningParts parts{loop_,   runtime_, context_.network(),
                       logger_, request,  KekFor(request.state_dir)};
    joining_ = std::make_shared<Joining>(std::move(parts));
    joining_->Start([this, request, done = std::move(done)](Result<Joined> joined) mutable {
      if (!joined.ok()) return done(joined.status());
      RememberKek(request.state_dir, joined->kek);
      Remember(request.state_dir, joined->identity.credentials);
      done(std::move(joined->identity));
    });
  });
}

std::unique_ptr<Renewal> Identities::KeepValid(RenewalParts parts) noexcept {
  const std::string folder = parts.state_dir;
  const Credentials& credentials = *parts.identity.credentials;
  const WallTime now = runtime_.clock().Now();
  auto root = pki::RootCa::Load(credentials.roots_pem, std::nullopt, now);
  auto key = pki::PrivateKey::FromPem(credentials.key_pem);
  auto held = root.ok() && key.ok()
                  ? CheckHeld(credentials.certificate_pem, *key, *root, now, pki::Expiry::kAllowed)
                  : Result<Held>(root.ok() ? key.status() : root.status());
  if (!held.ok()) {
    logger_.Error("the node's certificate cannot be renewed",
                  {{"error", held.status().ToString()}});
    return nullptr;
  }
  RenewingParts all{
      loop_,
      runtime_,
      context_.network(),
      logger_,
      std::move(parts),
      std::move(*held),
      std::move(*root),
      [this, folder] { return KekFor(folder); },
      [this, folder](const std::string& kek) { RememberKek(folder, kek); },
      [this, folder](const NodeIdentity& identity) { Remember(folder, identity.credentials); }};
  auto renewing = std::make_shared<Renewing>(std::move(all));
  {
    const std::lock_guard lock(mutex_);
    known_[folder].renewing = renewing;
  }
  loop_->Post([renewing] { renewing->Start(); });
  return std::make_unique<RenewalHandle>(loop_, std::move(renewing));
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

Result<Held> Identities::Load(pki::NodeFiles& files, const pki::RootCa& root,
                              const std::string& kek, bool allow_expired) {
  const auto expiry = allow_expired ? pki::Expiry::kAllowed : pki::Expiry::kEnforced;
  std::optional<Held> loaded;
  const auto pair = files.ReadPair([&](const pki::NodeFiles::Pair& candidate) {
    auto checked = Check(candidate, root, kek, runtime_.clock().Now(), expiry);
    if (!checked.ok()) return checked.status();
    loaded = std::move(*checked);
    return Status();
  });
  if (pair.status().code() == Code::kNotFound) return pair.status();
  if (!pair.ok()) return Explain(pair.status(), files);
  logger_.Debug("loaded the node's certificate", {{"path", files.CertificatePath()}});
  return std::move(*loaded);
}

Result<NodeIdentity> Identities::Found(pki::NodeFiles& files, const std::string& state_dir) {
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
  SWARM_ASSIGN_OR_RETURN(const Held held, Check(pair, root, "", now, pki::Expiry::kEnforced));
  logger_.Info("made a new cluster",
               {{"cluster.id", subject.organization}, {"node.id", subject.node_id}});
  NodeIdentity identity = Describe(held, root);
  Remember(state_dir, identity.credentials);
  return identity;
}

Result<LogKeys> Identities::LoadLogKeys(const IdentityRequest& request) noexcept {
  // What opened or encrypted the file since counts more than what the node was started with.
  std::string kek = KekFor(request.state_dir);
  if (kek.empty()) {
    SWARM_ASSIGN_OR_RETURN(kek, KekOf(request));
  }
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

void Identities::SaveLogKeys(std::string_view state_dir, LogKeys keys,
                             Function<void(Status)> done) noexcept {
  OnLoop(
      loop_,
      [this, folder = std::string(state_dir), keys = std::move(keys)] {
        return KeyStore(runtime_, folder).SaveLogKeys(KekFor(folder), keys);
      },
      std::move(done));
}

void Identities::BeginLogKeyRotation(std::string_view state_dir,
                                     Function<void(Result<LogKeys>)> done) noexcept {
  OnLoop(
      loop_,
      [this, folder = std::string(state_dir)] {
        return KeyStore(runtime_, folder).BeginRotation(KekFor(folder));
      },
      std::move(done));
}

void Identities::EndLogKeyRotation(std::string_view state_dir, std::string key,
                                   Function<void(Status)> done) noexcept {
  OnLoop(
      loop_,
      [this, folder = std::string(state_dir), key = std::move(key)] {
        return KeyStore(runtime_, folder).EndRotation(KekFor(folder), key);
      },
      std::move(done));
}

void Identities::ChangeUnlockKey(std::string_view state_dir, std::string key, std::uint64_t version,
                                 Function<void(Status)> done) noexcept {
  OnLoop(
      loop_,
      [this, folder = std::string(state_dir), key = std::move(key), version] {
        return ChangeKek(folder, key, version);
      },
      std::move(done));
}

Status Identities::ChangeKek(const std::string& state_dir, const std::string& key,
                             std::uint64_t version) {
  KeyStore store(runtime_, state_dir);
  const std::string known = KekFor(state_dir);
  auto used = store.ChangeKek(known, {key, version});
  if (!used.ok()) return Explain(used.status(), store.files());
  if (*used == known) return {};
  RememberKek(state_dir, *used);
  logger_.Info(used->empty() ? "managers are unlocked: the node's key is stored plain"
                             : "managers are locked: the node's key is stored encrypted",
               {{"path", store.files().KeyPath()}});
  if (known.empty()) ReplaceKey(state_dir);
  return {};
}

// The private key lay open until now.
void Identities::ReplaceKey(const std::string& state_dir) {
  std::shared_ptr<Renewing> renewing;
  {
    const std::lock_guard lock(mutex_);
    renewing = known_[state_dir].renewing.lock();
  }
  if (renewing) renewing->Renew(std::nullopt);
}

std::shared_ptr<const Credentials> Identities::Current(std::string_view state_dir) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(state_dir);
  return found == known_.end() ? nullptr : found->second.credentials;
}

std::string Identities::KekFor(std::string_view state_dir) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(state_dir);
  return found == known_.end() ? std::string() : found->second.kek;
}

void Identities::RememberKek(std::string_view state_dir, std::string_view kek) {
  const std::lock_guard lock(mutex_);
  known_[std::string(state_dir)].kek = kek;
}

void Identities::Remember(std::string_view state_dir,
                          std::shared_ptr<const Credentials> credentials) {
  const std::lock_guard lock(mutex_);
  known_[std::string(state_dir)].credentials = std::move(credentials);
}

}  // namespace swarm::ca
