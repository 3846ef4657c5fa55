// One request on its way through curl, and its answer.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>

#include "engine_client/client.h"
#include "engine_client/reactor.h"
#include "multi.h"

namespace swarm::engine {

// How an engine is reached.
struct Endpoint {
  explicit Endpoint(const ClientOptions& options);

  std::string base_url;    // "http://docker", "https://host:2376"
  std::string socket;      // a unix socket's path, or empty
  std::string connect_to;  // curl's "::host:port" where the URL has the certificate's name
  std::optional<TlsFiles> tls;
  Duration connect_timeout;
};

struct Head {
  int status = 0;
  std::string api_version;
  std::string content_type;
};

enum class Verdict : unsigned char { kTaken, kLater, kAbort };

// Threading: [io]. Called within curl's callbacks, where no transfer may end or begin, except
// OnTransferEnd.
class TransferObserver {
 public:
  virtual ~TransferObserver() = default;
  virtual void OnHead(const Head& head) noexcept = 0;
  // kLater: the same bytes come again after ResumeBody.
  virtual Verdict OnBody(std::string_view bytes) noexcept = 0;
  virtual void OnTransferEnd(CURLcode code) noexcept = 0;
};

// Threading: [io]. Destroying it before its end cuts the connection.
class Transfer final : TransferEnd {
 public:
  // `url` is the path with version and query. `request` and `observer` outlive it.
  Transfer(Multi& multi, const Endpoint& endpoint, Request& request, const std::string& url,
           long buffer_bytes, TransferObserver& observer);
  ~Transfer() override;

  Status Begin();
  void ResumeBody();
  void ResumeUpload();

  const Head& head() const { return head_; }
  std::string_view error_text() const { return error_; }
  long system_error() const;

 private:
  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnWrite(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnRead(char* out, std::size_t size, std::size_t count, void* self);
  void OnEnd(CURLcode code) noexcept override;

  void SetEndpoint(const Endpoint& endpoint, const std::string& url);
  void SetTls(const TlsFiles& tls);
  void SetBody();
  void SetHeaders();
  void TakeHeader(std::string_view line);
  void ApplyPauses();

  Multi& multi_;
  Request& request_;
  TransferObserver& observer_;
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  bool added_ = false;
  bool body_paused_ = false;
  bool upload_paused_ = false;
  Head head_;
  char error_[CURL_ERROR_SIZE] = "";
};

}  // namespace swarm::engine
