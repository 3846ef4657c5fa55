#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cfssl/transport.h"
#include "curl_library.h"
#include "gotext/gotext.h"
#include "pki/chain.h"
#include "pki/private_key.h"

namespace swarm::cfssl {

namespace {

constexpr std::size_t kLargestAnswer = 256 << 10;
constexpr int kPollMs = 1000;

// Of one call: what the server must show, and what was wrong with it.
struct Session {
  const Trust& trust;
  std::vector<pki::Certificate> roots;
  WallTime now;
  std::string refused;
  Answer answer;
};

// Paths are built by our own rules, as everywhere: two roots may have the same name.
Status CheckServer(X509_STORE_CTX* store, const Session& session) {
  std::vector<pki::Certificate> chain;
  const STACK_OF(X509)* shown = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 0; i < sk_X509_num(shown); ++i) {
    X509* certificate = sk_X509_value(shown, i);
    X509_up_ref(certificate);
    chain.emplace_back(std::shared_ptr<x509_st>(certificate, X509_free));
  }
  SWARM_RETURN_IF_ERROR(pki::VerifyChain(chain, session.roots, session.now).status());
  if (X509_check_purpose(chain.front().native(), X509_PURPOSE_SSL_SERVER, 0) == 1) return {};
  return {Code::kInvalidArgument, "its certificate is not one of a server"};
}

int VerifyServer(X509_STORE_CTX* store, void* opaque) {
  auto& session = *static_cast<Session*>(opaque);
  const Status status = CheckServer(store, session);
  if (status.ok()) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  session.refused = status.message();
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

bool Present(SSL_CTX* context, const Credentials& credentials) {
  const auto chain = pki::ParseCertificates(credentials.certificate_pem);
  const auto key = pki::PrivateKey::FromPem(credentials.key_pem);
  if (!chain.ok() || !key.ok()) return false;
  if (SSL_CTX_use_certificate(context, chain->front().native()) != 1) return false;
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, (*chain)[i].native()) != 1) return false;
  }
  return SSL_CTX_use_PrivateKey(context, key->native()) == 1;
}

CURLcode SetUpTls(CURL*, void* context, void* opaque) {
  auto* tls = static_cast<SSL_CTX*>(context);
  auto& session = *static_cast<Session*>(opaque);
  SSL_CTX_set_cert_verify_callback(tls, VerifyServer, &session);
  const auto& presented = session.trust.presented;
  if (!presented || presented->certificate_pem.empty()) return CURLE_OK;
  return Present(tls, *presented) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

std::size_t TakeBody(char* data, std::size_t size, std::size_t count, void* opaque) {
  Answer& answer = static_cast<Session*>(opaque)->answer;
  const std::size_t bytes = size * count;
  const std::size_t room = kLargestAnswer - answer.body.size();
  answer.body.append(data, std::min(bytes, room));
  if (bytes <= room) return bytes;
  answer.too_long = true;
  return 0;  // enough is enough
}

class Https final : public Transport {
 public:
  Https(const Clock& clock, Duration timeout) : clock_(clock), timeout_(timeout) {}
  ~Https() override {
    if (multi_ != nullptr) curl_.multi_cleanup(multi_);
  }

  Result<Answer> Post(const std::string& url, const std::string& json,
                      const Trust& trust) override {
    return Run(url, trust, &json);
  }
  Status Connect(const std::string& url, const Trust& trust) override {
    return Run(url, trust, nullptr).status();
  }
  void Cancel() noexcept override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (multi_ != nullptr) curl_.multi_wakeup(multi_);
  }

 private:
  Status Load() {
    if (multi_ != nullptr) return {};
    SWARM_ASSIGN_OR_RETURN(curl_, CurlLibrary::Load());
    const std::lock_guard lock(mutex_);
    multi_ = curl_.multi_init();
    return multi_ != nullptr ? Status() : Status(Code::kUnavailable, "out of memory");
  }

  // `body` null: only connect.
  Result<Answer> Run(const std::string& url, const Trust& trust, const std::string* body) {
    auto roots = pki::ParseCertificates(trust.roots_pem);
    if (!roots.ok()) {
      return Status(Code::kUnavailable, "no root certificate could vouch for the authority");
    }
    SWARM_RETURN_IF_ERROR(Load());
    Session session{trust, std::move(*roots), clock_.Now(), "", {}};
    CURL* easy = curl_.easy_init();
    curl_slist* headers = curl_.slist_append(nullptr, "Content-Type: application/json");
    char error[CURL_ERROR_SIZE] = "";
    Set(easy, CURLOPT_ERRORBUFFER, error);
    SetUp(easy, url, session);
    if (body != nullptr) {
      Set(easy, CURLOPT_POST, 1L);
      Set(easy, CURLOPT_POSTFIELDS, body->data());
      Set(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body->size()));
      Set(easy, CURLOPT_HTTPHEADER, headers);
    } else {
      Set(easy, CURLOPT_CONNECT_ONLY, 1L);
    }
    const CURLcode code = Perform(easy);
    long status = 0;
    long system_error = 0;
    curl_.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_.easy_getinfo(easy, CURLINFO_OS_ERRNO, &system_error);
    curl_.easy_cleanup(easy);
    curl_.slist_free_all(headers);
    if (cancelled_) return Status(Code::kCancelled, "the node is stopping");
    if (code == CURLE_COULDNT_CONNECT && system_error != 0) {
      return Status(Code::kUnavailable,
                    std::generic_category().message(static_cast<int>(system_error)));
    }
    if (code != CURLE_OK && !session.answer.too_long) return Explain(code, error, session);
    session.answer.http_status = static_cast<int>(status);
    return std::move(session.answer);
  }

  template <class T>
  void Set(CURL* easy, CURLoption option, T value) const {
    curl_.easy_setopt(easy, option, value);
  }

  void SetUp(CURL* easy, const std::string& url, Session& session) const {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout_).count();
    Set(easy, CURLOPT_URL, url.c_str());
    Set(easy, CURLOPT_PROTOCOLS_STR, "https");
    Set(easy, CURLOPT_PROXY, "");
    Set(easy, CURLOPT_NOSIGNAL, 1L);
    Set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(ms));
    // Each call shows the certificate of its moment.
    Set(easy, CURLOPT_FRESH_CONNECT, 1L);
    Set(easy, CURLOPT_FORBID_REUSE, 1L);
    Set(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    Set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    // The machine's own authorities have no say here.
    Set(easy, CURLOPT_CAINFO, static_cast<const char*>(nullptr));
    Set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    Set(easy, CURLOPT_SSL_CTX_FUNCTION, SetUpTls);
    Set(easy, CURLOPT_SSL_CTX_DATA, &session);
    Set(easy, CURLOPT_WRITEFUNCTION, TakeBody);
    Set(easy, CURLOPT_WRITEDATA, &session);
  }

  // Through a multi handle, so that another thread can end the wait.
  CURLcode Perform(CURL* easy) {
    if (curl_.multi_add_handle(multi_, easy) != CURLM_OK) return CURLE_FAILED_INIT;
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    while (!cancelled_ && running > 0) {
      if (curl_.multi_perform(multi_, &running) != CURLM_OK) break;
      if (running > 0) curl_.multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
    int left = 0;
    while (const CURLMsg* message = curl_.multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) code = message->data.result;
    }
    curl_.multi_remove_handle(multi_, easy);
    return code;
  }

  Status Explain(CURLcode code, const char* error, const Session& session) const {
    const auto failed = [](std::string why) { return Status(Code::kUnavailable, std::move(why)); };
    if (!session.refused.empty()) {
      return failed("its server cannot be trusted: " + session.refused);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout_).count();
      return failed("no answer within " + gotext::FormatDuration(std::chrono::milliseconds(ms)));
    }
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT) {
      return failed("the URL of an external CA must begin with https://");
    }
    return failed(*error != '\0' ? error : curl_.easy_strerror(code));
  }

  const Clock& clock_;
  const Duration timeout_;
  CurlLibrary curl_;
  std::mutex mutex_;
  CURLM* multi_ = nullptr;  // made by the caller's thread; guarded by mutex_ for Cancel
  std::atomic<bool> cancelled_ = false;
};

}  // namespace

std::unique_ptr<Transport> MakeHttps(const Clock& clock, Duration timeout) {
  return std::make_unique<Https>(clock, timeout);
}

}  // namespace swarm::cfssl
