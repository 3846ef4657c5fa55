#include "signing_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "pki/certificate.h"
#include "pki/pem.h"
#include "pki/private_key.h"

namespace swarm::cfssl::test {

namespace {

using nlohmann::json;

constexpr int kTickMs = 50;

void Extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, made, -1);
  X509_EXTENSION_free(made);
}

// A certificate of a key and a name, by the root; extensions are added by `extend`.
std::string Make(const pki::RootCa& root, EVP_PKEY* key, const X509_NAME* name,
                 const auto& extend) {
  const auto signing = pki::PrivateKey::FromPem(root.KeyPem()).value();
  X509* issuer = root.roots().front().native();
  const std::shared_ptr<X509> made(X509_new(), X509_free);
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), std::rand() + 1L);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600L * 24 * 365 * 5);
  X509_set_pubkey(made.get(), key);
  X509_set_subject_name(made.get(), name);
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  extend(made.get(), issuer);
  X509_sign(made.get(), signing.native(), EVP_sha256());
  return pki::Certificate(made).Pem();
}

struct Shown {
  std::string certificate_pem;
  pki::PrivateKey key;
};

Shown ServerCertificate(const pki::RootCa& root, const std::string& name) {
  auto key = pki::PrivateKey::Generate().value();
  const std::shared_ptr<X509_NAME> subject(X509_NAME_new(), X509_NAME_free);
  X509_NAME_add_entry_by_txt(subject.get(), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("authority"), -1, -1, 0);
  std::string pem = Make(root, key.native(), subject.get(), [&](X509* made, X509* issuer) {
    Extend(made, issuer, NID_subject_alt_name, name);
    Extend(made, issuer, NID_ext_key_usage, "serverAuth");
  });
  return {std::move(pem), std::move(key)};
}

std::string Http(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

bool Write(SSL* ssl, const std::string& bytes) {
  return SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

std::string HeaderOf(const std::string& head, const std::string& name) {
  const auto at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const auto from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

// Head and body of one request; empty when the client went away.
std::pair<std::string, std::string> Read(SSL* ssl) {
  std::string text;
  char buffer[8192];
  for (;;) {
    const auto end = text.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::string head = text.substr(0, end + 2);
      const auto size = std::strtoul(HeaderOf(head, "Content-Length").c_str(), nullptr, 10);
      if (text.size() >= end + 4 + size) return {head, text.substr(end + 4, size)};
    }
    const int count = SSL_read(ssl, buffer, sizeof buffer);
    if (count <= 0) return {};
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

std::string ClientName(SSL* ssl) {
  X509* shown = SSL_get1_peer_certificate(ssl);
  if (shown == nullptr) return "";
  return pki::Certificate(std::shared_ptr<X509>(shown, X509_free)).subject().common_name;
}

}  // namespace

struct SigningServer::Tls {
  Tls(const pki::RootCa& server_root, const pki::RootCa& clients, const std::string& name) {
    const Shown shown = ServerCertificate(server_root, name);
    SSL_CTX_use_certificate(context.get(),
                            pki::ParseCertificates(shown.certificate_pem)->front().native());
    SSL_CTX_use_PrivateKey(context.get(), shown.key.native());
    for (const pki::Certificate& root : clients.roots()) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), root.native());
    }
    SSL_CTX_set_mode(context.get(), SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER,
                       [](int, X509_STORE_CTX*) { return 1; });  // the test looks at the name
  }
  const std::shared_ptr<SSL_CTX> context{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
};

SigningServer::SigningServer(pki::RootCa root, Options options)
    : root_(std::move(root)),
      options_(std::move(options)),
      tls_(std::make_unique<Tls>(options_.server_root != nullptr ? *options_.server_root : root_,
                                 root_, options_.server_name)) {
  signal(SIGPIPE, SIG_IGN);  // as swarmd does
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0) std::abort();
  getsockname(listener_, generic, &size);
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

SigningServer::~SigningServer() {
  stopping_ = true;
  accepting_.join();
  for (std::thread& thread : serving_) thread.join();
  close(listener_);
}

std::vector<SigningServer::Request> SigningServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void SigningServer::Accept() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kTickMs) != 1) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) serving_.emplace_back([this, fd] { Serve(fd); });
  }
}

void SigningServer::Serve(int fd) {
  timeval patience{2, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  SSL* ssl = SSL_new(tls_->context.get());
  SSL_set_fd(ssl, fd);
  if (SSL_accept(ssl) == 1) {
    const auto [head, text] = Read(ssl);
    const json body = json::parse(text, nullptr, false);
    if (!head.empty()) {
      const std::lock_guard lock(mutex_);
      const auto from = head.find(' ') + 1;
      requests_.push_back({body, ClientName(ssl), HeaderOf(head, "Content-Type"),
                           head.substr(from, head.find(' ', from) - from)});
    }
    if (mood_ == Mood::kEndless) {
      Write(ssl, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"success\": true, \"result\": \"");
      while (!stopping_ && Write(ssl, std::string(16384, 'x'))) {
      }
    } else if (mood_ == Mood::kSilent) {
      pollfd waiting{fd, POLLIN, 0};
      while (!stopping_ && poll(&waiting, 1, kTickMs) == 0) {
      }
    } else if (!head.empty()) {
      Write(ssl, Answer(body));
      SSL_shutdown(ssl);
    }
  }
  SSL_free(ssl);
  close(fd);
}

std::string SigningServer::Answer(const json& body) {
  const json refusal = {{"success", false},
                        {"result", nullptr},
                        {"errors", {{{"code", 1}, {"message", "not today"}}}}};
  switch (mood_.load()) {
    case Mood::kFails:
      return Http(500, "out of order");
    case Mood::kGarbage:
      return Http(200, "<html>");
    case Mood::kRefuses:
      return Http(200, refusal.dump());
    default:
      break;
  }
  const std::string certificate = body.is_object() ? SignFor(body) : "";
  if (certificate.empty()) return Http(200, refusal.dump());
  return Http(200, json({{"success", true},
                         {"result", {{"certificate", certificate}}},
                         {"errors", json::array()},
                         {"messages", json::array()}})
                       .dump());
}

std::string SigningServer::SignFor(const json& body) {
  std::string csr = body["certificate_request"];
  const auto& subject = body["subject"];
  const auto now = std::chrono::system_clock::now();
  if (body["profile"] != "CA") {
    const auto& names = subject["names"][0];
    std::string id = subject["CN"];
    if (mood_ == Mood::kAnotherName) id = "somebody-else";
    if (mood_ == Mood::kAnotherKey) csr = *pki::MakeCsr(*pki::PrivateKey::Generate());
    const auto made =
        root_.SignNode(csr, {id, names["OU"], names["O"]}, std::chrono::hours(24 * 90), now);
    return made.ok() ? *made : "";
  }
  if (!options_.signs_authorities) return "";
  const std::string der = pki::DecodePem(csr).blocks.at(0).bytes;
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const std::shared_ptr<X509_REQ> request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())),
                                          X509_REQ_free);
  return Make(root_, X509_REQ_get0_pubkey(request.get()), X509_REQ_get_subject_name(request.get()),
              [&](X509* made, X509* issuer) {
                for (const json& extension : body["extensions"]) {
                  if (extension["id"] == "2.5.29.19" && extension["value"] == "30030101ff") {
                    Extend(made, issuer, NID_basic_constraints, "critical,CA:TRUE");
                  }
                }
                Extend(made, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
                Extend(made, issuer, NID_subject_key_identifier, "hash");
                Extend(made, issuer, NID_authority_key_identifier, "keyid");
              });
}

}  // namespace swarm::cfssl::test
