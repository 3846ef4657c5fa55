#include "rotation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "founding.h"
#include "pki/certificate.h"
#include "pki/text_keys.h"

namespace swarm::ca {

namespace {

// Few enough not to have a whole cluster renew at once.
constexpr std::size_t kNodesAtOnce = 30;
constexpr std::chrono::seconds kInterval{3};
// Whoever is waited for is named again after this many intervals.
constexpr int kTicksBetweenReports = 20;
constexpr std::size_t kNamesInReport = 5;

std::string KeyOf(pb::RootCA root) {
  root.clear_join_tokens();
  return root.SerializeAsString();
}

// A node with such a state asks already, or is about to.
bool IsAsking(const pb::Node& node) {
  const auto state = node.certificate().status().state();
  return state == pb::IssuanceStatus::RENEW || state == pb::IssuanceStatus::PENDING ||
         state == pb::IssuanceStatus::ROTATE;
}

}  // namespace

Rotation::Rotation(Parts parts) : parts_(std::move(parts)), random_(parts_.runtime.NewRandom()) {}

void Rotation::Follow(const pb::Cluster& cluster) {
  if (stopped_) return;
  const pb::RootCA& root = cluster.root_ca();
  if (!root.has_root_rotation()) return End();
  std::string key = KeyOf(root);
  if (key == key_) return;
  key_ = std::move(key);
  Begin(root);
}

void Rotation::Begin(const pb::RootCA& root) {
  const auto parsed = pki::ParseCertificates(root.root_rotation().ca_cert());
  if (!parsed.ok()) {
    parts_.logger.Error("the root to rotate to cannot be read",
                        {{"error", parsed.status().message()}});
    return End();
  }
  wanted_ = Issuer{parsed->front().SubjectDer(), parsed->front().PublicKeyDer()};
  waiting_for_.clear();
  ticks_ = 0;
  reported_ = 0;
  auto nodes = parts_.store.Read()->Find<pb::Node>(By::All());
  if (nodes.ok()) {
    for (const auto& node : *nodes) {
      if (!Converged(*node)) waiting_for_.insert(node->id());
    }
  }
  parts_.logger.Info("rotating the cluster's root certificate",
                     {{"nodes_to_move", std::to_string(waiting_for_.size())}});
  timer_ = parts_.loop->After({}, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Tick();
  });
}

void Rotation::End() {
  wanted_.reset();
  key_.clear();
  waiting_for_.clear();
  timer_.reset();
}

void Rotation::Stop() {
  stopped_ = true;
  End();
}

bool Rotation::Converged(const pb::Node& node) const {
  const pb::NodeTLSInfo& shown = node.description().tls_info();
  return shown.cert_issuer_subject() == wanted_->subject &&
         shown.cert_issuer_public_key() == wanted_->public_key;
}

void Rotation::OnNode(const pb::Node& node) {
  if (!wanted_) return;
  if (!Converged(node)) {
    waiting_for_.insert(node.id());
  } else {
    OnNodeGone(node.id());
  }
}

void Rotation::OnNodeGone(const std::string& node_id) {
  if (!wanted_ || waiting_for_.erase(node_id) == 0 || !waiting_for_.empty()) return;
  timer_ = parts_.loop->After({}, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Tick();
  });
}

void Rotation::Later() {
  timer_ = parts_.loop->After(kInterval, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Tick();
  });
}

void Rotation::Tick() {
  if (stopped_ || !wanted_) return;
  Later();
  if (writing_) return;
  Report();
  if (waiting_for_.empty()) {
    Finish();
  } else {
    AskNodes();
  }
}

// Whoever is down keeps a rotation from ending; somebody has to know who.
void Rotation::Report() {
  if (ticks_++ % kTicksBetweenReports != kTicksBetweenReports - 1) return;
  std::string names;
  std::size_t named = 0;
  for (const std::string& id : waiting_for_) {
    if (named++ == kNamesInReport) break;
    names += (names.empty() ? "" : ", ") + id;
  }
  if (waiting_for_.size() > kNamesInReport) names += ", ...";
  parts_.logger.Warn(
      "the rotation of the root waits for nodes; one that will not come back has to "
      "be removed",
      {{"count", std::to_string(waiting_for_.size())}, {"nodes", names}});
}

void Rotation::AskNodes() {
  const ViewPtr view = parts_.store.Read();
  std::vector<std::string> asked;
  for (const std::string& id : waiting_for_) {
    const auto node = view->Get<pb::Node>(id);
    if (node && !IsAsking(*node)) asked.push_back(id);
    if (asked.size() == kNodesAtOnce) break;
  }
  if (asked.empty()) return;
  writing_ = true;
  const auto write = [asked](Transaction& tx) -> Status {
    for (const std::string& id : asked) {
      const auto node = tx.Get<pb::Node>(id);
      if (!node || IsAsking(*node)) continue;
      auto changed = std::make_shared<pb::Node>(*node);
      changed->mutable_certificate()->mutable_status()->set_state(pb::IssuanceStatus::ROTATE);
      SWARM_RETURN_IF_ERROR(tx.Update(std::move(changed)));
    }
    return {};
  };
  parts_.writer->Update(write, [weak = weak_from_this(),
                                loop = std::weak_ptr(parts_.loop)](const Result<Index>& done) {
    const auto held = loop.lock();
    if (!held) return;
    held->Post([weak, status = done.status()] {
      if (const auto self = weak.lock()) self->OnWritten(status);
    });
  });
}

void Rotation::Finish() {
  writing_ = true;
  // Made outside: a transaction may run again and must then write the same.
  const pb::RootCA now = FindCluster(*parts_.store.Read())->root_ca();
  const std::string& pem = now.root_rotation().ca_cert();
  const bool fips = now.join_tokens().worker().starts_with("SWMTKN-2-1-");
  pb::JoinTokens tokens;
  tokens.set_worker(pki::MakeJoinToken(pem, *random_, fips));
  tokens.set_manager(pki::MakeJoinToken(pem, *random_, fips));
  const auto write = [key = key_, tokens](Transaction& tx) -> Status {
    const auto cluster = FindCluster(tx);
    // Changed meanwhile: another rotation, or none.
    if (!cluster || KeyOf(cluster->root_ca()) != key) return {};
    auto changed = std::make_shared<pb::Cluster>(*cluster);
    pb::RootCA& root = *changed->mutable_root_ca();
    root.set_ca_cert(root.root_rotation().ca_cert());
    root.set_ca_key(root.root_rotation().ca_key());
    root.set_ca_cert_hash(pki::Sha256Digest(root.ca_cert()));
    *root.mutable_join_tokens() = tokens;
    root.clear_root_rotation();
    return tx.Update(std::move(changed));
  };
  parts_.writer->Update(write, [weak = weak_from_this(), loop = std::weak_ptr(parts_.loop),
                                logger = parts_.logger](const Result<Index>& done) {
    const auto held = loop.lock();
    if (!held) return;
    if (done.ok()) logger.Info("the cluster has a new root certificate; join tokens are new too");
    held->Post([weak, status = done.status()] {
      if (const auto self = weak.lock()) self->OnWritten(status);
    });
  });
}

void Rotation::OnWritten(const Status& status) {
  writing_ = false;
  if (!status.ok() && !stopped_) {
    parts_.logger.Warn("a step of the rotation was not saved; it is tried again",
                       {{"error", status.message()}});
  }
}

}  // namespace swarm::ca
