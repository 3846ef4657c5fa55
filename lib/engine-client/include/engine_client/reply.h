// How a call to an engine ended.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "swarm/status.h"

namespace swarm::engine {

// Says more than the Status's code, which is given behind each.
enum class Failure : std::uint8_t {
  kNone,
  // The engine answered with an error.
  kBadRequest,      // 400 and every other 4xx: InvalidArgument
  kUnauthorized,    // 401: Unauthenticated
  kForbidden,       // 403: PermissionDenied
  kNotFound,        // 404: NotFound
  kConflict,        // 409: FailedPrecondition. Name taken, container not running, in use ...
  kNotImplemented,  // 501: Unimplemented
  kServerError,     // every other 5xx: Internal; Unavailable where `engine_down` is true
  // There was no answer, or no whole one.
  kUnreachable,     // no such socket or host, connection refused: Unavailable. Nothing was done
  kConnectionLost,  // ended before the whole answer: Unavailable. May have been done
  kTimedOut,        // DeadlineExceeded. May have been done, or go on
  kCancelled,       // Cancelled. May have been done, or go on
  kUntrusted,       // TLS: either side refuses the other's certificate: Unauthenticated
  kGarbage,         // what came is not HTTP, or not the JSON or frames asked for: DataLoss
  kTooLarge,        // the answer is over its limit: ResourceExhausted
  kBadVersion,      // no API version that both speak: FailedPrecondition
  kInternal,        // this client's own trouble, such as no memory: Internal
};

struct Reply {
  Failure failure = Failure::kNone;
  // Names the engine's address and the call, and says what the engine said:
  // "engine unix:///run/docker.sock: POST /containers/web/start: no such container: web".
  Status status;
  // 0 when there was no answer. 200 to 399 are successes, so 304 is: it was so already.
  int http_status = 0;
  // Unary calls: the whole body of a success. Streams: empty.
  std::string body;
  // The engine's own message of an error, without our context.
  std::string engine_message;

  bool ok() const { return failure == Failure::kNone; }
  bool not_modified() const { return http_status == 304; }
  // The engine is gone, hung or about to stop, as far as one can tell: keep what runs, call again
  // later, with growing pauses. The next call may well succeed, but what was begun may be lost.
  bool engine_down() const;
  // The body as JSON; DataLoss with the call's name when it is none.
  Result<nlohmann::json> Json() const;

  // "engine <address>: <method> <path>", in front of every message.
  std::string context;
};

}  // namespace swarm::engine
