#include "failures.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace swarm::engine {
namespace {

struct Kind {
  int http_status;
  Failure failure;
};
constexpr Kind kKinds[] = {{401, Failure::kUnauthorized},
                           {403, Failure::kForbidden},
                           {404, Failure::kNotFound},
                           {409, Failure::kConflict},
                           {501, Failure::kNotImplemented}};

Failure FailureOf(int http_status) {
  for (const Kind& kind : kKinds) {
    if (kind.http_status == http_status) return kind.failure;
  }
  return http_status >= 500 ? Failure::kServerError : Failure::kBadRequest;
}

Code CodeOf(Failure failure) {
  switch (failure) {
    case Failure::kNone:
      return Code::kOk;
    case Failure::kBadRequest:
      return Code::kInvalidArgument;
    case Failure::kUnauthorized:
    case Failure::kUntrusted:
      return Code::kUnauthenticated;
    case Failure::kForbidden:
      return Code::kPermissionDenied;
    case Failure::kNotFound:
      return Code::kNotFound;
    case Failure::kConflict:
    case Failure::kBadVersion:
      return Code::kFailedPrecondition;
    case Failure::kNotImplemented:
      return Code::kUnimplemented;
    case Failure::kUnreachable:
    case Failure::kConnectionLost:
      return Code::kUnavailable;
    case Failure::kTimedOut:
      return Code::kDeadlineExceeded;
    case Failure::kCancelled:
      return Code::kCancelled;
    case Failure::kGarbage:
      return Code::kDataLoss;
    case Failure::kTooLarge:
      return Code::kResourceExhausted;
    case Failure::kServerError:
    case Failure::kInternal:
      return Code::kInternal;
  }
  return Code::kInternal;
}

// What an engine says that is about to stop, or whose containerd is away.
bool SaysItIsStopping(std::string_view message) {
  constexpr std::string_view kWords[] = {"containerd.sock", "transport is closing",
                                         "context canceled", "shutting down"};
  return std::any_of(std::begin(kWords), std::end(kWords), [&](std::string_view words) {
    return message.find(words) != std::string_view::npos;
  });
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string MessageIn(std::string_view body, int http_status) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object()) {
    const auto found = json.find("message");
    if (found != json.end() && found->is_string()) return found->get<std::string>();
  }
  const std::string_view text = Trimmed(body);
  if (!text.empty() && text.size() <= 4096) return std::string(text);
  return "HTTP status " + std::to_string(http_status);
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Reply ConnectFailed(std::string_view context, long system_error, std::string_view detail) {
  switch (system_error) {
    case ENOENT:
      return Failed(context, Failure::kUnreachable,
                    "there is no such socket; is the engine running?");
    case ECONNREFUSED:
      return Failed(context, Failure::kUnreachable, "connection refused; is the engine running?");
    case EACCES:
    case EPERM:
      return Failed(context, Failure::kForbidden,
                    "no permission to open the socket; run as root or in the socket's group");
    case EMFILE:
    case ENFILE:
      return Failed(context, Failure::kInternal,
                    "too many open files; raise the limit of open files (ulimit -n)");
    case 0:
      return Failed(context, Failure::kUnreachable, detail);
    default:
      return Failed(context, Failure::kUnreachable, std::strerror(static_cast<int>(system_error)));
  }
}

// With TLS 1.3 the other side's refusal comes after the handshake, as an alert in its data.
bool IsTlsAlert(std::string_view detail) {
  return Contains(detail, "alert") && (Contains(detail, "SSL") || Contains(detail, "TLS"));
}

Reply Lost(std::string_view context, std::string_view detail) {
  std::string text = "the connection ended before the whole answer";
  if (!detail.empty()) text.append(" (").append(detail).append(")");
  return Failed(context, Failure::kConnectionLost, text);
}

Reply NotHttp(std::string_view context, std::string_view detail) {
  return Failed(context, Failure::kGarbage,
                "the answer is not HTTP as a Docker Engine speaks it (" + std::string(detail) +
                    "); is the address an engine's, and with or without TLS as the engine is?");
}

}  // namespace

bool Reply::engine_down() const {
  return failure == Failure::kUnreachable || failure == Failure::kConnectionLost ||
         failure == Failure::kTimedOut ||
         (failure == Failure::kServerError && status.code() == Code::kUnavailable);
}

Result<nlohmann::json> Reply::Json() const {
  auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_discarded()) return json;
  return Status(Code::kDataLoss, context + ": the answer is not JSON");
}

Reply Failed(std::string_view context, Failure failure, std::string_view what) {
  Reply reply;
  reply.failure = failure;
  reply.context = std::string(context);
  reply.status = Status(CodeOf(failure), reply.context + ": " + std::string(what));
  return reply;
}

Reply RefusedByEngine(std::string_view context, int http_status, std::string_view body) {
  std::string message = MessageIn(body, http_status);
  Reply reply = Failed(context, FailureOf(http_status), message);
  if (reply.failure == Failure::kServerError && SaysItIsStopping(message))
    reply.status = Status(Code::kUnavailable, reply.status.message());
  reply.http_status = http_status;
  reply.engine_message = std::move(message);
  return reply;
}

Reply Broken(std::string_view context, CURLcode code, long system_error, std::string_view detail) {
  if (detail.empty()) detail = curl_easy_strerror(code);
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return ConnectFailed(context, system_error, detail);
    case CURLE_COULDNT_RESOLVE_HOST:
      return Failed(context, Failure::kUnreachable, detail);
    case CURLE_OPERATION_TIMEDOUT:  // only the connect has curl's own limit
      return Failed(context, Failure::kUnreachable, "no connection in time; is the host up?");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return Failed(context, Failure::kUntrusted, detail);
    case CURLE_SSL_CONNECT_ERROR:
      // A server that speaks no TLS answers with what is no record of it.
      if (Contains(detail, "wrong version number")) return NotHttp(context, detail);
      if (system_error == ECONNRESET || Contains(detail, "SSL_ERROR_SYSCALL"))
        return Lost(context, detail);
      return Failed(context, Failure::kUntrusted, detail);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return NotHttp(context, detail);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      if (IsTlsAlert(detail)) return Failed(context, Failure::kUntrusted, detail);
      if (Contains(detail, "chunked-encoding") || Contains(detail, "too large") ||
          Contains(detail, "Too large"))
        return NotHttp(context, detail);
      return Lost(context, detail);
    default:
      return Failed(context, Failure::kInternal, detail);
  }
}

bool RefusesVersion(const Reply& reply) {
  return reply.http_status == 400 && reply.engine_message.find("client version") == 0;
}

}  // namespace swarm::engine
