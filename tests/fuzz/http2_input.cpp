#include "http2_input.h"

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "http2/grpc_wire.h"
#include "http2/session.h"
#include "rpc/server.h"
#include "swarm/check.h"

namespace swarm::fuzz {
namespace {

// Answers every unary call, and reads streams to their ends.
class EchoHost final : public http2::Host {
 public:
  EchoHost() {
    // A closed mailbox needs no thread: late answers are dropped, which is one way for them to go.
    const auto io = rpc::MakeIoThread();
    mailbox_ = std::make_shared<http2::Mailbox>(*io, nullptr);
    mailbox_->Close();
  }
  Listener listener() const override { return Listener::kRemote; }
  std::size_t max_message_bytes() const override { return 1 << 16; }
  const std::shared_ptr<http2::Mailbox>& mailbox() const override { return mailbox_; }
  SteadyTime now() const override { return SteadyTime(); }
  void Dispatch(std::shared_ptr<http2::Call> call, Payload request) override {
    call->Reply()(std::move(request));
  }
  void Open(const std::shared_ptr<http2::Call>& call) override {
    const auto stream = call->Stream();
    stream->Read([](std::optional<Payload>) {});
  }
  void Began(const std::shared_ptr<http2::Call>&) override { ++calls_; }
  void Ended(const std::shared_ptr<http2::Call>&) override { --calls_; }
  void Changed(std::shared_ptr<http2::Http2Session>) override {}
  void Left(http2::Http2Session&) override {}
  int calls() const { return calls_; }

 private:
  std::shared_ptr<http2::Mailbox> mailbox_;
  int calls_ = 0;
};

ssize_t ReadBody(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t,
                 std::uint32_t* flags, nghttp2_data_source*, void*) {
  const auto prefix = http2::Prefix(2);
  std::memcpy(into, prefix.data(), prefix.size());
  std::memcpy(into + prefix.size(), "\x0a\x00", 2);
  *flags = NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(prefix.size() + 2);
}

}  // namespace

void Http2(std::string_view input) {
  EchoHost host;
  http2::Peer peer{std::make_shared<const std::optional<Identity>>(), "fuzz"};
  const auto session = std::make_shared<http2::Http2Session>(host, std::move(peer), [] {});
  std::array<char, 4096> out;
  const std::size_t half = input.size() / 2;
  for (const auto piece : {input.substr(0, half), input.substr(half)}) {
    if (session->finished() || !session->Receive({piece.data(), piece.size()})) break;
    while (session->Output(out) > 0) {
    }
  }
  session->Closed();
  SWARM_CHECK(host.calls() == 0, "every call ends with its connection");
}

std::string Http2Bytes() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session* session = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_client_new(&session, callbacks, nullptr);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
  for (const char* path :
       {"/docker.swarmkit.v1.Control/GetNode", "/docker.swarmkit.v1.Dispatcher/Session"}) {
    std::vector<std::pair<std::string, std::string>> headers = {
        {":method", "POST"},     {":scheme", "https"},
        {":path", path},         {"content-type", "application/grpc"},
        {"grpc-timeout", "10S"}, {"te", "trailers"}};
    std::vector<nghttp2_nv> list;
    for (auto& [name, value] : headers) {
      list.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                      reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                      NGHTTP2_NV_FLAG_NONE});
    }
    nghttp2_data_provider body{};
    body.read_callback = ReadBody;
    nghttp2_submit_request(session, nullptr, list.data(), list.size(), &body, nullptr);
  }
  std::string bytes;
  const std::uint8_t* data = nullptr;
  while (true) {
    const auto size = nghttp2_session_mem_send(session, &data);
    if (size <= 0) break;
    bytes.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  nghttp2_session_del(session);
  return bytes;
}

}  // namespace swarm::fuzz
