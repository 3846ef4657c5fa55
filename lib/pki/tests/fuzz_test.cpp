// What others send or leave on disk, mangled at random: parsers answer with a Status, whatever it
// is, and what they accept they can write again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "pki/chain.h"
#include "pki/key_file.h"
#include "pki/pem.h"
#include "pki/root_ca.h"
#include "pki/text_keys.h"
#include "swarm/simulation.h"

namespace swarm::pki {
namespace {

int Rounds() { return std::getenv("SWARM_SOAK") != nullptr ? 200'000 : 2'000; }

// Bytes changed, removed, doubled or cut off.
std::string Mangle(std::string text, Random& random) {
  const std::uint64_t changes = 1 + random.Below(4);
  for (std::uint64_t i = 0; i < changes && !text.empty(); ++i) {
    const std::size_t at = random.Below(text.size());
    const std::size_t size = 1 + random.Below(std::min<std::size_t>(16, text.size() - at));
    switch (random.Below(5)) {
      case 0:
        text[at] = static_cast<char>(random.Next());
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << random.Below(8)));
        break;
      case 2:
        text.erase(at, size);
        break;
      case 3:
        text.insert(at, text.substr(at, size));
        break;
      default:
        text.resize(at);
        break;
    }
  }
  return text;
}

class PkiFuzzTest : public testing::Test {
 protected:
  // The DER inside a block mangled, so that the text around it stays good.
  std::string MangleInside(const std::string& pem) {
    PemBlock block = DecodePem(pem).blocks.at(0);
    block.bytes = Mangle(std::move(block.bytes), random());
    return EncodePem(block);
  }
  std::string MangleAny(const std::string& pem) {
    return random().Below(2) == 0 ? Mangle(pem, random()) : MangleInside(pem);
  }
  Random& random() { return simulation_.random(); }

  Simulation simulation_{99};
  const WallTime now_ = simulation_.AddMachine("m").runtime().clock().Now();
  const RootCa root_ = RootCa::Create(now_).value();
  const PrivateKey key_ = PrivateKey::Generate().value();
};

TEST_F(PkiFuzzTest, Requests) {
  const std::string csr = MakeCsr(key_).value();
  int refused = 0;
  for (int i = 0; i < Rounds(); ++i) {
    const auto made = root_.SignNode(MangleAny(csr), {"n", "swarm-worker", "c"},
                                     kDefaultNodeCertificateExpiry, now_);
    if (!made.ok()) ++refused;
  }
  EXPECT_GT(refused, Rounds() / 2);
}

TEST_F(PkiFuzzTest, CertificatesAndChains) {
  const std::string leaf = root_
                               .SignNode(MakeCsr(key_).value(), {"n", "swarm-manager", "c"},
                                         kDefaultNodeCertificateExpiry, now_)
                               .value();
  int refused = 0;
  for (int i = 0; i < Rounds(); ++i) {
    const auto chain = ParseCertificates(MangleAny(leaf));
    static_cast<void>(ParseRoots(MangleAny(root_.roots_pem()), now_));
    if (!chain.ok() || !VerifyChain(*chain, root_.roots(), now_).ok()) ++refused;
  }
  EXPECT_GT(refused, Rounds() / 2);
}

TEST_F(PkiFuzzTest, KeyFiles) {
  const std::string kek(32, 'k');
  const KeyFile file{key_, {{"raft-dek", "AAAA"}, {"kek-version", "3"}}, false};
  const std::vector<std::string> texts = {
      file.Format("", random()).value(), file.Format(kek, random()).value(), key_.TraditionalPem()};
  for (int i = 0; i < Rounds(); ++i) {
    const std::string text = MangleAny(texts[static_cast<std::size_t>(i) % texts.size()]);
    const auto read = KeyFile::Parse(text, kek);
    if (!read.ok()) continue;
    static_cast<void>(read->KekVersion());
    const auto written = read->Format("", random());
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_TRUE(KeyFile::Parse(*written, "").ok());
  }
}

TEST_F(PkiFuzzTest, TokensAndUnlockKeys) {
  const std::string token = MakeJoinToken(root_.roots_pem(), random());
  const std::string unlock = FormatUnlockKey(std::string(32, 'u'));
  for (int i = 0; i < Rounds() * 10; ++i) {
    const auto parsed = ParseJoinToken(Mangle(token, random()));
    if (parsed.ok()) {
      EXPECT_EQ(parsed->digest.size(), 71U);
    }
    const auto key = ParseUnlockKey(Mangle(unlock, random()));
    if (key.ok()) {
      EXPECT_EQ(ParseUnlockKey(FormatUnlockKey(*key)).value(), *key);
    }
  }
}

TEST_F(PkiFuzzTest, PemSurvivesItsOwnForm) {
  const std::string text = EncodePem({"A", {{"x", "1"}}, "some bytes"}) + root_.roots_pem();
  for (int i = 0; i < Rounds() * 10; ++i) {
    for (const PemBlock& block : DecodePem(Mangle(text, random())).blocks) {
      EXPECT_FALSE(block.type.find('\n') != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace swarm::pki
