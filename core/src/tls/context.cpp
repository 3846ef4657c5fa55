#include "tls/context.h"

#include <openssl/err.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace swarm::tls {
namespace {

constexpr std::string_view kAlpn = "\x02h2";
constexpr long kMaxChainBytes = 64 << 10;

std::int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Certificates Borrow(STACK_OF(X509) * chain) {
  Certificates out;
  for (int i = 0; i < sk_X509_num(chain); ++i) out.push_back(sk_X509_value(chain, i));
  return out;
}

// Takes the place of OpenSSL's verification. 1: trusted.
int Verify(X509_STORE_CTX* store, void*) {
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& job = *static_cast<Verification*>(SSL_get_app_data(ssl));
  if (job.peer == Purpose::kServer && !job.server_name) return 1;
  const Status status = CheckCertificate(
      X509_STORE_CTX_get0_cert(store), Borrow(X509_STORE_CTX_get0_untrusted(store)),
      job.context->roots(), job.peer, job.server_name, UnixNow());
  if (status.ok()) return 1;
  job.refused_because = status.message();
  // Decides which alert the peer gets.
  X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  return 0;
}

// HTTP/2 when it is offered; peers that offer nothing, as Go nodes after a renewal, are welcome.
int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned in_size, void*) {
  for (unsigned at = 0; at < in_size; at += 1U + in[at]) {
    const std::string_view offered(reinterpret_cast<const char*>(in) + at,
                                   std::min(1U + in[at], in_size - at));
    if (offered != kAlpn) continue;
    *out = in + at + 1;
    *out_size = 2;
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

void Harden(SSL_CTX* ctx) {
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
  // A resumed session would skip new roots, and a renegotiated one change its peer.
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(ctx, 0);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_NO_AUTO_CHAIN);
  // A record is one call of the system, not one for its header and one for the rest.
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_max_cert_list(ctx, kMaxChainBytes);
  SSL_CTX_set_cert_verify_callback(ctx, Verify, nullptr);
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::Make(const Credentials& credentials) {
  std::shared_ptr<TlsContext> made(new TlsContext());
  SWARM_RETURN_IF_ERROR(made->Load(credentials));
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Status TlsContext::Load(const Credentials& credentials) {
  SWARM_ASSIGN_OR_RETURN(roots_, ParseCertificates(credentials.roots_pem, "the trusted roots"));
  has_certificate_ = !credentials.certificate_pem.empty();
  SWARM_ASSIGN_OR_RETURN(server_, NewContext(TLS_server_method(), credentials));
  SWARM_ASSIGN_OR_RETURN(client_, NewContext(TLS_client_method(), credentials));

  SSL_CTX_set_verify(server_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_select_cb(server_.get(), SelectAlpn, nullptr);
  for (const auto& root : roots_) SSL_CTX_add_client_CA(server_.get(), root.get());
  SSL_CTX_set_alpn_protos(client_.get(), reinterpret_cast<const unsigned char*>(kAlpn.data()),
                          static_cast<unsigned>(kAlpn.size()));
  return Status::Ok();
}

Result<SslContextPtr> TlsContext::NewContext(const SSL_METHOD* method,
                                             const Credentials& credentials) const {
  SslContextPtr ctx(SSL_CTX_new(method));
  if (!ctx) return Status(Code::kResourceExhausted, "no memory for a TLS context");
  Harden(ctx.get());
  if (!has_certificate_) return ctx;
  SWARM_ASSIGN_OR_RETURN(const auto chain,
                         ParseCertificates(credentials.certificate_pem, "the certificate"));
  if (chain.empty()) {
    return Status(Code::kInvalidArgument, "the certificate: there is none in the PEM text");
  }
  SWARM_ASSIGN_OR_RETURN(const KeyPtr key, ParseKey(credentials.key_pem));
  if (SSL_CTX_use_certificate(ctx.get(), chain.front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(ctx.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(ctx.get()) != 1) {
    return Status(Code::kInvalidArgument,
                  "certificate and private key cannot be used: " + TakeError("they differ"));
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    SSL_CTX_add1_chain_cert(ctx.get(), chain[i].get());
  }
  return ctx;
}

Certificates TlsContext::roots() const {
  Certificates out;
  for (const auto& root : roots_) out.push_back(root.get());
  return out;
}

SslPtr TlsContext::NewServer(int fd, Verification& verification) const {
  verification.context = shared_from_this();
  verification.peer = Purpose::kClient;
  SslPtr ssl(SSL_new(server_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
  SSL_set_app_data(ssl.get(), &verification);
  SSL_set_accept_state(ssl.get());
  return ssl;
}

SslPtr TlsContext::NewClient(int fd, Verification& verification) const {
  verification.context = shared_from_this();
  verification.peer = Purpose::kServer;
  SslPtr ssl(SSL_new(client_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
  SSL_set_app_data(ssl.get(), &verification);
  SSL_set_verify(ssl.get(), verification.server_name ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (verification.server_name) {
    SSL_set_tlsext_host_name(ssl.get(), verification.server_name->c_str());
  }
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace swarm::tls
