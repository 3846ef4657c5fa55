// How gRPC lies on HTTP/2, as far as it can be said without a connection.
#include "http2/grpc_wire.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace swarm::http2 {
namespace {

using namespace std::chrono_literals;

std::string Framed(const std::string& message) {
  const auto prefix = Prefix(message.size());
  return std::string(prefix.data(), prefix.size()) + message;
}

TEST(GrpcWire, TimeoutsHaveAUnitAndAtMostEightDigits) {
  EXPECT_EQ(ParseTimeout("200m"), Duration(200ms));
  EXPECT_EQ(ParseTimeout("10S"), Duration(10s));
  EXPECT_EQ(ParseTimeout("3M"), Duration(3min));
  EXPECT_EQ(ParseTimeout("1H"), Duration(1h));
  EXPECT_EQ(ParseTimeout("7u"), Duration(7us));
  EXPECT_EQ(ParseTimeout("99999999n"), Duration(99999999ns));
  for (const char* bad : {"", "S", "12", "-1S", "1x", "123456789S", "1 S", "+1S"}) {
    EXPECT_EQ(ParseTimeout(bad), std::nullopt) << bad;
  }
  EXPECT_GT(*ParseTimeout("99999999H"), Duration(8000h)) << "longer than a number can tell";
}

TEST(GrpcWire, TextsOfStatusesArePlainAsciiOnTheWire) {
  EXPECT_EQ(EncodeMessage("node \"x\" not found"), "node \"x\" not found");
  EXPECT_EQ(EncodeMessage("100%\n\xc3\xb6"), "100%25%0A%C3%B6");
}

TEST(GrpcWire, LongTextsAreCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "\xc3\xb6";
  const auto encoded = EncodeMessage(text);
  EXPECT_LT(encoded.size(), 8u << 10);
  EXPECT_TRUE(encoded.ends_with("%C3%B6...")) << encoded.substr(encoded.size() - 20);
}

TEST(GrpcWire, MessagesAreCutOutOfPiecesOfAnySize) {
  const std::string wire = Framed("one") + Framed("") + Framed(std::string(1000, 'x'));
  for (std::size_t piece = 1; piece < wire.size(); ++piece) {
    MessageReader reader(4096);
    std::deque<std::string> messages;
    for (std::size_t at = 0; at < wire.size(); at += piece) {
      const auto part = std::string_view(wire).substr(at, piece);
      ASSERT_TRUE(reader.Feed({part.data(), part.size()}, messages).ok());
    }
    ASSERT_EQ(messages, (std::deque<std::string>{"one", "", std::string(1000, 'x')})) << piece;
  }
}

TEST(GrpcWire, CompressedAndOversizedMessagesAreRefusedBeforeTheyCome) {
  std::deque<std::string> messages;
  auto compressed = Framed("x");
  compressed[0] = 1;
  EXPECT_EQ(MessageReader(10).Feed(compressed, messages).code(), Code::kUnimplemented);
  const auto prefix = Prefix(11);
  const Status refused = MessageReader(10).Feed(prefix, messages);
  EXPECT_EQ(refused,
            Status(Code::kResourceExhausted, "grpc: received message larger than max (11 vs. 10)"));
  EXPECT_TRUE(messages.empty());
}

}  // namespace
}  // namespace swarm::http2
