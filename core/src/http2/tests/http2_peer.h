// A client that speaks HTTP/2 as badly as it is told to, over a plain unix socket.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "raw_peer.h"

namespace swarm::http2 {

using Headers = std::vector<std::pair<std::string, std::string>>;

inline Headers GrpcHeaders(const std::string& method) {
  return {{":method", "POST"},
          {":scheme", "http"},
          {":path", method},
          {":authority", "localhost"},
          {"content-type", "application/grpc"},
          {"te", "trailers"}};
}

class Http2Peer {
 public:
  struct Answer {
    std::map<std::string, std::string> headers;  // and trailers
    std::string body;
    bool closed = false;
    std::uint32_t reset = 0;
  };

  explicit Http2Peer(const std::string& socket) : peer_(socket) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
    Flush();
  }
  ~Http2Peer() { nghttp2_session_del(session_); }
  Http2Peer(const Http2Peer&) = delete;
  Http2Peer& operator=(const Http2Peer&) = delete;

  // A request with this body; `whole`: and no more. Its stream.
  std::int32_t Request(const Headers& headers, std::string body, bool whole = true) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : headers) {
      list.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    auto& body_of = bodies_[++requests_];
    body_of = {std::move(body), 0, whole};
    nghttp2_data_provider data{};
    data.source.ptr = &body_of;
    data.read_callback = ReadBody;
    const auto stream =
        nghttp2_submit_request(session_, nullptr, list.data(), list.size(), &data, nullptr);
    Flush();
    return stream;
  }
  void Cancel(std::int32_t stream) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    Flush();
  }
  void SendRaw(std::string_view bytes) { peer_.Send(bytes); }

  // Waits until the stream has ended.
  const Answer& Await(std::int32_t stream) {
    while (!answers_[stream].closed && ReceiveSome(20000)) {
    }
    return answers_[stream];
  }
  // Takes what comes until nothing has for so long. False: the server has closed the connection.
  bool Settle(int quiet_ms) {
    while (!lost_ && ReceiveSome(quiet_ms)) {
    }
    return !lost_;
  }
  // Bytes of a request that the server has allowed to be sent.
  std::size_t sent() const { return sent_; }
  bool IsClosed() { return peer_.IsClosed(5000); }

 private:
  struct Body {
    std::string bytes;
    std::size_t sent = 0;
    bool whole = true;
  };

  static Http2Peer& Self(void* user) { return *static_cast<Http2Peer*>(user); }

  static ssize_t ReadBody(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source* source, void* user) {
    auto& body = *static_cast<Body*>(source->ptr);
    const std::size_t take = std::min(size, body.bytes.size() - body.sent);
    std::memcpy(into, body.bytes.data() + body.sent, take);
    body.sent += take;
    Self(user).sent_ += take;
    if (body.sent == body.bytes.size() && body.whole) *flags = NGHTTP2_DATA_FLAG_EOF;
    if (take == 0 && !body.whole) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(take);
  }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
    Self(user)
        .answers_[frame->hd.stream_id]
        .headers[{reinterpret_cast<const char*>(name), name_size}] = {
        reinterpret_cast<const char*>(value), value_size};
    return 0;
  }
  static int OnData(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                    std::size_t size, void* user) {
    Self(user).answers_[stream].body.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int OnClose(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* user) {
    Self(user).answers_[stream].closed = true;
    Self(user).answers_[stream].reset = code;
    return 0;
  }

  void Flush() {
    const std::uint8_t* data = nullptr;
    while (true) {
      const auto size = nghttp2_session_mem_send(session_, &data);
      if (size <= 0) return;
      peer_.Send({reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)});
    }
  }
  bool ReceiveSome(int patience_ms) {
    pollfd waiting{peer_.fd(), POLLIN, 0};
    if (poll(&waiting, 1, patience_ms) != 1) return false;
    std::array<std::uint8_t, 16384> space;
    const auto got = recv(peer_.fd(), space.data(), space.size(), 0);
    lost_ = got <= 0;
    if (lost_) return false;
    lost_ = nghttp2_session_mem_recv(session_, space.data(), static_cast<std::size_t>(got)) < 0;
    Flush();
    return !lost_;
  }

  rpc::RawPeer peer_;
  nghttp2_session* session_ = nullptr;
  std::map<int, Body> bodies_;
  int requests_ = 0;
  std::map<std::int32_t, Answer> answers_;
  std::size_t sent_ = 0;
  bool lost_ = false;
};

}  // namespace swarm::http2
