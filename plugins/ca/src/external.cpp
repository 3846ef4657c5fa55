#include "external.h"

#include <algorithm>
#include <utility>

#include "cfssl/spec.h"
#include "pki/chain.h"

namespace swarm::ca {

namespace {

Status Unfit(const std::string& why) {
  return {Code::kPermissionDenied, "the external CA's certificate is of no use: " + why};
}

}  // namespace

bool ExternalSigning::Follow(const pb::Cluster& cluster) {
  const pb::RootCA& root = cluster.root_ca();
  const bool rotating = root.has_root_rotation();
  const std::string& wanted = rotating ? root.root_rotation().ca_cert() : root.ca_cert();
  Terms terms;
  terms.urls = cfssl::UrlsFor(cluster.spec().ca_config(), wanted, root.ca_cert());
  terms.roots_pem = root.ca_cert();
  terms.trusted_pem = root.ca_cert();
  if (rotating) {
    terms.trusted_pem += "\n" + wanted;
    terms.intermediates_pem = cfssl::NormalizedPem(root.root_rotation().cross_signed_ca_cert());
  }
  if (terms == terms_) return false;
  terms_ = std::move(terms);
  return true;
}

void ExternalSigning::Sign(std::string csr_pem, pki::NodeSubject subject, Done done) {
  waiting_.push_back({std::move(csr_pem), std::move(subject), std::move(done)});
  Next();
}

void ExternalSigning::Next() {
  if (busy_ || stopped_ || waiting_.empty()) return;
  busy_ = true;
  Asked asked = std::move(waiting_.front());
  waiting_.pop_front();
  std::string request = cfssl::NodeRequest(asked.csr_pem, asked.subject);
  parts_.client->Sign(
      terms_.urls, std::move(request), terms_.trusted_pem,
      [weak = weak_from_this(), loop = std::weak_ptr(parts_.loop), asked = std::move(asked),
       terms = terms_](Result<std::string> certificate) mutable {
        const auto held = loop.lock();
        if (!held) return;
        held->Post([weak, asked = std::move(asked), terms = std::move(terms),
                    certificate = std::move(certificate)]() mutable {
          const auto self = weak.lock();
          if (self && !self->stopped_) {
            self->OnAnswer(std::move(asked), terms, std::move(certificate));
          }
        });
      });
}

void ExternalSigning::OnAnswer(Asked asked, const Terms& terms,
                               Result<std::string> certificate_pem) {
  busy_ = false;
  auto checked = certificate_pem.ok()
                     ? Check(asked, terms, *certificate_pem, parts_.runtime.clock().Now())
                     : std::move(certificate_pem);
  if (checked.status().code() == Code::kUnavailable) {
    for (Asked& other : std::exchange(waiting_, {})) other.done(checked.status());
  }
  asked.done(std::move(checked));
  Next();
}

Result<std::string> ExternalSigning::Check(const Asked& asked, const Terms& terms,
                                           const std::string& certificate_pem, WallTime now) {
  auto chain = pki::ParseCertificates(certificate_pem);
  if (!chain.ok()) return Unfit(chain.status().message());
  const pki::Certificate& leaf = chain->front();
  SWARM_ASSIGN_OR_RETURN(const std::string key, pki::CsrPublicKeyDer(asked.csr_pem));
  if (leaf.PublicKeyDer() != key) return Unfit("it is for another key than the node's");
  const pki::Subject& subject = leaf.subject();
  const pki::NodeSubject& wanted = asked.subject;
  if (subject.common_name != wanted.node_id || subject.organization != wanted.organization ||
      subject.units != std::vector{wanted.unit}) {
    return Unfit("it is for another name than CN=" + wanted.node_id + ", OU=" + wanted.unit +
                 ", O=" + wanted.organization);
  }
  const auto names = leaf.DnsNames();
  for (const std::string& name : {wanted.unit, wanted.node_id}) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return Unfit("it lacks the alternative name " + name);
    }
  }
  if (!terms.intermediates_pem.empty()) {
    auto more = pki::ParseCertificates(terms.intermediates_pem);
    if (more.ok()) chain->insert(chain->end(), more->begin(), more->end());
  }
  auto roots = pki::ParseCertificates(terms.roots_pem);
  if (!roots.ok()) return roots.status();
  const auto verified = pki::VerifyChain(*chain, *roots, now);
  if (!verified.ok()) return Unfit(verified.status().message());
  return pki::EncodeCertificates(*chain);
}

void ExternalSigning::Stop() {
  stopped_ = true;
  waiting_.clear();
  parts_.client->Cancel();
}

}  // namespace swarm::ca
