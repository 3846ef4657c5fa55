#include "cfssl/spec.h"

#include <gtest/gtest.h>

#include "pki/root_ca.h"

namespace swarm::cfssl {
namespace {

// Pinned by SwarmKit.
TEST(SpecTest, ReadsAuthorities) {
  for (const char* bad : {"", "asdf", "asdf=", "protocol", "protocol=foo", "protocol=cfssl", "url",
                          "url=https://xyz", "url,protocol"}) {
    EXPECT_FALSE(ParseExternalCa(bad).ok()) << bad;
  }
  const auto good = ParseExternalCa("protocol=cfssl,url=https://example.com");
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->protocol(), pb::ExternalCA::CFSSL);
  EXPECT_EQ(good->url(), "https://example.com");
  EXPECT_TRUE(good->options().empty());
}

TEST(SpecTest, ErrorsAreSwarmKits) {
  const auto error = [](const char* text) { return ParseExternalCa(text).status().message(); };
  EXPECT_EQ(error("foo"), "invalid field 'foo' must be a key=value pair");
  EXPECT_EQ(error("protocol=x,url=y"), "unrecognized external CA protocol x");
  EXPECT_EQ(error("url=y"), "the external-ca option needs a protocol= parameter");
  EXPECT_EQ(error("PROTOCOL=CFSSL"), "the external-ca option needs a url= parameter");
  EXPECT_EQ(ParseExternalCa("protocol=cfssl,url=u,Key=v")->options().at("Key"), "v");
}

TEST(SpecTest, AnAuthorityServesTheRootItNamesAndElseTheCurrentOne) {
  const WallTime now = std::chrono::system_clock::now();
  const std::string current = pki::RootCa::Create(now)->roots_pem();
  const std::string next = pki::RootCa::Create(now)->roots_pem();
  pb::CAConfig config;
  config.add_external_cas()->set_url("https://first");
  auto* named = config.add_external_cas();
  named->set_url("https://next");
  named->set_ca_cert("\n" + next + "\n\n");
  auto* also = config.add_external_cas();
  also->set_url("https://second");
  also->set_ca_cert(current);
  using Urls = std::vector<std::string>;
  EXPECT_EQ(UrlsFor(config, current, current), (Urls{"https://first", "https://second"}));
  EXPECT_EQ(UrlsFor(config, next, current), Urls{"https://next"});
  EXPECT_EQ(UrlsFor(config, "garbage", current), Urls{});
}

}  // namespace
}  // namespace swarm::cfssl
