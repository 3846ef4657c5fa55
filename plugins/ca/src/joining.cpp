#include "joining.h"

#include <utility>

#include "pki/chain.h"
#include "swarm/files.h"

namespace swarm::ca {

namespace {

constexpr std::chrono::seconds kPause{2};
constexpr std::string_view kShowTokens =
    "`swarmctl cluster inspect default` on a manager shows the present one";

bool Says(const Status& status, std::string_view text) {
  return status.message().find(text) != std::string::npos;
}

// What somebody who starts a node can do about it. Texts that SwarmKit fixes stay the first line.
std::string HintFor(const Status& why, const std::string& address) {
  if (Says(why, "not yet valid")) {
    return "the clocks of this machine and of the manager differ: set them by NTP";
  }
  if (Says(why, "has expired")) {
    return "a certificate has expired: compare this machine's clock with the manager's; if they "
           "agree, the cluster needs new certificates";
  }
  if (Says(why, "remote CA does not match fingerprint")) {
    return "the token is of another cluster, or from before its root was rotated; " +
           std::string(kShowTokens);
  }
  if (Says(why, "valid join token is necessary")) {
    return "the token was rotated or is incomplete; " + std::string(kShowTokens);
  }
  if (why.code() == Code::kInvalidArgument && Says(why, "invalid join token")) {
    return "a token reads SWMTKN-1-<50 characters>-<25 characters>";
  }
  if (why.code() == Code::kUnimplemented) {
    return address + " answers, but is no manager; name a manager's address and port";
  }
  if (Says(why, "unknown authority")) {
    return "the manager is of another cluster than the roots in this node's state directory; to "
           "join it, remove the directory's certificates folder";
  }
  if (why.code() == Code::kUnavailable || why.code() == Code::kDeadlineExceeded) {
    return "is a manager running at " + address +
           ", and does no firewall stand in between? The port is the one of --listen-remote-api, "
           "4242 or, of a Docker Engine, 2377";
  }
  return "";
}

}  // namespace

Joining::Joining(JoiningParts parts)
    : parts_(std::move(parts)), store_(parts_.runtime, parts_.request.state_dir) {}

void Joining::Start(Function<void(Result<Joined>)> done) {
  done_ = std::move(done);
  if (!parts_.request.join_token.empty()) {
    auto token = pki::ParseJoinToken(parts_.request.join_token);
    if (!token.ok()) return Fail(token.status());
    if (token->fips) return Fail(MandatoryFips());
    token_ = std::move(*token);
  }
  // Roots that are there already stay, whatever the token says.
  auto known = store_.files().ReadRoot();
  if (known.ok()) return UseRoots(*known);
  if (known.status().code() != Code::kNotFound) return Fail(known.status());
  AskForRoots();
}

void Joining::Cancel() {
  done_ = nullptr;
  timer_.reset();
  if (enrolment_) enrolment_->Cancel();
}

void Joining::AskForRoots() {
  ++asked_;
  FetchRoots(parts_.loop, parts_.network, parts_.request.join_address,
             [self = shared_from_this()](const Result<std::string>& roots) {
               if (self->done_) self->OnRoots(roots);
             });
}

void Joining::OnRoots(const Result<std::string>& roots) {
  if (!roots.ok()) {
    const bool hopeless = roots.status().code() == Code::kUnimplemented ||
                          roots.status().code() == Code::kInvalidArgument;
    if (hopeless || asked_ >= kAttempts) return Fail(roots.status());
    parts_.logger.Info("asking for the cluster's root certificate again",
                       {{"manager", parts_.request.join_address},
                        {"error", roots.status().message()},
                        {"attempt", std::to_string(asked_)}});
    timer_ = parts_.loop->After(kPause, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || !self->done_) return;
      const auto fired = std::move(self->timer_);
      self->AskForRoots();
    });
    return;
  }
  if (token_ && pki::Sha256Digest(*roots) != token_->digest) {
    return Fail({Code::kInvalidArgument, "remote CA does not match fingerprint. Expected: " +
                                             token_->digest.substr(token_->digest.find(':') + 1)});
  }
  if (!token_) {
    parts_.logger.Warn("no join token: the cluster's root certificate is trusted as it came",
                       {{"digest", pki::Sha256Digest(*roots)}});
  }
  UseRoots(*roots);
}

void Joining::UseRoots(const std::string& pem) {
  auto root = pki::RootCa::Load(pem, std::nullopt, parts_.runtime.clock().Now());
  if (!root.ok()) return Fail(root.status());
  if (const Status written = store_.files().WriteRoot(pem); !written.ok()) return Fail(written);
  root_ = std::move(*root);
  Enrol();
}

void Joining::Enrol() {
  // Whoever has a certificate of the cluster's root for this name is a manager.
  DialOptions options;
  options.server_name = std::string(pki::kCaName);
  options.credentials =
      std::make_shared<const Credentials>(Credentials{"", "", root_->roots_pem()});
  auto channel = parts_.network.Dial(parts_.request.join_address, std::move(options));
  if (!channel.ok()) return Fail(channel.status());
  const Route route{std::move(*channel), Peer{"", parts_.request.join_address}, nullptr};
  EnrolmentParts parts{parts_.loop,
                       parts_.runtime,
                       parts_.logger,
                       parts_.request.join_token,
                       pb::NodeSpec::ACTIVE,
                       kPause,
                       [route](bool) { return std::optional(route); }};
  enrolment_ = std::make_shared<Enrolment>(std::move(parts));
  enrolment_->Start([self = shared_from_this()](Result<Issued> issued) {
    if (self->done_) self->OnIssued(std::move(issued));
  });
}

void Joining::OnIssued(Result<Issued> issued) {
  if (!issued.ok()) return Fail(issued.status());
  auto held = CheckHeld(issued->certificate_pem, issued->key, *root_, parts_.runtime.clock().Now());
  if (!held.ok()) return Fail(held.status());
  const Status fips = CheckFips(held->chain.front().subject().organization);
  if (!fips.ok()) return Fail(fips);
  AdoptionParts parts{parts_.loop, parts_.runtime, parts_.network, parts_.logger,
                      *root_,      *held,          issued->route};
  FetchKek(std::move(parts), [self = shared_from_this(), held = *held](const Result<Kek>& kek) {
    if (!self->done_) return;
    if (!kek.ok()) return self->Fail(kek.status());
    self->Save(held, *kek);
  });
}

void Joining::Save(const Held& held, const Kek& kek) {
  auto used = store_.SavePair(pki::EncodeCertificates(held.chain), held.key,
                              RoleOf(held.chain.front()), parts_.kek, kek);
  if (!used.ok()) return Fail(used.status());
  NodeIdentity identity = Describe(held, *root_);
  parts_.logger.Info("joined a cluster",
                     {{"cluster.id", identity.cluster_id},
                      {"node.id", identity.node_id},
                      {"role", identity.role == pb::MANAGER ? "manager" : "worker"}});
  Finish(Joined{std::move(identity), held.chain, *used});
}

void Joining::Fail(const Status& why) {
  const std::string hint = HintFor(why, parts_.request.join_address);
  const Status told = why.WithContext("cannot join the cluster at " + parts_.request.join_address);
  Finish(hint.empty() ? told : Status(told.code(), told.message() + "\nhint: " + hint));
}

void Joining::Finish(Result<Joined> result) {
  if (done_) std::exchange(done_, nullptr)(std::move(result));
}

}  // namespace swarm::ca
