#include "renewing.h"

#include <algorithm>
#include <utility>

#include "pki/chain.h"

namespace swarm::ca {

namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

// The authority may not have seen yet what makes the node ask.
constexpr Duration kBeforeForced = std::chrono::milliseconds(500);
constexpr Duration kFirstBackoff = 5s;
constexpr Duration kLongestBackoff = 1h;
constexpr int kDoublings = 10;  // 5 s * 2^10 is above an hour

bool UnknownAuthority(const Status& status) {
  return status.message().find("unknown authority") != std::string::npos;
}

}  // namespace

WallTime RenewalTime(const pki::Certificate& leaf, Random& random) {
  const auto minutes =
      std::chrono::duration_cast<std::chrono::minutes>(leaf.not_after() - leaf.not_before());
  const auto low = minutes.count() / 2;
  const auto high = std::max(low + 1, minutes.count() * 4 / 5);
  const auto drawn =
      low + static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(high - low)));
  return leaf.not_before() + std::chrono::minutes(drawn);
}

Renewing::Renewing(RenewingParts parts)
    : parts_(std::move(parts)),
      random_(parts_.runtime.NewRandom()),
      store_(parts_.runtime, parts_.renewal.state_dir) {}

void Renewing::Start() { Schedule(); }

void Renewing::Stop() {
  stopped_ = true;
  timer_.reset();
  if (enrolment_) enrolment_->Cancel();
  enrolment_.reset();
  parts_.renewal.managers.reset();
}

void Renewing::Schedule() {
  const WallTime now = parts_.runtime.clock().Now();
  Later(std::max<Duration>(RenewalTime(parts_.held.chain.front(), *random_) - now, 0s));
}

void Renewing::Later(Duration delay) {
  timer_ = parts_.loop->After(delay, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->stopped_) return;
    const auto fired = std::move(self->timer_);
    self->Run();
  });
}

void Renewing::Renew(std::optional<pb::NodeRole> role) {
  if (stopped_) return;
  if (role) wanted_ = role;
  if (running_) {
    again_ = true;
    return;
  }
  forced_ = true;
  failures_ = 0;
  Later(kBeforeForced);
}

void Renewing::Run() {
  running_ = true;
  again_ = false;
  refreshed_ = false;
  EnrolmentParts parts{parts_.loop,
                       parts_.runtime,
                       parts_.logger,
                       "",
                       pb::NodeSpec::ACTIVE,
                       Duration::zero(),
                       [weak = weak_from_this()](bool remote) -> std::optional<Route> {
                         const auto self = weak.lock();
                         if (!self || self->stopped_) return std::nullopt;
                         return self->FindRoute(remote);
                       }};
  // It may end at once, and is let go of then.
  const auto enrolment = std::make_shared<Enrolment>(std::move(parts));
  enrolment_ = enrolment;
  enrolment->Start([weak = weak_from_this()](Result<Issued> issued) {
    const auto self = weak.lock();
    if (self && !self->stopped_) self->OnIssued(std::move(issued));
  });
}

std::optional<Route> Renewing::FindRoute(bool remote) {
  const auto& managers = parts_.renewal.managers;
  auto own = managers->Local();
  if (own && !remote) return Route{std::move(own), std::nullopt, nullptr};
  if (auto peer = managers->PickRemote()) {
    DialOptions options;
    options.server_name = std::string(pki::kManagerUnit);
    auto channel = parts_.network.Dial(peer->address, std::move(options));
    if (channel.ok()) return Route{std::move(*channel), std::move(peer), managers};
  }
  // A single manager has nobody else to ask.
  if (own) return Route{std::move(own), std::nullopt, nullptr};
  return std::nullopt;
}

void Renewing::OnIssued(Result<Issued> issued) {
  if (!issued.ok()) return Failed(issued.status());
  auto held =
      CheckHeld(issued->certificate_pem, issued->key, parts_.root, parts_.runtime.clock().Now());
  if (held.ok()) return Adopt(*issued, std::move(*held));
  const bool may_refresh = UnknownAuthority(held.status()) && issued->route.peer && !refreshed_ &&
                           RoleOf(parts_.held.chain.front()) == pb::WORKER;
  if (!may_refresh) return Failed(held.status());
  RefreshRoots(std::move(*issued), held.status());
}

void Renewing::RefreshRoots(Issued issued, const Status& why) {
  refreshed_ = true;
  const std::string address = issued.route.peer->address;
  FetchRoots(
      parts_.loop, parts_.network, address,
      [weak = weak_from_this(), issued = std::move(issued), why](const Result<std::string>& roots) {
        const auto self = weak.lock();
        if (!self || self->stopped_) return;
        if (!roots.ok()) return self->Failed(why);
        // Taken only when the certificate in use vouches for them.
        self->SetRoots(*roots);
        self->OnIssued(issued);
      });
}

void Renewing::Adopt(const Issued& issued, Held held) {
  AdoptionParts parts{parts_.loop, parts_.runtime, parts_.network, parts_.logger,
                      parts_.root, held,           issued.route};
  FetchKek(std::move(parts), [weak = weak_from_this(), held](const Result<Kek>& kek) {
    const auto self = weak.lock();
    if (!self || self->stopped_) return;
    if (!kek.ok()) return self->Failed(kek.status());
    self->Save(held, *kek);
  });
}

void Renewing::Save(Held held, const Kek& kek) {
  const pb::NodeRole role = RoleOf(held.chain.front());
  auto used =
      store_.SavePair(pki::EncodeCertificates(held.chain), held.key, role, parts_.kek(), kek);
  if (!used.ok()) return Failed(used.status());
  parts_.kek_used(*used);
  parts_.held = std::move(held);
  if (wanted_ && *wanted_ != role) {
    return Failed({Code::kFailedPrecondition,
                   "the cluster has not given this node its new role "
                   "yet"});
  }
  wanted_.reset();
  forced_ = false;
  failures_ = 0;
  running_ = false;
  enrolment_.reset();
  parts_.logger.Info("the node's certificate was renewed");
  Publish();
  if (again_) return Later(kBeforeForced);
  Schedule();
}

void Renewing::Failed(const Status& why) {
  running_ = false;
  enrolment_.reset();
  const int doublings = std::min(failures_++, kDoublings);
  const Duration most = std::min(kFirstBackoff + kFirstBackoff * (1 << doublings), kLongestBackoff);
  const Duration wait = random_->Between(Duration::zero(), most);
  const bool urgent = forced_ || wanted_;
  parts_.logger.Warn("the node's certificate was not renewed",
                     {{"error", why.message()},
                      {"retry_in_s", std::to_string(wait / std::chrono::seconds(1))},
                      {"why", wanted_  ? "change of role"
                              : urgent ? "asked for"
                                       : "expiry"}});
  Later(again_ ? kBeforeForced : wait);
}

void Renewing::SetRoots(const std::string& pem) {
  if (stopped_ || pem == parts_.root.roots_pem()) return;
  const WallTime now = parts_.runtime.clock().Now();
  auto root = pki::RootCa::Load(pem, std::nullopt, now);
  auto issuer = root.ok() ? pki::VerifyChain(parts_.held.chain, root->roots(), now)
                          : Result<pki::Certificate>(root.status());
  Status status = issuer.status();
  if (status.ok()) status = store_.files().WriteRoot(pem);
  if (!status.ok()) {
    parts_.logger.Warn("the cluster's new root certificates were not adopted",
                       {{"error", status.message()}});
    return;
  }
  parts_.root = std::move(*root);
  parts_.held.issuer = std::move(*issuer);
  parts_.logger.Info("the cluster's root certificates have changed");
  Publish();
}

void Renewing::Publish() {
  NodeIdentity identity = Describe(parts_.held, parts_.root);
  parts_.adopted(identity);
  parts_.renewal.changed(std::move(identity));
}

}  // namespace swarm::ca
