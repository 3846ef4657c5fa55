#include "authority.h"

#include <algorithm>

#include "founding.h"
#include "pki/text_keys.h"
#include "swarm/ids.h"
#include "swarm/store_errors.h"

namespace swarm::ca {

namespace {

constexpr std::chrono::seconds kRetry{10};

std::string UnitOf(pb::NodeRole role) {
  return std::string(role == pb::MANAGER ? pki::kManagerUnit : pki::kWorkerUnit);
}

bool IsFinal(pb::IssuanceStatus::State state) {
  return state == pb::IssuanceStatus::ISSUED || state == pb::IssuanceStatus::FAILED ||
         state == pb::IssuanceStatus::ROTATE;
}

bool WantsSignature(const pb::Node& node) {
  const auto state = node.certificate().status().state();
  return state == pb::IssuanceStatus::RENEW || (state == pb::IssuanceStatus::PENDING &&
                                                node.spec().membership() == pb::NodeSpec::ACCEPTED);
}

// Roots and signer of a cluster. During a rotation the new root's key signs, and its certificate
// signed by the old root goes along.
Result<pki::RootCa> RootOf(const pb::RootCA& root, WallTime now) {
  std::optional<pki::SignerFiles> signer;
  if (root.has_root_rotation()) {
    const pb::RootRotation& next = root.root_rotation();
    if (!next.ca_key().empty()) {
      signer = {next.cross_signed_ca_cert(), next.ca_key(), next.cross_signed_ca_cert()};
    }
  } else if (!root.ca_key().empty()) {
    signer = {root.ca_cert(), root.ca_key(), ""};
  }
  return pki::RootCa::Load(root.ca_cert(), signer, now);
}

Duration ExpiryOf(const pb::Cluster& cluster) {
  const auto& expiry = cluster.spec().ca_config().node_cert_expiry();
  return std::chrono::seconds(expiry.seconds()) + std::chrono::nanoseconds(expiry.nanos());
}

void PostTo(const std::weak_ptr<Loop>& loop, Function<void()> fn) {
  if (const auto held = loop.lock()) held->Post(std::move(fn));
}

template <class M>
void Answer(UnaryReply& reply, M message) {
  reply(Payload::Of(std::move(message)));
}

}  // namespace

Authority::Authority(Parts parts)
    : parts_(std::move(parts)),
      random_(parts_.runtime.NewRandom()),
      rotation_(std::make_shared<Rotation>(Rotation::Parts{
          parts_.loop, parts_.runtime, parts_.store, parts_.writer, parts_.logger})) {}

void Authority::Start() {
  auto [view, subscription] = parts_.store.ReadAndWatch(
      {{Table::kCluster, Table::kNode}}, *parts_.loop, [weak = weak_from_this()](CommitPtr commit) {
        if (auto self = weak.lock(); self && !self->stopped_) self->OnCommit(*commit);
      });
  subscription_ = std::move(subscription);
  UseCluster(FindCluster(*view));
  SignAll();
}

void Authority::Stop() {
  stopped_ = true;
  subscription_.reset();
  retry_.reset();
  parts_.external->Stop();
  rotation_->Stop();
  for (auto& [id, callers] : std::exchange(waiting_, {})) {
    for (Waiting& caller : callers) caller.reply(Status(Code::kAborted, "CA signer is stopped"));
  }
}

void Authority::OnCommit(const Commit& commit) {
  for (const Event& event : commit.events) {
    if (event.table == Table::kCluster) {
      auto cluster = std::static_pointer_cast<const pb::Cluster>(event.object);
      if (cluster->spec().annotations().name() != kDefaultClusterName) continue;
      UseCluster(event.change == Change::kRemove ? nullptr : std::move(cluster));
    } else if (event.table == Table::kNode) {
      const auto node = std::static_pointer_cast<const pb::Node>(event.object);
      const bool gone = event.change == Change::kRemove;
      AnswerWaiting(node->id(), gone ? nullptr : node.get());
      gone ? rotation_->OnNodeGone(node->id()) : rotation_->OnNode(*node);
      if (!gone) Consider(*node);
    }
  }
}

void Authority::UseCluster(std::shared_ptr<const pb::Cluster> cluster) {
  cluster_ = std::move(cluster);
  if (cluster_) rotation_->Follow(*cluster_);
  const bool others = cluster_ && parts_.external->Follow(*cluster_);
  pb::RootCA material = cluster_ ? cluster_->root_ca() : pb::RootCA();
  material.clear_join_tokens();
  std::string key = material.SerializeAsString();
  if (key == signer_key_ && root_) return others ? SignAll() : void();
  signer_key_ = std::move(key);
  root_.reset();
  if (!cluster_) return;
  auto root = RootOf(material, parts_.runtime.clock().Now());
  if (!root.ok()) {
    parts_.logger.Error("the cluster's root certificate cannot be used",
                        {{"error", root.status().ToString()}});
    return;
  }
  root_ = std::move(*root);
  if (!root_->CanSign() && !parts_.external->Serves()) {
    parts_.logger.Warn(
        "the cluster has neither its root's key nor an external CA for it: no node can join or "
        "renew its certificate");
  }
  SignAll();
}

void Authority::SignAll() {
  const ViewPtr view = parts_.store.Read();
  auto nodes = view->Find<pb::Node>(By::All());
  if (!nodes.ok()) return;
  for (const auto& node : *nodes) Consider(*node);
}

void Authority::Consider(const pb::Node& node) {
  if (!stopped_ && WantsSignature(node)) Sign(node);
}

void Authority::Sign(const pb::Node& node) {
  const pb::Certificate& wanted = node.certificate();
  if (saving_.contains({node.id(), wanted.csr()})) return;
  if (cluster_ && parts_.external->Serves()) return SignOutside(node);
  if (!root_ || !root_->CanSign() || !cluster_) return RetryLater();
  auto signed_pem =
      root_->SignNode(wanted.csr(), {node.id(), UnitOf(wanted.role()), cluster_->id()},
                      ExpiryOf(*cluster_), parts_.runtime.clock().Now());
  Outcome outcome;
  if (signed_pem.ok()) {
    outcome.certificate_pem = std::move(*signed_pem);
  } else {
    outcome.error = signed_pem.status().message();
  }
  Save(node.id(), wanted.csr(), std::move(outcome));
}

void Authority::SignOutside(const pb::Node& node) {
  const pb::Certificate& wanted = node.certificate();
  // Nobody else needs to look at what is no request.
  if (const auto key = pki::CsrPublicKeyDer(wanted.csr()); !key.ok()) {
    return Save(node.id(), wanted.csr(), {"", key.status().message()});
  }
  saving_.insert({node.id(), wanted.csr()});
  parts_.external->Sign(wanted.csr(), {node.id(), UnitOf(wanted.role()), cluster_->id()},
                        [weak = weak_from_this(), id = node.id(),
                         csr = wanted.csr()](Result<std::string> signed_pem) {
                          auto self = weak.lock();
                          if (self && !self->stopped_)
                            self->OnSignedOutside(id, csr, std::move(signed_pem));
                        });
}

void Authority::OnSignedOutside(const std::string& node_id, const std::string& csr,
                                Result<std::string> certificate_pem) {
  saving_.erase({node_id, csr});
  if (certificate_pem.ok()) return Save(node_id, csr, {std::move(*certificate_pem), ""});
  const Status& why = certificate_pem.status();
  parts_.logger.Warn("no external CA signed a node's certificate",
                     {{"node.id", node_id}, {"error", why.message()}});
  if (why.code() == Code::kUnavailable) return RetryLater();
  Save(node_id, csr, {"", why.message()});
}

void Authority::Save(const std::string& node_id, const std::string& csr, Outcome outcome) {
  saving_.insert({node_id, csr});
  const auto write = [node_id, csr, outcome = std::move(outcome)](Transaction& tx) -> Status {
    const auto node = tx.Get<pb::Node>(node_id);
    // Gone, or asking for something else by now: another round signs that.
    if (!node || !WantsSignature(*node) || node->certificate().csr() != csr) return {};
    auto changed = std::make_shared<pb::Node>(*node);
    pb::Certificate& certificate = *changed->mutable_certificate();
    if (outcome.error.empty()) {
      certificate.set_certificate(outcome.certificate_pem);
      certificate.mutable_status()->set_state(pb::IssuanceStatus::ISSUED);
      certificate.mutable_status()->clear_err();
    } else {
      certificate.clear_certificate();
      certificate.mutable_status()->set_state(pb::IssuanceStatus::FAILED);
      certificate.mutable_status()->set_err(outcome.error);
    }
    return tx.Update(std::move(changed));
  };
  parts_.writer->Update(write, [weak = weak_from_this(), loop = std::weak_ptr(parts_.loop), node_id,
                                csr](Result<Index> done) {
    PostTo(loop, [weak, node_id, csr, status = done.status()] {
      auto self = weak.lock();
      if (!self || self->stopped_) return;
      self->saving_.erase({node_id, csr});
      if (status.ok()) return;
      self->parts_.logger.Warn("a node's certificate was not saved",
                               {{"node.id", node_id}, {"error", status.ToString()}});
      self->RetryLater();
    });
  });
}

void Authority::RetryLater() {
  if (retry_ || stopped_) return;
  retry_ = parts_.loop->After(kRetry, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    self->retry_.reset();
    self->SignAll();
  });
}

void Authority::GetRootCertificate(const CallContextPtr&, const pb::GetRootCACertificateRequest&,
                                   UnaryReply reply) {
  if (!cluster_) return reply(Status(Code::kUnavailable, "the cluster is not set up yet"));
  pb::GetRootCACertificateResponse response;
  response.set_certificate(cluster_->root_ca().ca_cert());
  Answer(reply, std::move(response));
}

void Authority::GetUnlockKey(const CallContextPtr&, const pb::GetUnlockKeyRequest&,
                             UnaryReply reply) {
  // From the store, never from a copy: the caller may have just changed it.
  const auto cluster = FindCluster(*parts_.store.Read());
  if (!cluster) return reply(Status(Code::kUnavailable, "the cluster is not set up yet"));
  pb::GetUnlockKeyResponse response;
  *response.mutable_version() = cluster->meta().version();
  if (cluster->spec().encryption_config().auto_lock_managers()) {
    const auto& keys = cluster->unlock_keys();
    const auto key = std::find_if(keys.begin(), keys.end(), [](const pb::EncryptionKey& k) {
      return k.subsystem() == kManagerKeySubsystem;
    });
    if (key != keys.end()) response.set_unlock_key(key->key());
  }
  Answer(reply, std::move(response));
}

std::optional<std::string> Authority::Member(const CallContext& context) const {
  if (!context.caller()) return std::nullopt;
  const Identity& caller = *context.caller();
  const bool has_role = std::any_of(caller.roles.begin(), caller.roles.end(), [](const auto& role) {
    return role == pki::kManagerUnit || role == pki::kWorkerUnit;
  });
  if (!has_role || !cluster_ || caller.organization != cluster_->id() ||
      cluster_->blacklisted_certificates().contains(caller.node_id)) {
    return std::nullopt;
  }
  return caller.node_id;
}

void Authority::Issue(const CallContextPtr& context, const pb::IssueNodeCertificateRequest& request,
                      UnaryReply reply) {
  if (request.csr().empty()) return reply(Status(Code::kInvalidArgument, "InvalidArgument"));
  if (stopped_) return reply(Status(Code::kAborted, "CA signer is stopped"));
  if (!cluster_) return reply(Status(Code::kAborted, "CA signer is still starting"));
  if (auto member = Member(*context)) return Renew(*member, request, std::move(reply));
  const pb::JoinTokens& tokens = cluster_->root_ca().join_tokens();
  for (const auto& [token, role] :
       {std::pair(tokens.manager(), pb::MANAGER), std::pair(tokens.worker(), pb::WORKER)}) {
    if (!token.empty() && pki::EqualSecrets(request.token(), token)) {
      return Admit(role, request, std::move(reply));
    }
  }
  NoteStranger(*context);
  reply(Status(Code::kInvalidArgument, "A valid join token is necessary to join this cluster"));
}

// A line a second at most: guessing must not fill the disk.
void Authority::NoteStranger(const CallContext& context) {
  const SteadyTime now = parts_.runtime.clock().SteadyNow();
  if (stranger_noted_ && now - *stranger_noted_ < std::chrono::seconds(1)) return;
  stranger_noted_ = now;
  parts_.logger.Warn("refused to admit a node without a valid join token",
                     {{"peer", context.remote_address()}});
}

void Authority::Renew(const std::string& node_id, const pb::IssueNodeCertificateRequest& request,
                      UnaryReply reply) {
  auto membership = std::make_shared<pb::NodeSpec::Membership>();
  parts_.writer->Update(
      [node_id, csr = request.csr(), membership](Transaction& tx) -> Status {
        const auto node = tx.Get<pb::Node>(node_id);
        if (!node) {
          return {Code::kNotFound,
                  "node " + node_id + " not found when attempting to renew certificate"};
        }
        auto changed = std::make_shared<pb::Node>(*node);
        pb::Certificate fresh;
        fresh.set_csr(csr);
        fresh.set_cn(node_id);
        fresh.set_role(node->role());
        fresh.mutable_status()->set_state(pb::IssuanceStatus::RENEW);
        *changed->mutable_certificate() = std::move(fresh);
        *membership = node->spec().membership();
        return tx.Update(std::move(changed));
      },
      [node_id, membership, reply = std::move(reply)](Result<Index> done) mutable {
        if (!done.ok()) return reply(done.status());
        pb::IssueNodeCertificateResponse response;
        response.set_node_id(node_id);
        response.set_node_membership(*membership);
        Answer(reply, std::move(response));
      });
}

void Authority::Admit(pb::NodeRole role, const pb::IssueNodeCertificateRequest& request,
                      UnaryReply reply) {
  pb::Node node;
  node.set_role(role);
  node.mutable_spec()->set_desired_role(role);
  node.mutable_spec()->set_membership(pb::NodeSpec::ACCEPTED);
  node.mutable_spec()->set_availability(request.availability());
  node.mutable_certificate()->set_csr(request.csr());
  node.mutable_certificate()->set_role(role);
  node.mutable_certificate()->mutable_status()->set_state(pb::IssuanceStatus::PENDING);
  node.set_vxlanudpport(cluster_->vxlanudpport());
  const std::string id = NewId(*random_);
  node.set_id(id);
  node.mutable_certificate()->set_cn(id);
  parts_.writer->Update(
      [node = std::move(node)](Transaction& tx) {
        return tx.Create(std::make_shared<pb::Node>(node));
      },
      [id, reply = std::move(reply)](Result<Index> done) mutable {
        if (!done.ok()) return reply(done.status());
        pb::IssueNodeCertificateResponse response;
        response.set_node_id(id);
        response.set_node_membership(pb::NodeSpec::ACCEPTED);
        Answer(reply, std::move(response));
      });
}

namespace {

Payload StatusOf(const pb::Node& node) {
  pb::NodeCertificateStatusResponse response;
  // Both always present: clients rely on it.
  *response.mutable_status() = node.certificate().status();
  *response.mutable_certificate() = node.certificate();
  return Payload::Of(std::move(response));
}

}  // namespace

void Authority::GetStatus(const CallContextPtr& context,
                          const pb::NodeCertificateStatusRequest& request, UnaryReply reply) {
  if (request.node_id().empty()) return reply(Status(Code::kInvalidArgument, "InvalidArgument"));
  if (stopped_) return reply(Status(Code::kAborted, "CA signer is stopped"));
  const auto node = parts_.store.Read()->Get<pb::Node>(request.node_id());
  if (!node) return reply(Status(Code::kNotFound, "NotFound"));
  if (IsFinal(node->certificate().status().state())) return reply(StatusOf(*node));
  waiting_[node->id()].push_back({context, std::move(reply)});
  context->OnCancel([weak = weak_from_this(), loop = std::weak_ptr(parts_.loop), id = node->id()] {
    PostTo(loop, [weak, id] {
      auto self = weak.lock();
      if (!self) return;
      const auto found = self->waiting_.find(id);
      if (found == self->waiting_.end()) return;
      std::erase_if(found->second, [](const Waiting& w) { return w.context->cancelled(); });
      if (found->second.empty()) self->waiting_.erase(found);
    });
  });
}

void Authority::AnswerWaiting(const std::string& node_id, const pb::Node* node) {
  const auto found = waiting_.find(node_id);
  if (found == waiting_.end()) return;
  if (node != nullptr && !IsFinal(node->certificate().status().state())) return;
  auto callers = std::move(found->second);
  waiting_.erase(found);
  for (Waiting& caller : callers) {
    if (node == nullptr) {
      caller.reply(Status(Code::kNotFound, "NotFound"));
    } else {
      caller.reply(StatusOf(*node));
    }
  }
}

}  // namespace swarm::ca
