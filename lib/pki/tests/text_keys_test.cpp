#include "pki/text_keys.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "pki/pem.h"
#include "swarm/simulation.h"

namespace swarm::pki {
namespace {

std::string Counting(unsigned char first, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(first + i);
  return out;
}

constexpr std::string_view kDigest = "27gwpqy8zrr16lkorbxjgux3bumowvt4v6hdq9lyyb887iohs3";
constexpr std::string_view kSecret = "000avh9he7dy896m08s18udxr";

std::string Token(std::string_view head, std::string_view digest = kDigest,
                  std::string_view secret = kSecret) {
  return std::string(head) + std::string(digest) + "-" + std::string(secret);
}

TEST(JoinTokenTest, IsTheDigestAndTheSecretInBase36) {
  EXPECT_EQ(MakeJoinToken("hello\n", Counting(0, 16)), Token("SWMTKN-1-"));
  EXPECT_EQ(MakeJoinToken("hello\n", Counting(0, 16), true), Token("SWMTKN-2-1-"));
}

TEST(JoinTokenTest, ReadsBackBothVersions) {
  const auto one = ParseJoinToken(Token("SWMTKN-1-"));
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->digest, Sha256Digest("hello\n"));
  EXPECT_EQ(one->digest, "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  EXPECT_EQ(one->secret, kSecret);
  EXPECT_FALSE(one->fips);
  EXPECT_TRUE(ParseJoinToken(Token("SWMTKN-2-1-")).value().fips);
  EXPECT_FALSE(ParseJoinToken(Token("SWMTKN-2-0-")).value().fips);
}

TEST(JoinTokenTest, DigestsAreReadInEitherCase) {
  std::string upper(kDigest);
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(ParseJoinToken(Token("SWMTKN-1-", upper)).value().digest, Sha256Digest("hello\n"));
}

// Cases that upstream's tests pin, and their neighbours.
TEST(JoinTokenTest, RefusesWhatIsNone) {
  for (const std::string& text :
       {std::string(), std::string("SWMTKN"), Token("SWMTKN-0-"), Token("SWMTKN-3-"),
        Token("SWMTKN-2-"), Token("SWMTKN-2-2-"), Token("SWMTKN-1-0-"), Token("SWMKEY-1-"),
        Token("SWMTKN-1-", kDigest.substr(1)), Token("SWMTKN-1-", kDigest, kSecret.substr(1)),
        Token("SWMTKN-1-", std::string(50, 'z')), Token("SWMTKN-1-") + "-x"}) {
    const auto token = ParseJoinToken(text);
    EXPECT_EQ(token.status(), Status(Code::kInvalidArgument, "invalid join token")) << text;
  }
}

TEST(JoinTokenTest, RandomOnesAreWellFormedAndDiffer) {
  Simulation simulation(1);
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    tokens.insert(MakeJoinToken("root", simulation.random()));
    EXPECT_TRUE(ParseJoinToken(*tokens.begin()).ok());
  }
  EXPECT_EQ(tokens.size(), 100U);
}

TEST(UnlockKeyTest, IsBase64WithoutPadding) {
  const std::string key = Counting(0, 32);
  const std::string text = "SWMKEY-1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
  EXPECT_EQ(FormatUnlockKey(key), text);
  EXPECT_EQ(ParseUnlockKey(text).value(), key);
  EXPECT_EQ(FormatUnlockKey(""), "SWMKEY-1-");
}

TEST(UnlockKeyTest, RefusesWhatIsNone) {
  for (const char* text :
       {"", "SWMKEY-2-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "SWMKEY-1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "SWMKEY-1-A*", "AAEC"}) {
    EXPECT_EQ(ParseUnlockKey(text).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(EqualSecretsTest, ComparesWhole) {
  EXPECT_TRUE(EqualSecrets("abc", "abc"));
  EXPECT_FALSE(EqualSecrets("abc", "abd"));
  EXPECT_FALSE(EqualSecrets("abc", "ab"));
  EXPECT_TRUE(EqualSecrets("", ""));
}

TEST(PemTest, KeepsHeadersAndSkipsWhatSurroundsBlocks) {
  const PemBlock block{"KEY", {{"zz", "1"}, {"Proc-Type", "4,X"}, {"aa", "b=="}}, Counting(0, 100)};
  const std::string text = EncodePem(block);
  EXPECT_EQ(text.substr(0, 54), "-----BEGIN KEY-----\nProc-Type: 4,X\naa: b==\nzz: 1\n\nAAEC");
  const PemText read = DecodePem("before\n" + text + "after\n" + text + "\n\n");
  ASSERT_EQ(read.blocks.size(), 2U);
  EXPECT_EQ(read.blocks[1].bytes, block.bytes);
  EXPECT_EQ(read.blocks[1].headers, block.headers);
  EXPECT_FALSE(read.garbage_after);
  EXPECT_TRUE(DecodePem(text + "x").garbage_after);
  EXPECT_TRUE(DecodePem("-----BEGIN KEY-----\nAAEC\n").blocks.empty());
  EXPECT_TRUE(DecodePem("-----BEGIN KEY-----\nA*EC\n-----END KEY-----\n").blocks.empty());
}

TEST(Base64Test, RoundTripsAndRefusesTheRest) {
  for (std::size_t size = 0; size < 20; ++size) {
    const std::string bytes = Counting(200, size);
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)).value(), bytes);
  }
  for (const char* text : {"A", "AA", "AAE", "AA=A", "AB==", "A===", "A-B_"}) {
    EXPECT_FALSE(DecodeBase64(text).ok()) << text;
  }
}

}  // namespace
}  // namespace swarm::pki
