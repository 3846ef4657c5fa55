#include "enrolment.h"

#include <algorithm>
#include <utility>

#include "pki/root_ca.h"

namespace swarm::ca {

namespace {

// Waits between two questions for the same certificate.
constexpr std::chrono::seconds kFirstPoll{1};
constexpr std::chrono::seconds kLongestPoll{30};
constexpr int kPollsOfLongest = 6;  // 1 s + 1 s * 2^5 is above 30 s

// No other manager of the cluster would answer differently.
bool IsFinalRefusal(const Status& status) {
  switch (status.code()) {
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kUnimplemented:
    case Code::kUnauthenticated:
      return true;
    default:
      return false;
  }
}

}  // namespace

Enrolment::Enrolment(EnrolmentParts parts)
    : parts_(std::move(parts)), random_(parts_.runtime.NewRandom()) {}

void Enrolment::Start(Function<void(Result<Issued>)> done) {
  done_ = std::move(done);
  auto key = pki::PrivateKey::Generate();
  if (!key.ok()) return Finish(key.status());
  auto csr = pki::MakeCsr(*key);
  if (!csr.ok()) return Finish(csr.status());
  key_ = std::move(*key);
  csr_ = std::move(*csr);
  Attempt();
}

void Enrolment::Cancel() {
  done_ = nullptr;
  timer_.reset();
}

void Enrolment::Attempt() {
  ++attempts_;
  polls_ = 0;
  Issue();
}

void Enrolment::Issue() {
  route_ = parts_.route(remote_);
  if (!route_) return Retry({Code::kUnavailable, "no manager is known"});
  pb::IssueNodeCertificateRequest request;
  request.set_csr(csr_);
  request.set_token(parts_.token);
  request.set_availability(parts_.availability);
  CallOn<pb::IssueNodeCertificateResponse>(
      parts_.loop, route_->channel, "NodeCA/IssueNodeCertificate", std::move(request),
      [self = shared_from_this()](const auto& reply) { self->OnIssued(reply); });
}

void Enrolment::OnIssued(
    const Result<std::shared_ptr<const pb::IssueNodeCertificateResponse>>& reply) {
  if (!done_) return;
  if (!reply.ok()) {
    route_->Report(false);
    if (IsFinalRefusal(reply.status())) return Finish(reply.status());
    return Retry(reply.status());
  }
  node_id_ = (*reply)->node_id();
  Poll();
}

void Enrolment::Poll() {
  pb::NodeCertificateStatusRequest request;
  request.set_node_id(node_id_);
  CallOn<pb::NodeCertificateStatusResponse>(
      parts_.loop, route_->channel, "NodeCA/NodeCertificateStatus", std::move(request),
      [self = shared_from_this()](const auto& reply) { self->OnStatus(reply); });
}

void Enrolment::OnStatus(
    const Result<std::shared_ptr<const pb::NodeCertificateStatusResponse>>& reply) {
  if (!done_) return;
  if (!reply.ok()) {
    if (reply.status().code() == Code::kNotFound) {
      return Retry({Code::kNotFound, "node " + node_id_ +
                                         " was removed from the cluster while its certificate was "
                                         "waited for"});
    }
    if (reply.status().code() != Code::kDeadlineExceeded) {
      // The request is in the cluster's store by now: another manager tells as well.
      route_->Report(false);
      remote_ = true;
      if (auto other = parts_.route(true)) route_ = std::move(other);
    }
    return OnPending();
  }
  const pb::Certificate& certificate = (*reply)->certificate();
  const auto state = (*reply)->status().state();
  if (certificate.csr() != csr_) return OnPending();
  if (state == pb::IssuanceStatus::FAILED) {
    return Finish(Status(Code::kFailedPrecondition,
                         "the cluster cannot sign the certificate: " + (*reply)->status().err()));
  }
  if (state != pb::IssuanceStatus::ISSUED && state != pb::IssuanceStatus::ROTATE) {
    return OnPending();
  }
  if (certificate.certificate().empty()) {
    return Finish(Status(Code::kDataLoss,
                         "the cluster says it has signed a certificate, but sent "
                         "none"));
  }
  route_->Report(true);
  Finish(Issued{*key_, certificate.certificate(), *route_});
}

void Enrolment::OnPending() {
  ++polls_;
  const auto doubled = kFirstPoll * (1 << (std::min(polls_, kPollsOfLongest) - 1));
  const Duration most = std::min<Duration>(kFirstPoll + doubled, kLongestPoll);
  Later(random_->Between(Duration::zero(), most), &Enrolment::Poll);
}

void Enrolment::Retry(const Status& why) {
  if (attempts_ >= kAttempts) return Finish(why);
  remote_ = true;
  parts_.logger.Info("asking for a certificate again",
                     {{"error", why.message()}, {"attempt", std::to_string(attempts_)}});
  Later(parts_.pause, &Enrolment::Attempt);
}

void Enrolment::Later(Duration delay, void (Enrolment::*next)()) {
  timer_ = parts_.loop->After(delay, [weak = weak_from_this(), next] {
    const auto self = weak.lock();
    if (self && self->done_) (self.get()->*next)();
  });
}

void Enrolment::Finish(Result<Issued> result) {
  if (done_) std::exchange(done_, nullptr)(std::move(result));
}

}  // namespace swarm::ca
