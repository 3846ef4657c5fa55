// Calls between parts, machines and programs. Production binds these interfaces to gRPC over TLS,
// a node's calls to itself stay in memory, and a simulation delivers them with loss, delay and
// reordering; handlers and callers cannot tell.
//
// Every method is described by its .proto file: who may call it and whether this manager or the
// leader answers (swarmkit/v1/access.proto). A handler is registered in the Router under the
// method's full name, "/docker.swarmkit.v1.Control/GetNode", and never checks roles itself.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace google::protobuf {
class Message;
}

namespace swarm {

// One message of a call: bytes as they came, or a message object, converted when asked for. So a
// forwarded call is never parsed, and a call in memory never serialised.
// Threading: a value; shares its content, which is immutable.
class SWARM_EXPORT Payload {
 public:
  Payload() = default;  // an empty message
  static Payload FromBytes(std::string bytes);
  static Payload FromMessage(std::shared_ptr<const google::protobuf::Message> message);
  template <class M>
  static Payload Of(M message) {
    return FromMessage(std::make_shared<const M>(std::move(message)));
  }

  // InvalidArgument when the bytes are not a message of type M.
  template <class M>
  Result<std::shared_ptr<const M>> As() const {
    auto fresh = std::make_shared<M>();
    SWARM_ASSIGN_OR_RETURN(auto message, Convert(fresh));
    return std::static_pointer_cast<const M>(message);
  }
  std::string Bytes() const;
  std::size_t ByteSize() const;

 private:
  Result<std::shared_ptr<const google::protobuf::Message>> Convert(
      std::shared_ptr<google::protobuf::Message> into) const;

  std::shared_ptr<const std::string> bytes_;
  std::shared_ptr<const google::protobuf::Message> message_;
};

// Who calls: the subject of a verified certificate, or this node itself on the local socket.
struct Identity {
  std::string node_id;             // CN
  std::string organization;        // O: the cluster
  std::vector<std::string> roles;  // OUs: "swarm-manager", "swarm-worker"
};

enum class Listener : unsigned char { kLocal, kRemote };

using Metadata = std::multimap<std::string, std::string, std::less<>>;

// What a handler may know of its caller. Threading: [any]. Shared until the call has ended.
class SWARM_EXPORT CallContext {
 public:
  virtual ~CallContext();
  virtual const std::string& method() const noexcept = 0;  // "/package.Service/Method"
  virtual Listener listener() const noexcept = 0;
  // The effective caller: the forwarded one of a call that another manager passed on. Absent
  // when the caller showed no certificate.
  virtual const std::optional<Identity>& caller() const noexcept = 0;
  // "ip:port"; of the original caller when forwarded; "@" on the local socket.
  virtual const std::string& remote_address() const noexcept = 0;
  virtual const Metadata& metadata() const noexcept = 0;
  virtual std::optional<SteadyTime> deadline() const noexcept = 0;
  // Runs `fn` once, on some thread, when the caller gives up or its connection ends before the
  // call has; at once if that has happened already; never after the call has ended.
  virtual void OnCancel(Function<void()> fn) noexcept = 0;
  virtual bool cancelled() const noexcept = 0;
};
using CallContextPtr = std::shared_ptr<CallContext>;

// Must be called exactly once, from any thread. Dropping it uncalled answers Internal.
using UnaryReply = Function<void(Result<Payload>)>;

class SWARM_EXPORT UnaryHandler {
 public:
  virtual ~UnaryHandler();
  // [any] Must not block.
  virtual void Handle(CallContextPtr context, Payload request, UnaryReply reply) noexcept = 0;
};

// The serving side of one open stream; the request of a server-streaming call is its first Read.
// Threading: [any]. Shared; a stream dropped without Finish ends with Cancelled.
class SWARM_EXPORT ServerStream {
 public:
  virtual ~ServerStream();
  virtual const CallContextPtr& context() const noexcept = 0;
  // The next message, or nothing once the caller has closed its side or the call was cancelled.
  // One outstanding at a time.
  virtual void Read(Function<void(std::optional<Payload>)> done) noexcept = 0;
  // Queues a message. `done(false)` means that it will never arrive. Keep one or few outstanding:
  // the queue is the handler's to bound. Calls after Finish are dropped with done(false).
  virtual void Send(Payload message, Function<void(bool sent)> done) noexcept = 0;
  // Ends the call after what is queued. The first call wins.
  virtual void Finish(Status status) noexcept = 0;
};
using ServerStreamPtr = std::shared_ptr<ServerStream>;

class SWARM_EXPORT StreamHandler {
 public:
  virtual ~StreamHandler();
  // [any] Must not block.
  virtual void Open(ServerStreamPtr stream) noexcept = 0;
};

// The calling side of one open stream. Threading: [any]. Dropping it cancels.
class SWARM_EXPORT ClientStream {
 public:
  virtual ~ClientStream();
  virtual void Send(Payload message, Function<void(bool sent)> done) noexcept = 0;
  // No more messages from us.
  virtual void CloseSend() noexcept = 0;
  // The next message; nothing when the peer has finished with OK; else its Status. One
  // outstanding at a time.
  virtual void Read(Function<void(Result<std::optional<Payload>>)> done) noexcept = 0;
  // Outstanding callbacks end soon, with Cancelled.
  virtual void Cancel() noexcept = 0;
};

// A call under way; dropping it does not cancel.
class SWARM_EXPORT PendingCall {
 public:
  virtual ~PendingCall();
  virtual void Cancel() noexcept = 0;
};

struct CallOptions {
  std::optional<Duration> timeout;
  Metadata metadata;
  // Wait for a connection instead of failing at once with Unavailable.
  bool wait_for_ready = false;
};

// The way to one peer. Reconnects by itself. Threading: [any]; callbacks run on any thread and
// must not block. Once the channel is destroyed, outstanding calls end with Cancelled.
class SWARM_EXPORT Channel {
 public:
  virtual ~Channel();
  virtual std::shared_ptr<PendingCall> Call(std::string_view method, CallOptions options,
                                            Payload request,
                                            Function<void(Result<Payload>)> done) noexcept = 0;
  virtual std::shared_ptr<ClientStream> Open(std::string_view method,
                                             CallOptions options) noexcept = 0;
};

// Where handlers are found. Threading: [any].
// A registration lasts as long as the object returned; destroying it makes the method answer
// Unavailable and waits for no call under way. FailedPrecondition when the name is taken,
// InvalidArgument when no .proto file describes it or the kind of handler does not fit.
class SWARM_EXPORT Registration {
 public:
  virtual ~Registration();
};

class SWARM_EXPORT Router {
 public:
  virtual ~Router();
  virtual Result<std::unique_ptr<Registration>> Register(
      std::string_view method, std::shared_ptr<UnaryHandler> handler) noexcept = 0;
  virtual Result<std::unique_ptr<Registration>> Register(
      std::string_view method, std::shared_ptr<StreamHandler> handler) noexcept = 0;
};

}  // namespace swarm
