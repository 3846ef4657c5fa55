// Calls to one Docker Engine over its HTTP API. Abstract, so that a test can stand in for an
// engine; Reactor (reactor.h) makes the real ones.
//
// Threading: everything is [any] and never blocks, except as said. All callbacks run on the
// reactor's one thread, which all engines share: they must not block, and usually just post to
// their owner's Loop. They may begin, cancel, pause and resume calls, and destroy a Call, but not
// the client. A call ends with `done`, exactly once, never inside the function that began it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine_client/reply.h"
#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::engine {

// "1.41": what a path begins with.
struct ApiVersion {
  int major = 1;
  int minor = 0;

  std::string ToString() const;
  // Nothing when the text is not two numbers with a dot.
  static std::optional<ApiVersion> Parse(std::string_view text);
  friend auto operator<=>(const ApiVersion&, const ApiVersion&) = default;
};

// A call in flight. Destroying it cancels; once `done` has run it is only an empty handle.
class Call {
 public:
  virtual ~Call() = default;
  // `done` follows with kCancelled, unless the call ends by itself first. Idempotent. When it was
  // called on the reactor's thread, nothing but `done` follows.
  virtual void Cancel() noexcept = 0;
  // Streams: no object, frame or bytes come until Resume; what was on its way is kept, in bounds,
  // and then the engine is made to wait. For a consumer that is behind. Idempotent.
  virtual void Pause() noexcept = 0;
  virtual void Resume() noexcept = 0;
  // The body's source has more to give, after it said kLater.
  virtual void ResumeUpload() noexcept = 0;
};
using CallHandle = std::unique_ptr<Call>;

// A body too large to be held, read when the connection has room.
class BodySource {
 public:
  struct Part {
    enum Kind : unsigned char {
      kBytes,   // `count` bytes were written, at least one
      kEnd,     // that was all
      kLater,   // nothing yet; Call::ResumeUpload asks again
      kFailed,  // the call ends with kCancelled
    } kind = kEnd;
    std::size_t count = 0;
  };
  virtual ~BodySource() = default;
  // On the reactor's thread; must not block.
  virtual Part Read(std::span<std::byte> out) noexcept = 0;
};

struct Request {
  std::string method = "GET";
  // Without the version: "/containers/web/start". Names in it through Escape.
  std::string path;
  // Escaped by the client, in this order.
  std::vector<std::pair<std::string, std::string>> query;
  // Such as {"X-Registry-Auth", "..."}. An empty value is sent as an empty header.
  std::vector<std::pair<std::string, std::string>> headers;

  // One of the two, or neither. With a body the content type is application/json unless said.
  std::string body;
  std::unique_ptr<BodySource> source;
  std::string content_type;

  // For the whole of a unary call; for the head of a stream's answer, which then may last for
  // ever. Absent: ClientOptions::call_timeout for unary calls, none for streams.
  std::optional<Duration> timeout;
  // On a connection of its own. An engine that is shutting down lets nobody in any more, but still
  // answers on the connections it has: in such words as it finds on its way out.
  bool fresh = false;
  // Largest answer of a unary call; largest JSON object or frame of a stream. 0: the client's.
  std::size_t limit = 0;

  static Request Get(std::string path) { return Make("GET", std::move(path)); }
  static Request Post(std::string path) { return Make("POST", std::move(path)); }
  static Request PostJson(std::string path, const nlohmann::json& body);
  static Request Put(std::string path) { return Make("PUT", std::move(path)); }
  static Request Delete(std::string path) { return Make("DELETE", std::move(path)); }
  Request&& Query(std::string key, std::string value) && {
    query.emplace_back(std::move(key), std::move(value));
    return std::move(*this);
  }
  Request&& Header(std::string key, std::string value) && {
    headers.emplace_back(std::move(key), std::move(value));
    return std::move(*this);
  }
  Request&& Within(Duration limit) && {
    timeout = limit;
    return std::move(*this);
  }

 private:
  static Request Make(std::string method, std::string path) {
    Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    return request;
  }
};

// A name or id as a part of a path.
std::string Escape(std::string_view text);
// {"label": ["a=b"]} as the engine's query parameter `filters`.
std::string Filters(const std::vector<std::pair<std::string, std::vector<std::string>>>& filters);

// Part of a container's output.
struct Frame {
  enum Stream : unsigned char {
    kStdin = 0,
    kStdout = 1,
    kStderr = 2,
    kEngineError = 3,  // the engine says why it cannot go on
  } stream = kStdout;
  // Valid during the callback. Of raw output: any piece. Otherwise one whole frame.
  std::string_view data;
};

enum class FrameFormat : unsigned char {
  kMultiplexed,  // with the 8-byte headers
  kRaw,          // of a container with a terminal: all is kStdout
};

using ReplyDone = Function<void(Reply)>;

struct JsonStream {
  // The answer's head came, and it is a success. Optional.
  Function<void()> started;
  Function<void(nlohmann::json&)> object;
  // OK when the engine ended the stream in good order.
  ReplyDone done;
};

struct FrameStream {
  FrameFormat format = FrameFormat::kMultiplexed;  // an engine that says its format is believed
  Function<void()> started;
  Function<void(const Frame&)> frame;
  ReplyDone done;
};

struct ByteStream {
  Function<void()> started;
  Function<void(std::string_view)> bytes;
  ReplyDone done;
};

class Client {
 public:
  virtual ~Client() = default;

  // The engine's address as the user wrote it.
  virtual const std::string& address() const noexcept = 0;

  // Before the first call, and again after the engine was away, the client asks the engine for
  // its newest API version and takes the newest that both speak; the calls wait for that. This
  // does it at once, on a connection of its own, and says the result: a cheap question whether the
  // engine is there.
  virtual CallHandle Negotiate(Function<void(Reply, ApiVersion)> done,
                               std::optional<Duration> timeout = {}) noexcept = 0;
  // What was negotiated last; nothing before the first success.
  virtual std::optional<ApiVersion> version() const noexcept = 0;

  // A whole answer. On a kept connection where possible; if the engine had closed that unnoticed
  // (nothing of an answer came), the call is sent once more on a new one.
  [[nodiscard]] virtual CallHandle Send(Request request, ReplyDone done) noexcept = 0;

  // Answers without an end: each has a connection of its own. Events, pull and build progress.
  [[nodiscard]] virtual CallHandle Stream(Request request, JsonStream stream) noexcept = 0;
  // Logs.
  [[nodiscard]] virtual CallHandle Stream(Request request, FrameStream stream) noexcept = 0;
  // Archives, exports.
  [[nodiscard]] virtual CallHandle Stream(Request request, ByteStream stream) noexcept = 0;
  // An answer whose head comes at once and whose body comes when something happens:
  // POST /containers/ID/wait. No limit of time but the request's, on the head. `started` runs
  // when the engine has begun to wait.
  [[nodiscard]] virtual CallHandle Wait(Request request, Function<void()> started,
                                        ReplyDone done) noexcept = 0;

  // [blocking], not on the reactor's thread: cancels every call and returns after their `done`s.
  // Idempotent; the destructor does it too. Calls begun afterwards end with kCancelled.
  virtual void Stop() noexcept = 0;
};

}  // namespace swarm::engine
