// Messages of real engines (Docker 20.10), taken from the wire with a key that was thrown away, and
// what is wrong with others.
#include <gtest/gtest.h>

#include <algorithm>

#include "frame.h"
#include "lzw.h"
#include "msgpack.h"
#include "push_pull.h"

namespace swarm::gossip {
namespace {

std::string FromHex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

const std::string kKey = FromHex("bd62ead2ea75b80190b1d0fe4387af94");
const std::string kOtherKey(16, 'k');
constexpr Nonce kNonce{1, 2, 3};

TEST(FrameTest, APacketOfAnEngineIsDecrypted) {
  const std::string packet = FromHex(
      "0113adf3b2b1dfe32e05962b2b0be1e6dc90b3d97e092a82b1298114190c6c37822468e80b6a94df332f09b628b2"
      "5d4f511c8592696adb9f797b3ddcfef5c140144eaaf556c37915241803333c51e0f60d97c793c71a018b0bcf5ed0"
      "902edfedc6449226977b4de3793f1c4d7d30");
  const auto plain = Decrypt(packet, {kOtherKey, kKey}, "");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(*plain,
            FromHex("0085a44e6f6465ac343365616635343039393365a55365714e6f01aa536f7572636541646472a4"
                    "0a4d000baa536f757263654e6f6465ac346665316361333363333162aa536f75726365506f7274"
                    "cd1f0a"));
  EXPECT_EQ(Decrypt(packet, {kOtherKey}, "").status().code(), Code::kUnauthenticated);
}

// Compression of an engine: three messages of NetworkDB in one.
TEST(FrameTest, CompressedMessagesOfAnEngineAreExpanded) {
  const std::string compressed = FromHex(
      "82a4416c676f00a3427566da0083000f0c00208320410408024868911002010d0c6698190343060e3236c8881983"
      "4344063767f2e41083034f993571f0e42803a7468d363572e8492303069b1c0815320ce010228c323470e0909183"
      "069918356478042992a449942a59ba842993a64d9c0917361ce0b3460c33302a8e946143ccd290234b9e4cb9b2e5"
      "cb98336bde0c08");
  Unpacker in(compressed);
  std::string_view buffer;
  std::uint64_t algorithm = 1;
  ASSERT_TRUE(in.Struct([&](std::string_view name) {
    return name == "Algo" ? in.Number(&algorithm) : in.Raw(&buffer);
  }));
  EXPECT_EQ(algorithm, 0u);
  const auto expanded = Expand(buffer, 1000);
  ASSERT_TRUE(expanded);
  EXPECT_EQ(expanded->size(), 158u);
  EXPECT_TRUE(expanded->starts_with(FromHex(
      "0703003200320032080801122d080110041a0c33666330323864366462633822196e677939623878656b71783965"
      "7035356d35397a6932306c39")));
  EXPECT_FALSE(Expand(buffer, 157)) << "a limit";
  EXPECT_FALSE(Expand(buffer.substr(0, buffer.size() - 3), 1000)) << "cut short";
}

TEST(LzwTest, DamageIsNoticed) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second), '\x7f', '\x01'};
      (void)Expand(std::string_view(bytes, sizeof bytes), 100);
    }
  }
  EXPECT_FALSE(Expand("", 100));
  EXPECT_FALSE(Expand(std::string("\xff\xff", 2), 100));
}

TEST(FrameTest, WhatIsSealedIsOpened) {
  const auto frame = Seal("hello", kKey, kNonce);
  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(frame->size(), 5 + 29 + 5u);
  EXPECT_EQ(frame->substr(0, 6), std::string("\x0a\0\0\0\x22\x01", 6));
  EXPECT_EQ(*OpenFrame(*frame, {kOtherKey, kKey}), "hello");
  EXPECT_EQ(OpenFrame(*frame, {kOtherKey}).status().code(), Code::kUnauthenticated);
  for (std::size_t i = 0; i < frame->size(); ++i) {
    std::string damaged = *frame;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(OpenFrame(damaged, {kKey}).ok()) << "byte " << i;
    EXPECT_FALSE(OpenFrame(frame->substr(0, i), {kKey}).ok());
  }
  EXPECT_FALSE(Seal("x", "short", kNonce).ok());
}

TEST(FrameTest, SizesAreBounded) {
  EXPECT_FALSE(FrameSize("\x06").ok()) << "not encrypted";
  EXPECT_FALSE(*FrameSize(std::string("\x0a\0\0", 3)));
  EXPECT_EQ(**FrameSize(std::string("\x0a\0\0\0\x07", 5)), 12u);
  EXPECT_FALSE(FrameSize("\x0a\x7f\xff\xff\xff").ok());
}

Member AMember(const std::string& name) {
  Member member;
  member.name = name;
  member.address = std::string("\x0a\x4d\0\x0d", 4);
  member.port = 7946;
  member.incarnation = 70'000;
  member.versions = std::string("\x01\x05\x02\0\0\0", 6);
  return member;
}

// Pinned by memberlist: the fields of an alive member, as an engine sent them.
TEST(PushPullTest, MembersAreReadAsEnginesWriteThem) {
  const std::string member = FromHex(
      "86a441646472a40a4d000dab496e6361726e6174696f6e01a44d657461c0a44e6f6465ac30353166303032396232"
      "3662"
      "a4506f7274cd1f0aa356736ea6010502000000");
  const std::string header = std::string(
      "\x06\x83\xa4Join\xc2\xa5Nodes\x01\xac"
      "UserStateLen\0",
      29);
  const auto read = Decode(header + member);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->members.size(), 1u);
  EXPECT_EQ(read->members[0].address, std::string("\x0a\x4d\0\x0d", 4));
  EXPECT_EQ(read->members[0].port, 7946u);
  EXPECT_EQ(read->members[0].incarnation, 1u);
  EXPECT_EQ(read->members[0].versions.size(), 6u);
}

TEST(PushPullTest, WhatIsWrittenIsRead) {
  PushPull message;
  message.join = true;
  for (int i = 0; i < 200; ++i) message.members.push_back(AMember("node" + std::to_string(i)));
  message.members[7].state = MemberState::kLeft;
  message.node_name = "node0";
  message.time = 300;
  // network_id "n", l_time 5, node_name "node0"
  message.attachments.push_back({"node0", FromHex("0a016e10051a056e6f646530")});
  const auto read = Decode(Encode(message));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == message);
  EXPECT_TRUE(*Decode(Encode(PushPull())) == PushPull());
}

// Newer engines write numbers in signed types.
TEST(PushPullTest, SignedNumbersAreRead) {
  std::string bytes =
      "\x83\xa1"
      "a\xd1\x1f\x0a\xa1"
      "b\xd3";
  bytes += std::string("\0\0\0\0\0\0\x01\0", 8) +
           "\xa1"
           "c\xd0\xff";
  Unpacker in(bytes);
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint64_t c = 0;
  EXPECT_FALSE(in.Struct([&](std::string_view name) {
    return in.Number(name == "a" ? &a : name == "b" ? &b : &c);
  })) << "negative";
  EXPECT_EQ(a, 7946u);
  EXPECT_EQ(b, 256u);
}

TEST(PushPullTest, AnErrorOfAnEngineIsTold) {
  const auto refused = Decode(
      "\x0d\x81\xa5"
      "Error\xa3"
      "why");
  EXPECT_EQ(refused.status().message(), "it refused: why");
}

TEST(PushPullTest, DamageIsNoticed) {
  PushPull message;
  message.members = {AMember("a"), AMember("b")};
  message.node_name = "a";
  message.attachments.push_back({"a", FromHex("0a016e10051a0161")});
  const std::string bytes = Encode(message);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(Decode(bytes.substr(0, i)).ok()) << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      (void)Decode(damaged);
    }
  }
  EXPECT_FALSE(Decode("\x06\x83\xa5Nodes\xce\xff\xff\xff\xff").ok());
}

}  // namespace
}  // namespace swarm::gossip
