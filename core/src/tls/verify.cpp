#include "tls/verify.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <string_view>

namespace swarm::tls {
namespace {

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxIntermediates = 10;

bool HasBegun(X509* certificate, std::int64_t now) {
  std::time_t at = now;
  return X509_cmp_time(X509_get0_notBefore(certificate), &at) < 0;
}

bool HasExpired(X509* certificate, std::int64_t now) {
  std::time_t at = now;
  return X509_cmp_time(X509_get0_notAfter(certificate), &at) <= 0;
}

bool ValidAt(X509* certificate, std::int64_t now) {
  return HasBegun(certificate, now) && !HasExpired(certificate, now);
}

bool Signs(X509* issuer, X509* certificate) {
  return X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer)) == 0 &&
         X509_verify(certificate, X509_get0_pubkey(issuer)) == 1;
}

// `used`: a bit for each intermediate already in the path.
bool Path(X509* certificate, const Certificates& intermediates, const Certificates& roots,
          unsigned used, int depth, std::int64_t now) {
  if (depth > kMaxDepth || !ValidAt(certificate, now)) return false;
  for (X509* root : roots) {
    if (ValidAt(root, now) && Signs(root, certificate)) return true;
  }
  for (unsigned i = 0; i < intermediates.size(); ++i) {
    if ((used >> i & 1U) != 0 || X509_check_ca(intermediates[i]) != 1) continue;
    if (!Signs(intermediates[i], certificate)) continue;
    if (Path(intermediates[i], intermediates, roots, used | 1U << i, depth + 1, now)) return true;
  }
  return false;
}

std::vector<std::string> Entries(const X509_NAME* name, int nid) {
  std::vector<std::string> out;
  for (int at = X509_NAME_get_index_by_NID(name, nid, -1); at >= 0;
       at = X509_NAME_get_index_by_NID(name, nid, at)) {
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0) continue;
    out.emplace_back(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
  }
  return out;
}

std::string FirstOf(std::vector<std::string> entries) {
  return entries.empty() ? std::string() : std::move(entries.front());
}

Status Refused(std::string why) { return {Code::kUnauthenticated, std::move(why)}; }

}  // namespace

bool LeadsToRoot(X509* leaf, const Certificates& intermediates, const Certificates& roots,
                 std::int64_t now) {
  Certificates used(intermediates);
  if (used.size() > kMaxIntermediates) used.resize(kMaxIntermediates);
  const bool found = Path(leaf, used, roots, 0, 0, now);
  ERR_clear_error();
  return found;
}

Status CheckCertificate(X509* leaf, const Certificates& intermediates, const Certificates& roots,
                        Purpose purpose, const std::optional<std::string>& server_name,
                        std::int64_t now) {
  if (!HasBegun(leaf, now)) return Refused("its certificate is not yet valid");
  if (HasExpired(leaf, now)) return Refused("its certificate has expired");
  if (!LeadsToRoot(leaf, intermediates, roots, now)) {
    return Refused("its certificate was signed by an unknown authority");
  }
  const int id = purpose == Purpose::kServer ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;
  if (X509_check_purpose(leaf, id, 0) != 1) {
    ERR_clear_error();
    return Refused(std::string("its certificate is not made for ") +
                   (purpose == Purpose::kServer ? "servers" : "clients"));
  }
  if (server_name && X509_check_host(leaf, server_name->data(), server_name->size(),
                                     X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) != 1) {
    ERR_clear_error();
    return Refused("its certificate is not valid for the name " + *server_name);
  }
  return Status::Ok();
}

Identity IdentityOf(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  Identity identity;
  identity.node_id = FirstOf(Entries(subject, NID_commonName));
  identity.organization = FirstOf(Entries(subject, NID_organizationName));
  identity.roles = Entries(subject, NID_organizationalUnitName);
  return identity;
}

}  // namespace swarm::tls
