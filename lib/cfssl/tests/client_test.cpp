// Asking real authorities: whom they see, whom is believed, and how each failure is told.
#include "cfssl/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "pki/chain.h"
#include "runtime/production.h"
#include "signing_server.h"

namespace swarm::cfssl {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using test::SigningServer;
using testing::HasSubstr;
using Mood = test::SigningServer::Mood;
using Urls = std::vector<std::string>;

WallTime Now() { return std::chrono::system_clock::now(); }

class ClientTest : public testing::Test {
 protected:
  ClientTest() { presented_ = Mint(root_); }

  static std::shared_ptr<const Credentials> Mint(const pki::RootCa& root) {
    const auto key = pki::PrivateKey::Generate().value();
    auto pem = root.SignNode(pki::MakeCsr(key).value(), {"m1", "swarm-manager", "c1"}, 2h, Now());
    return std::make_shared<const Credentials>(
        Credentials{pem.value(), key.Pkcs8Pem(), root.roots_pem()});
  }
  Result<std::string> Sign(const Urls& urls, Duration timeout = std::chrono::seconds(20)) {
    Client client(*runtime_, MakeHttps(runtime_->clock(), timeout), [this] { return presented_; });
    std::promise<Result<std::string>> answer;
    client.Sign(urls, NodeRequest(csr_, subject_), root_.roots_pem(),
                [&](Result<std::string> result) { answer.set_value(std::move(result)); });
    return answer.get_future().get();
  }
  Status Reach(const Urls& urls, const std::string& roots) {
    Client client(*runtime_, MakeHttps(runtime_->clock()), [this] { return presented_; });
    std::promise<Status> answer;
    client.Reach(urls, roots, [&](Status status) { answer.set_value(std::move(status)); });
    return answer.get_future().get();
  }
  static void Passing(const Status& status, const std::string& text) {
    EXPECT_EQ(status.code(), Code::kUnavailable) << status;
    EXPECT_THAT(status.message(), HasSubstr(text));
  }

  const std::unique_ptr<Runtime> runtime_ = MakeRuntime();
  const pki::RootCa root_ = pki::RootCa::Create(Now()).value();
  const pki::RootCa other_ = pki::RootCa::Create(Now()).value();  // of the same name
  const pki::PrivateKey key_ = pki::PrivateKey::Generate().value();
  const std::string csr_ = pki::MakeCsr(key_).value();
  const pki::NodeSubject subject_{"node1", "swarm-worker", "cluster1"};
  std::shared_ptr<const Credentials> presented_;
};

TEST_F(ClientTest, AnAuthoritySignsAndSeesWhoAsks) {
  SigningServer server(root_);
  const auto signed_pem = Sign({server.url()});
  ASSERT_TRUE(signed_pem.ok()) << signed_pem.status();
  const auto chain = pki::ParseCertificates(*signed_pem).value();
  EXPECT_TRUE(pki::VerifyChain(chain, root_.roots(), Now()).ok());
  EXPECT_EQ(chain.front().subject().common_name, "node1");
  EXPECT_EQ(chain.front().subject().organization, "cluster1");
  EXPECT_TRUE(key_.Matches(chain.front()));
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].client, "m1");
  EXPECT_EQ(requests[0].path, "/sign");
  EXPECT_EQ(requests[0].content_type, "application/json");
}

// Pinned by SwarmKit: a certificate renewed meanwhile is what the next call shows.
TEST_F(ClientTest, EachCallShowsTheCertificateOfItsMoment) {
  SigningServer server(root_);
  ASSERT_TRUE(Sign({server.url()}).ok());
  const auto key = pki::PrivateKey::Generate().value();
  auto pem = root_.SignNode(pki::MakeCsr(key).value(), {"m2", "swarm-manager", "c1"}, 2h, Now());
  presented_ = std::make_shared<const Credentials>(Credentials{*pem, key.Pkcs8Pem(), ""});
  ASSERT_TRUE(Sign({server.url()}).ok());
  presented_ = nullptr;
  ASSERT_TRUE(Sign({server.url()}).ok());
  EXPECT_EQ(server.requests()[1].client, "m2");
  EXPECT_EQ(server.requests()[2].client, "");
}

TEST_F(ClientTest, OneAfterTheOtherUntilOneSigns) {
  SigningServer broken(root_);
  broken.Be(Mood::kFails);
  SigningServer refusing(root_);
  refusing.Be(Mood::kRefuses);
  SigningServer good(root_);
  SigningServer spare(root_);
  EXPECT_TRUE(Sign({broken.url(), refusing.url(), good.url(), spare.url()}).ok());
  EXPECT_EQ(broken.requests().size(), 1U);
  EXPECT_EQ(refusing.requests().size(), 1U);
  EXPECT_TRUE(spare.requests().empty());
  // What each said; one that may come back makes it worth asking again.
  const Status none = Sign({broken.url(), refusing.url()}).status();
  Passing(none, broken.url() + ": the authority answered with HTTP status 500");
  EXPECT_THAT(none.message(),
              HasSubstr(refusing.url() + ": the authority refused to sign: not today"));
  EXPECT_EQ(Sign({refusing.url()}).status().code(), Code::kPermissionDenied);
}

TEST_F(ClientTest, FailuresNameTheirCause) {
  SigningServer server(root_);
  server.Be(Mood::kGarbage);
  Passing(Sign({server.url()}).status(), "unable to parse JSON response");
  // Pinned by SwarmKit: cut off, not waited for.
  server.Be(Mood::kEndless);
  Passing(Sign({server.url()}).status(), "unable to parse JSON response: it is too long");
  server.Be(Mood::kSilent);
  Passing(Sign({server.url()}, 300ms).status(), "no answer within 300ms");
  Passing(Sign({"https://127.0.0.1:1/sign"}).status(), "Connection refused");
  Passing(Sign({"http://127.0.0.1:1/sign"}).status(), "must begin with https://");
  Passing(Sign({"nonsense"}).status(), "must begin with https://");
  Passing(Sign({""}).status(), "must begin with https://");
}

TEST_F(ClientTest, OnlyServersThatTheRootsVouchForAreAsked) {
  SigningServer strange(root_, {.server_root = &other_});
  Passing(Sign({strange.url()}).status(), "signed by an unknown authority");
  SigningServer misnamed(root_, {.server_name = "DNS:elsewhere.example"});
  Passing(Sign({misnamed.url()}).status(), "127.0.0.1");
  EXPECT_TRUE(strange.requests().empty());
  EXPECT_TRUE(misnamed.requests().empty());
}

TEST_F(ClientTest, ReachableIsWhoShowsACertificateOfTheRoot) {
  SigningServer server(root_);
  EXPECT_EQ(Reach({server.url()}, root_.roots_pem()), Status());
  EXPECT_EQ(Reach({"https://127.0.0.1:1", server.url()}, root_.roots_pem()), Status());
  // Two roots of one name: the path is built to the right one.
  EXPECT_EQ(Reach({server.url()}, other_.roots_pem() + root_.roots_pem()), Status());
  Passing(Reach({server.url()}, other_.roots_pem()), "signed by an unknown authority");
  Passing(Reach({"http://127.0.0.1:" + std::to_string(server.port())}, root_.roots_pem()),
          "must begin with https://");
  EXPECT_TRUE(server.requests().empty()) << "nothing is asked of it";
}

TEST_F(ClientTest, ARootIsSignedWhereTheAuthorityMakesOthers) {
  const auto cross = [&](const SigningServer& server) {
    Client client(*runtime_, MakeHttps(runtime_->clock()), [this] { return presented_; });
    std::promise<Result<std::string>> answer;
    client.Sign({server.url()},
                *CrossSignRequest(other_.roots_pem(), *pki::PrivateKey::FromPem(other_.KeyPem())),
                root_.roots_pem(),
                [&](Result<std::string> result) { answer.set_value(std::move(result)); });
    return answer.get_future().get();
  };
  SigningServer willing(root_, {.signs_authorities = true});
  const auto crossed = cross(willing);
  ASSERT_TRUE(crossed.ok()) << crossed.status();
  const auto certificate = pki::ParseCertificates(*crossed).value().front();
  EXPECT_TRUE(certificate.IsCa());
  EXPECT_TRUE(certificate.SignedBy(root_.roots().front()));
  EXPECT_EQ(certificate.PublicKeyDer(), other_.roots().front().PublicKeyDer());
  EXPECT_EQ(certificate.SubjectDer(), other_.roots().front().SubjectDer());
  SigningServer unwilling(root_);
  EXPECT_EQ(cross(unwilling).status().code(), Code::kPermissionDenied);
}

TEST_F(ClientTest, CancellingEndsTheWait) {
  SigningServer server(root_);
  server.Be(Mood::kSilent);
  Client client(*runtime_, MakeHttps(runtime_->clock(), std::chrono::hours(1)),
                [this] { return presented_; });
  std::promise<Result<std::string>> answer;
  client.Sign({server.url(), server.url()}, "{}", root_.roots_pem(),
              [&](Result<std::string> result) { answer.set_value(std::move(result)); });
  while (server.requests().empty()) std::this_thread::yield();
  client.Cancel();
  EXPECT_EQ(answer.get_future().get().status().code(), Code::kCancelled);
  EXPECT_EQ(server.requests().size(), 1U);
}

}  // namespace
}  // namespace swarm::cfssl
