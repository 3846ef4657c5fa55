// Clients that do not keep to gRPC or to HTTP/2: each is told so or closed, and harms nobody.
#include <gtest/gtest.h>

#include "http2/grpc_wire.h"
#include "http2_peer.h"
#include "transport_fixture.h"

namespace swarm::http2 {
namespace {

using rpc::Arriving;
using rpc::KeepStream;
using rpc::kGetNode;
using rpc::kSession;

std::string Framed(const std::string& message) {
  const auto prefix = Prefix(message.size());
  return std::string(prefix.data(), prefix.size()) + message;
}

class PeersTest : public rpc::TransportTest {
 protected:
  PeersTest() {
    ServeWhoAmI();
    auto options = UnixOptions();
    options.plaintext = true;
    address_ = Serve(std::move(options));
  }
  std::string SocketPath() const { return folder_ + "/swarmd.sock"; }
  static std::string Status(const Http2Peer::Answer& answer) {
    const auto found = answer.headers.find("grpc-status");
    return found == answer.headers.end() ? "none" : found->second;
  }
  void ExpectGoodCall() { EXPECT_TRUE(Call(*Dial(address_)).ok()); }

  std::string address_;
};

TEST_F(PeersTest, AProperCallIsAnsweredAsGrpcDoes) {
  Http2Peer peer(SocketPath());
  const auto& answer = peer.Await(peer.Request(GrpcHeaders(kGetNode), Framed("")));
  EXPECT_EQ(answer.headers.at(":status"), "200");
  EXPECT_EQ(answer.headers.at("content-type"), "application/grpc");
  EXPECT_EQ(answer.body, Framed("self"));
  EXPECT_EQ(Status(answer), "0");
}

TEST_F(PeersTest, WhatIsNotGrpcIsRefusedAsHttp) {
  Http2Peer peer(SocketPath());
  auto browser = GrpcHeaders(kGetNode);
  browser[0].second = "GET";
  EXPECT_EQ(peer.Await(peer.Request(browser, "")).headers.at(":status"), "405");
  auto json = GrpcHeaders(kGetNode);
  json[4].second = "application/json";
  EXPECT_EQ(peer.Await(peer.Request(json, "{}")).headers.at(":status"), "415");
  EXPECT_EQ(Status(peer.Await(peer.Request(GrpcHeaders(kGetNode), Framed("")))), "0");
}

TEST_F(PeersTest, ACallWithoutAWholeMessageIsRefused) {
  Http2Peer peer(SocketPath());
  EXPECT_EQ(Status(peer.Await(peer.Request(GrpcHeaders(kGetNode), ""))), "12");
  const auto cut = Framed("longer than what comes").substr(0, 9);
  EXPECT_EQ(Status(peer.Await(peer.Request(GrpcHeaders(kGetNode), cut))), "12");
}

TEST_F(PeersTest, ACompressedMessageIsRefusedByName) {
  Http2Peer peer(SocketPath());
  auto body = Framed("zipped");
  body[0] = 1;
  const auto& answer = peer.Await(peer.Request(GrpcHeaders(kGetNode), body));
  EXPECT_EQ(Status(answer), "12");
  EXPECT_NE(answer.headers.at("grpc-message").find("compressed"), std::string::npos);
}

TEST_F(PeersTest, AnAnswerDoesNotWaitForTheEndOfItsRequest) {
  Http2Peer peer(SocketPath());
  const auto& answer = peer.Await(peer.Request(GrpcHeaders(kGetNode), Framed(""), false));
  EXPECT_EQ(Status(answer), "0");
  EXPECT_EQ(answer.reset, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
}

TEST_F(PeersTest, TooManyHeadersEndTheCallAndNotTheConnection) {
  Http2Peer peer(SocketPath());
  auto headers = GrpcHeaders(kGetNode);
  for (int i = 0; i < 40; ++i) {
    headers.emplace_back("x-" + std::to_string(i), std::string(1000, 'h'));
  }
  EXPECT_NE(peer.Await(peer.Request(headers, Framed(""))).reset, 0u);
  EXPECT_EQ(Status(peer.Await(peer.Request(GrpcHeaders(kGetNode), Framed("")))), "0");
}

TEST_F(PeersTest, FramesThatAreNoneEndTheConnection) {
  Http2Peer peer(SocketPath());
  ASSERT_TRUE(peer.Settle(200));
  peer.SendRaw(std::string(4000, '\xee'));
  EXPECT_TRUE(peer.IsClosed());
  ExpectGoodCall();
}

TEST_F(PeersTest, WhoShakesHandsAndSaysNothingMoreIsClosed) {
  auto options = UnixOptions();
  options.unix_path = folder_ + "/other.sock";
  options.handshake_timeout = std::chrono::milliseconds(200);
  rpc::RpcServer server(std::move(options));
  ASSERT_TRUE(server.Start().ok());
  rpc::RawPeer peer(folder_ + "/other.sock");
  rpc::RawTls tls(peer, "\x02h2");
  ASSERT_TRUE(tls.Connect());
  EXPECT_TRUE(peer.IsClosed(5000));
}

TEST_F(PeersTest, UnfinishedRequestsOfOneConnectionAreBounded) {
  Http2Peer peer(SocketPath());
  // Messages of almost 4 MiB that never become whole.
  const auto body = Framed(std::string(4 << 20, 'x')).substr(0, (4 << 20) - 1);
  std::vector<std::int32_t> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(peer.Request(GrpcHeaders(kGetNode), body, false));
    peer.Settle(50);
  }
  const auto& last = peer.Await(streams.back());
  EXPECT_EQ(Status(last), "8") << "the last of 80 MiB is too much";
  ExpectGoodCall();
}

TEST_F(PeersTest, CallsThatAreCancelledAtOnceHarmNobody) {
  Http2Peer peer(SocketPath());
  for (int i = 0; i < 5000; ++i) {
    peer.Cancel(peer.Request(GrpcHeaders(kGetNode), Framed("")));
  }
  peer.Settle(200);
  ExpectGoodCall();
}

TEST_F(PeersTest, AHandlerThatDoesNotReadHoldsBackItsCaller) {
  auto handler = std::make_shared<KeepStream>();
  Register(kSession, handler);
  Http2Peer peer(SocketPath());
  std::string body;
  for (int i = 0; i < 64; ++i) body += Framed(std::string(256 << 10, 'x'));
  peer.Request(GrpcHeaders(kSession), body);
  const auto stream = handler->opened.Get();
  peer.Settle(500);
  EXPECT_LT(peer.sent(), 4u << 20) << "of 16 MiB";
  for (int i = 0; i < 64; ++i) {
    Arriving<std::optional<Payload>> read;
    stream->Read(read.Taker());
    while (!read.ready()) peer.Settle(5);
    ASSERT_EQ(read.Get()->ByteSize(), 256u << 10) << i;
  }
  EXPECT_EQ(peer.sent(), body.size());
}

}  // namespace
}  // namespace swarm::http2
