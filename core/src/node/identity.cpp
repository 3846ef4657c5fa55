#include <utility>

#include "node/life.h"
#include "swarm/files.h"

namespace swarm::node {
namespace {

constexpr std::string_view kPeersFile = "/state.json";

Result<std::string> JoinToken(Runtime& runtime, const config::NodeConfig::Join& join) {
  if (!join.token.empty() || join.token_file.empty()) return join.token;
  auto text = ReadFile(runtime.files(), join.token_file);
  if (!text.ok()) return text.status().WithContext("join.token_file");
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  return std::move(*text);
}

}  // namespace

Result<IdentityRequest> Node::Life::Request() {
  IdentityRequest request;
  request.state_dir = config_.node.state_dir;
  request.join_address = config_.join.address;
  request.unlock_key = config_.node.unlock_key;
  request.force_new_cluster = config_.node.force_new_cluster;
  SWARM_ASSIGN_OR_RETURN(request.join_token, JoinToken(runtime_, config_.join));
  return request;
}

Status Node::Life::Identify() {
  identities_ = host_->node().FindAs<IdentityProvider>(kIdentityRole);
  if (identities_ == nullptr) {
    return {Code::kFailedPrecondition,
            "no plugin provides identity/1; name one under plugins.ca, as `ca: {use: ca}`"};
  }
  SWARM_ASSIGN_OR_RETURN(const IdentityRequest request, Request());
  auto identity = identities_->LoadOrCreate(request);
  if (identity.ok()) {
    Identified(std::move(*identity));
    return {};
  }
  const bool joins = identity.status().code() == Code::kNotFound && !request.join_address.empty();
  if (!joins) return identity.status();
  logger_.Info("joining a cluster", {{"manager", request.join_address}});
  identities_->Join(request, Then<Result<NodeIdentity>>([](Life& life, Result<NodeIdentity> got) {
                      if (!got.ok()) return life.End(got.status(), StopMode::kDetach);
                      life.Identified(std::move(*got));
                    }));
  return {};
}

void Node::Life::Identified(NodeIdentity identity) {
  UseIdentity(std::move(identity));
  info_.node_id = identity_.node_id;
  info_.cluster_id = identity_.cluster_id;
  info_.root_key_pem = identity_.root_key_pem;
  logger_ = logger_.With("node.id", identity_.node_id);
  last_desired_ = identity_.role;
  managers_ = std::make_shared<KnownManagers>(
      network_, runtime_.NewRandom(),
      Each<std::vector<Peer>>(
          [](Life& life, const std::vector<Peer>& peers) { life.SaveManagers(peers); }));
  if (const Status loaded = LoadManagers(); !loaded.ok()) return End(loaded, StopMode::kDetach);
  KeepIdentityValid();
  if (identity_.role == pb::MANAGER) {
    return StartManager([](Life& life) { life.StartExecutors(0); });
  }
  if (managers_->Empty()) {
    return End({Code::kFailedPrecondition,
                "this node is a worker of cluster " + identity_.cluster_id +
                    " and knows no manager of it; name one with --join-addr or join.address"},
               StopMode::kDetach);
  }
  StartExecutors(0);
}

Status Node::Life::LoadManagers() {
  // A new cluster has no other managers, whatever the configuration or the file says.
  if (config_.node.force_new_cluster) return {};
  if (!config_.join.address.empty()) {
    managers_->Begin({Peer{"", config_.join.address}});
    return {};
  }
  const std::string path = config_.node.state_dir + std::string(kPeersFile);
  const auto text = ReadFile(runtime_.files(), path);
  if (text.status().code() == Code::kNotFound) return {};
  if (!text.ok()) return text.status();
  auto peers = ParsePeers(*text);
  if (!peers.ok()) return peers.status().WithContext(path);
  managers_->Begin(*peers);
  return {};
}

void Node::Life::SaveManagers(const std::vector<Peer>& peers) {
  const Status saved = WriteFileAtomically(
      runtime_.files(), config_.node.state_dir + std::string(kPeersFile), FormatPeers(peers), 0600);
  if (!saved.ok()) logger_.Warn("the list of managers was not saved", {{"error", saved.message()}});
}

void Node::Life::KeepIdentityValid() {
  RenewalParts parts;
  parts.state_dir = config_.node.state_dir;
  parts.identity = identity_;
  parts.managers = managers_;
  parts.changed = Each<NodeIdentity>(
      [](Life& life, NodeIdentity identity) { life.OnIdentityChanged(std::move(identity)); });
  renewal_ = identities_->KeepValid(std::move(parts));
}

void Node::Life::UseIdentity(NodeIdentity identity) {
  identity_ = std::move(identity);
  info_.root_certificate_pem = identity_.credentials->roots_pem;
  const bool manages = identity_.role == pb::MANAGER;
  router_.SetSelf(
      {identity_.node_id, identity_.cluster_id, {manages ? "swarm-manager" : "swarm-worker"}});
  if (on_credentials_) on_credentials_(identity_.credentials);
}

void Node::Life::OnIdentityChanged(NodeIdentity identity) {
  UseIdentity(std::move(identity));
  listeners_->SetCredentials(identity_.credentials);
  if (agent_ != nullptr) agent_->SetTlsInfo(identity_.tls_info);
  // A manager's certificate is no leftover then: there is nothing to wait for.
  if (managing_ == Managing::kNo && put_out_ == PutOut::kWantedAgain) role_timer_.reset();
  MatchRole();
}

void Node::Life::OnNode(const pb::Node& node) noexcept {
  Post([node](Life& life) {
    if (!life.ending_) life.FollowNode(node);
  });
}

// The wish counts when it changes, not what it is: what a node is at the moment says its
// certificate, which may be ahead of the object.
void Node::Life::FollowNode(const pb::Node& node) {
  if (!renewal_) return;
  const pb::NodeRole desired = node.spec().desired_role();
  const bool again = IsWantedAgain(node);
  if (desired != std::exchange(last_desired_, desired)) {
    logger_.Info("this node is to change its role",
                 {{"role", desired == pb::MANAGER ? "manager" : "worker"}});
    return renewal_->Renew(desired);
  }
  if (again) return renewal_->Renew(desired);
  if (node.certificate().status().state() == pb::IssuanceStatus::ROTATE) {
    renewal_->Renew(std::nullopt);
  }
}

// Its first word after the removal may be older than the demotion, so it has to have said both. The
// observed role too: only then no certificate that is asked for now makes a worker.
bool Node::Life::IsWantedAgain(const pb::Node& node) {
  if (put_out_ == PutOut::kNo) return false;
  if (node.spec().desired_role() == pb::WORKER) {
    put_out_ = PutOut::kDemoted;
  } else if (put_out_ == PutOut::kDemoted && node.role() == pb::MANAGER) {
    put_out_ = PutOut::kWantedAgain;
    return true;
  }
  return false;
}

void Node::Life::OnRootCa(const std::string& roots_pem) noexcept {
  Post([roots_pem](Life& life) {
    if (!life.ending_ && life.renewal_) life.renewal_->SetRoots(roots_pem);
  });
}

// Whoever has just named a manager learns at once that it is of another cluster; later it may be
// a passing mistake of one manager.
void Node::Life::OnSessionEnd(const Status& why) noexcept {
  const bool distrust = why.message().find("unknown authority") != std::string::npos;
  if (!distrust) return;
  Post([why](Life& life) {
    if (life.ending_ || life.had_session_ || life.config_.join.address.empty()) return;
    life.End(
        Status(why.code(), why.message() + "\nhint: this node's certificate and the manager at " +
                               life.config_.join.address +
                               " are of different clusters; to join that one, remove the "
                               "certificates folder of the state directory"),
        StopMode::kDetach);
  });
}

}  // namespace swarm::node
