// gRPC over HTTP/2 on one connection, the serving side: nghttp2 does the frames, this makes calls
// of its streams.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "http2/call.h"
#include "tls/served_connection.h"

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace swarm::http2 {

// Who is behind a connection, as its transport has found out.
struct Peer {
  std::shared_ptr<const std::optional<Identity>> identity;  // never null
  std::string address;                                      // "ip:port" or "@"
};

class Http2Session;

// What the sessions of a server have in common. Threading: on the IoThread.
class SWARM_EXPORT Host {
 public:
  virtual ~Host();
  // What a new call is described with, besides what its headers say.
  virtual Listener listener() const = 0;
  virtual std::size_t max_message_bytes() const = 0;
  virtual const std::shared_ptr<Mailbox>& mailbox() const = 0;
  virtual SteadyTime now() const = 0;
  // Gives a unary call with its request to its handler, on another thread.
  virtual void Dispatch(std::shared_ptr<Call> call, Payload request) = 0;
  // Opens a streaming call at its handler.
  virtual void Open(const std::shared_ptr<Call>& call) = 0;
  // A call begins and has ended; in between it is aborted when its deadline passes.
  virtual void Began(const std::shared_ptr<Call>& call) = 0;
  virtual void Ended(const std::shared_ptr<Call>& call) = 0;
  // A session has something to send that no Receive has caused: its Flush is to be called soon.
  virtual void Changed(std::shared_ptr<Http2Session> session) = 0;
  // Its connection is gone.
  virtual void Left(Http2Session& session) = 0;
};

// Threading: everything on the IoThread.
class SWARM_EXPORT Http2Session final : public tls::Session,
                                        public std::enable_shared_from_this<Http2Session>,
                                        private Carrier {
 public:
  // `host` lives until Closed. `flush` makes the connection take Output.
  Http2Session(Host& host, Peer peer, Function<void()> flush);
  ~Http2Session() override;

  bool Receive(std::span<const char> bytes) override;
  std::size_t Output(std::span<char> into) override;
  bool greeted() const override { return greeted_; }
  bool finished() const override;
  void Closed() override;

  // New calls are refused, and the peer is told to make them elsewhere.
  void Drain();
  // What the host was told of as Changed goes out.
  void Flush();

 private:
  struct Head;  // of the request whose headers are being read
  struct Open {
    std::shared_ptr<Call> call;
    bool unary = false;
    bool dispatched = false;    // unary: its handler has the request
    std::size_t held_back = 0;  // received, and the caller not told yet that it may send more
    std::size_t counted = 0;    // of its messages in `buffered_`
  };
  friend struct Callbacks;

  void Ready(std::int32_t stream) override;
  void Taken(std::int32_t stream, std::size_t bytes) override;

  void BeginHead(std::int32_t stream);
  bool AddHeader(std::string_view name, std::string_view value);
  void EndHead(std::int32_t stream, bool request_ended);
  // Why the request is none of gRPC, as an HTTP status; 0 when it is one.
  int Misfit() const;
  void BeginCall(std::int32_t stream, bool request_ended);
  rpc::CallInfo Describe();
  void Data(std::int32_t stream, std::span<const char> data);
  void DispatchIfComplete(Open& open);
  void RequestEnded(std::int32_t stream);
  void StreamClosed(std::int32_t stream);

  void Changed();
  void Consume(std::int32_t stream, std::size_t bytes);
  void SubmitResponse(std::int32_t stream, Call& call);
  void SubmitEnd(std::int32_t stream, const Status& status, bool alone);
  void Reset(std::int32_t stream, std::uint32_t code);
  Open* Find(std::int32_t stream);

  void Recount(Open& open);

  Host& host_;
  const Peer peer_;
  Function<void()> flush_;
  nghttp2_session* session_ = nullptr;
  std::unique_ptr<Head> head_;
  std::unordered_map<std::int32_t, Open> calls_;
  std::span<const char> pending_;  // of nghttp2's, to be sent next
  std::size_t buffered_ = 0;       // of all calls
  bool greeted_ = false;
  bool failed_ = false;
  bool changed_ = false;  // the host knows
  bool closed_ = false;
};

}  // namespace swarm::http2
