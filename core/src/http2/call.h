// One call of a connection, unary or streaming: what its handler holds, and what the session makes
// of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http2/grpc_wire.h"
#include "http2/mailbox.h"
#include "rpc/call_state.h"
#include "rpc/call_target.h"
#include "swarm/rpc.h"

namespace swarm::http2 {

// What a call asks of the session that carries it. Threading: on the IoThread.
class Carrier {
 public:
  virtual ~Carrier();
  // The call has something to send.
  virtual void Ready(std::int32_t stream) = 0;
  // The call's handler has taken so many bytes of its messages.
  virtual void Taken(std::int32_t stream, std::size_t bytes) = 0;
};

// Callbacks of handlers run on the IoThread, once the server has stopped also where they were
// given.
class SWARM_EXPORT Call final : public std::enable_shared_from_this<Call> {
 public:
  struct Settings {
    std::size_t max_message_bytes;
    std::shared_ptr<Mailbox> mailbox;
    Carrier* carrier;
    std::int32_t stream;
  };
  Call(rpc::CallInfo info, Settings settings);
  ~Call();

  const std::string& method() const { return state_.method(); }
  CallContextPtr context() { return {shared_from_this(), &state_}; }

  // [any] The reply of a unary call, to be used once; answers Internal when it is dropped.
  UnaryReply Reply();
  // [any] The handle of a streaming call, to be made once; ends the call when it is dropped.
  ServerStreamPtr Stream();

  // [io] Data of the request. Not OK: the call has been ended with that.
  Status Receive(std::span<const char> data);
  // [io] The first message, once it is complete.
  std::optional<Payload> TakeFirst();
  // [io] The caller sends no more.
  void RequestsEnded();
  // [io] What the handler has not taken yet, and what of it keeps the caller from sending more.
  std::size_t buffered() const { return unread_bytes_ + reader_.buffered(); }
  bool behind() const;

  // [io] What there is to send: messages, then the end.
  std::size_t Output(std::span<char> into);
  bool has_output() const { return !queue_.empty(); }
  const std::optional<Status>& end() const { return end_; }
  bool begun = false;  // [io] The response has been submitted.

  // [io] The time is over, or the session cannot go on with the call.
  void Abort(Status why);
  // [io] The stream is gone. Cancels unless the call was answered.
  void Closed();

 private:
  class Handle;
  class OneReply;
  struct Outgoing {
    std::string bytes;
    Function<void(bool)> done;
  };

  // [any]
  void Answer(Result<Payload> result);
  void Read(Function<void(std::optional<Payload>)> done);
  void Send(Payload message, Function<void(bool)> done);
  void End(Status status);
  void PostEnd(Status status);
  // [io]
  void DeliverRead();
  void Queue(std::string bytes, Function<void(bool)> done);
  void SetEnd(Status status);
  void DropQueue();

  rpc::CallState state_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::atomic<bool> ended_{false};  // by the handler

  // [io] The rest.
  Carrier* carrier_;  // null: the stream is gone
  const std::int32_t stream_;
  MessageReader reader_;
  std::deque<std::string> unread_;
  std::size_t unread_bytes_ = 0;
  bool requests_ended_ = false;
  Function<void(std::optional<Payload>)> read_;
  std::deque<Outgoing> queue_;
  std::size_t sent_of_first_ = 0;  // with its prefix
  std::optional<Status> end_;
};

}  // namespace swarm::http2
