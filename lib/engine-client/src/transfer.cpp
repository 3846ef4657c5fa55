#include "transfer.h"

#include <algorithm>
#include <cctype>
#include <span>

namespace swarm::engine {
namespace {

std::string UrlHost(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

long Milliseconds(Duration duration) {
  return std::max<long>(1, std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

}  // namespace

Endpoint::Endpoint(const ClientOptions& options)
    : tls(options.tls), connect_timeout(options.connect_timeout) {
  const Address& address = options.address;
  if (address.local()) {
    base_url = "http://docker";
    socket = address.path;
    return;
  }
  const std::string host_port = UrlHost(address.host) + ":" + std::to_string(address.port);
  base_url = (tls ? "https://" : "http://") + host_port;
  if (tls && !tls->server_name.empty()) {
    base_url = "https://" + tls->server_name + ":" + std::to_string(address.port);
    connect_to = "::" + host_port;
  }
}

Transfer::Transfer(Multi& multi, const Endpoint& endpoint, Request& request, const std::string& url,
                   long buffer_bytes, TransferObserver& observer)
    : multi_(multi), request_(request), observer_(observer), easy_(curl_easy_init()) {
  if (!easy_) return;
  TransferEnd* end = this;
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, end);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, buffer_bytes);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::OnWrite);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  SetEndpoint(endpoint, url);
  SetBody();
  SetHeaders();
}

Transfer::~Transfer() {
  if (added_) multi_.Remove(easy_);
  if (easy_) curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
  curl_slist_free_all(connect_to_);
}

Status Transfer::Begin() {
  if (!easy_) return {Code::kInternal, "no memory for another call"};
  SWARM_RETURN_IF_ERROR(multi_.Add(easy_));
  added_ = true;
  return Status::Ok();
}

void Transfer::SetEndpoint(const Endpoint& endpoint, const std::string& url) {
  curl_easy_setopt(easy_, CURLOPT_URL, (endpoint.base_url + url).c_str());
  // An engine's address says all; the environment's proxies are for others.
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  // "." and ".." in a path are the engine's business.
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(endpoint.connect_timeout));
  if (!endpoint.socket.empty()) {
    curl_easy_setopt(easy_, CURLOPT_UNIX_SOCKET_PATH, endpoint.socket.c_str());
    return;
  }
  // A host that went away without a word shows after two minutes.
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPINTVL, 10L);
  if (endpoint.tls) SetTls(*endpoint.tls);
  if (!endpoint.connect_to.empty()) {
    connect_to_ = curl_slist_append(nullptr, endpoint.connect_to.c_str());
    curl_easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to_);
  }
}

void Transfer::SetTls(const TlsFiles& tls) {
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // New connections use the files as they are now: no sessions and no authorities remembered.
  curl_easy_setopt(easy_, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  curl_easy_setopt(easy_, CURLOPT_CA_CACHE_TIMEOUT, 0L);
  if (!tls.ca.empty()) {
    curl_easy_setopt(easy_, CURLOPT_CAINFO, tls.ca.c_str());
    curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
  }
  if (!tls.cert.empty()) {
    curl_easy_setopt(easy_, CURLOPT_SSLCERT, tls.cert.c_str());
    curl_easy_setopt(easy_, CURLOPT_SSLKEY, tls.key.c_str());
  }
}

void Transfer::SetBody() {
  if (request_.source) {
    curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &Transfer::OnRead);
    curl_easy_setopt(easy_, CURLOPT_READDATA, this);
    // A source cannot be read twice, so it must not meet a kept connection that is dead.
    curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
  } else if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT") {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body.size()));
  } else if (request_.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  }
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  if (!request_.fresh) return;
  curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy_, CURLOPT_FORBID_REUSE, 1L);  // else they would pile up
}

void Transfer::SetHeaders() {
  const auto add = [&](const std::string& line) {
    headers_ = curl_slist_append(headers_, line.c_str());
  };
  add("User-Agent: swarmd");
  add("Expect:");  // no round trip before a large body
  const bool has_body = request_.source || !request_.body.empty();
  if (!has_body) {
    add("Content-Type:");
  } else if (request_.content_type.empty()) {
    add("Content-Type: application/json");
  } else {
    add("Content-Type: " + request_.content_type);
  }
  // A name with ";" is how curl is told to send an empty header.
  for (const auto& [name, value] : request_.headers)
    add(value.empty() ? name + ";" : name + ": " + value);
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
}

void Transfer::TakeHeader(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    head_ = Head();  // of the final answer, after a 100
    return;
  }
  if (line.empty()) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    head_.status = static_cast<int>(status);
    if (status >= 200) observer_.OnHead(head_);
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  const std::string_view name = line.substr(0, colon);
  if (SameName(name, "Api-Version")) head_.api_version = std::string(value);
  if (SameName(name, "Content-Type")) head_.content_type = std::string(value);
}

std::size_t Transfer::OnHeader(char* data, std::size_t size, std::size_t count, void* self) {
  static_cast<Transfer*>(self)->TakeHeader({data, size * count});
  return size * count;
}

std::size_t Transfer::OnWrite(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  switch (transfer.observer_.OnBody({data, size * count})) {
    case Verdict::kTaken:
      return size * count;
    case Verdict::kLater:
      transfer.body_paused_ = true;
      return CURL_WRITEFUNC_PAUSE;
    case Verdict::kAbort:
      return CURL_WRITEFUNC_ERROR;
  }
  return CURL_WRITEFUNC_ERROR;
}

std::size_t Transfer::OnRead(char* out, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const auto part =
      transfer.request_.source->Read(std::as_writable_bytes(std::span(out, size * count)));
  switch (part.kind) {
    case BodySource::Part::kBytes:
      return part.count;
    case BodySource::Part::kEnd:
      return 0;
    case BodySource::Part::kLater:
      transfer.upload_paused_ = true;
      return CURL_READFUNC_PAUSE;
    case BodySource::Part::kFailed:
      break;
  }
  return CURL_READFUNC_ABORT;
}

void Transfer::ApplyPauses() {
  int mask = CURLPAUSE_CONT;
  if (body_paused_) mask |= CURLPAUSE_RECV;
  if (upload_paused_) mask |= CURLPAUSE_SEND;
  curl_easy_pause(easy_, mask);
}

void Transfer::ResumeBody() {
  if (std::exchange(body_paused_, false) && added_) ApplyPauses();
}

void Transfer::ResumeUpload() {
  if (std::exchange(upload_paused_, false) && added_) ApplyPauses();
}

void Transfer::OnEnd(CURLcode code) noexcept {
  added_ = false;
  observer_.OnTransferEnd(code);
}

long Transfer::system_error() const {
  long number = 0;
  curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &number);
  return number;
}

}  // namespace swarm::engine
