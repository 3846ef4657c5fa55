// A cluster that leaves signing to authorities outside of it.
#include "external.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pki/chain.h"
#include "server_fixture.h"

namespace swarm::ca {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using State = pb::IssuanceStatus;

// An authority as the test says; `answer` null: it signs.
class FakeTransport final : public cfssl::Transport {
 public:
  struct State {
    pki::RootCa root;
    std::function<Result<cfssl::Answer>(const std::string& url)> answer;
    std::string another_name;  // signs for this node instead
    std::vector<std::string> urls;
    std::vector<std::string> trusted;
  };
  FakeTransport(std::shared_ptr<State> state, const Clock& clock)
      : state_(std::move(state)), clock_(clock) {}

  Result<cfssl::Answer> Post(const std::string& url, const std::string& text,
                             const cfssl::Trust& trust) override {
    state_->urls.push_back(url);
    state_->trusted.push_back(trust.roots_pem);
    if (state_->answer) return state_->answer(url);
    const json body = json::parse(text);
    const auto& name = body["subject"]["names"][0];
    std::string id = body["subject"]["CN"];
    if (!state_->another_name.empty()) id = state_->another_name;
    const auto pem =
        state_->root.SignNode(std::string(body["certificate_request"]), {id, name["OU"], name["O"]},
                              std::chrono::hours(24), clock_.Now());
    return cfssl::Answer{200, json({{"success", true}, {"result", {{"certificate", *pem}}}}).dump(),
                         false};
  }
  Status Connect(const std::string&, const cfssl::Trust&) override { return {}; }
  void Cancel() noexcept override {}

 private:
  const std::shared_ptr<State> state_;
  const Clock& clock_;
};

class ExternalTest : public ServerTest {
 protected:
  ExternalTest() {
    context_.node_info.root_key_pem.clear();
    context_.node_info.external_cas = {"protocol=cfssl,url=https://one",
                                       "protocol=cfssl,url=https://two"};
    transport_ = std::make_unique<FakeTransport>(outside_, machine_.runtime().clock());
  }

  // A newcomer's node id.
  std::string Join(const std::string& csr = NewCsr()) {
    const auto reply = Issue(*anonymous_, csr, Cluster()->root_ca().join_tokens().worker());
    EXPECT_TRUE(reply.ok()) << reply.status();
    simulation_.Settle();
    return reply.ok() ? (*reply)->node_id() : "";
  }
  pb::Certificate CertificateOf(const std::string& id) { return Node(id)->certificate(); }
  static cfssl::Answer Down() { return {503, "", false}; }

  std::shared_ptr<FakeTransport::State> outside_ =
      std::make_shared<FakeTransport::State>(FakeTransport::State{root_, nullptr, "", {}, {}});
};

TEST_F(ExternalTest, AClusterBeginsWithTheAuthoritiesThatAreConfigured) {
  Start();
  ASSERT_EQ(Cluster()->spec().ca_config().external_cas_size(), 2);
  EXPECT_EQ(Cluster()->spec().ca_config().external_cas(1).url(), "https://two");
  const std::string id = Join();
  const auto chain = pki::ParseCertificates(CertificateOf(id).certificate()).value();
  EXPECT_TRUE(pki::VerifyChain(chain, root_.roots(), machine_.runtime().clock().Now()).ok());
  EXPECT_EQ(chain.front().subject().common_name, id);
  EXPECT_THAT(outside_->urls, ElementsAre("https://one"));
  EXPECT_EQ(outside_->trusted[0], root_.roots_pem());
}

TEST_F(ExternalTest, BadTextsInTheConfigurationEndTheStart) {
  context_.node_info.external_cas = {"protocol=ldap,url=x"};
  server_ = std::make_unique<Server>(context_, std::move(transport_));
  Status started;
  server_->Start([&](Status status) { started = std::move(status); });
  simulation_.Settle();
  EXPECT_EQ(started.code(), Code::kInvalidArgument);
  EXPECT_THAT(started.message(), HasSubstr("unrecognized external CA protocol ldap"));
  EXPECT_THAT(started.message(), HasSubstr("node.external_cas"));
}

// Pinned by SwarmKit: an authority that is down keeps nodes waiting, it does not fail them.
TEST_F(ExternalTest, WhatMayPassIsTriedAgain) {
  outside_->answer = [](const std::string&) { return Down(); };
  Start();
  const std::string first = Join();
  const std::string second = Join();
  EXPECT_EQ(CertificateOf(first).status().state(), State::PENDING);
  outside_->urls.clear();
  simulation_.RunFor(11s);
  EXPECT_THAT(outside_->urls, ElementsAre("https://one", "https://two"))
      << "nobody else is asked for once one could not be served";
  outside_->answer = nullptr;
  simulation_.RunFor(11s);
  EXPECT_EQ(CertificateOf(first).status().state(), State::ISSUED);
  EXPECT_EQ(CertificateOf(second).status().state(), State::ISSUED);
}

TEST_F(ExternalTest, OtherAuthoritiesAreAskedAtOnce) {
  outside_->answer = [](const std::string&) { return Down(); };
  Start();
  const std::string id = Join();
  outside_->answer = nullptr;
  ChangeCluster([](pb::Cluster& cluster) {
    cluster.mutable_spec()->mutable_ca_config()->mutable_external_cas(0)->set_url("https://three");
  });
  simulation_.Settle();
  EXPECT_EQ(CertificateOf(id).status().state(), State::ISSUED);
  EXPECT_EQ(outside_->urls.back(), "https://three");
}

TEST_F(ExternalTest, ARefusalIsForGoodAndTold) {
  outside_->answer = [](const std::string&) {
    return cfssl::Answer{200, R"({"success":false,"errors":[{"message":"too many"}]})", false};
  };
  Start();
  const std::string id = Join();
  EXPECT_EQ(CertificateOf(id).status().state(), State::FAILED);
  EXPECT_THAT(CertificateOf(id).status().err(), HasSubstr("https://two"));
  EXPECT_THAT(CertificateOf(id).status().err(), HasSubstr("too many"));
  EXPECT_TRUE(CertificateOf(id).certificate().empty());
}

TEST_F(ExternalTest, WhatIsNoRequestIsShownToNobody) {
  Start();
  const std::string id = Join("garbage");
  EXPECT_EQ(CertificateOf(id).status().state(), State::FAILED);
  EXPECT_THAT(CertificateOf(id).status().err(), HasSubstr("CSR Decode failed"));
  EXPECT_TRUE(outside_->urls.empty());
}

TEST_F(ExternalTest, ACertificateForAnotherNameIsNotGivenOut) {
  outside_->another_name = "manager1";
  Start();
  const std::string id = Join();
  EXPECT_EQ(CertificateOf(id).status().state(), State::FAILED);
  EXPECT_THAT(CertificateOf(id).status().err(), HasSubstr("it is for another name than CN=" + id));
}

TEST_F(ExternalTest, ACertificateOfAnotherRootIsNotGivenOut) {
  outside_->root = pki::RootCa::Create(machine_.runtime().clock().Now()).value();
  Start();
  const std::string id = Join();
  EXPECT_EQ(CertificateOf(id).status().state(), State::FAILED);
  EXPECT_THAT(CertificateOf(id).status().err(), HasSubstr("unknown authority"));
}

// From a key in the cluster to an authority outside: during the rotation that one signs, and what
// it signs leads to the old root through the new one's cross-signed certificate.
TEST_F(ExternalTest, ARotationToAnAuthorityOutside) {
  context_.node_info.root_key_pem = root_.KeyPem();
  context_.node_info.external_cas.clear();
  Start();
  const auto next = pki::RootCa::Create(machine_.runtime().clock().Now()).value();
  outside_->root = next;
  const std::string before = Join();
  EXPECT_TRUE(outside_->urls.empty()) << "the cluster's own key signs";
  ChangeCluster([&](pb::Cluster& cluster) {
    auto* authority = cluster.mutable_spec()->mutable_ca_config()->add_external_cas();
    authority->set_url("https://next");
    authority->set_ca_cert(next.roots_pem());
    auto* rotation = cluster.mutable_root_ca()->mutable_root_rotation();
    rotation->set_ca_cert(next.roots_pem());
    rotation->set_cross_signed_ca_cert(root_.CrossSign(next.roots_pem()).value());
  });
  const std::string id = Join();
  ASSERT_EQ(CertificateOf(id).status().state(), State::ISSUED) << CertificateOf(id).status().err();
  const auto chain = pki::ParseCertificates(CertificateOf(id).certificate()).value();
  EXPECT_EQ(chain.size(), 2U);
  const WallTime now = machine_.runtime().clock().Now();
  EXPECT_TRUE(pki::VerifyChain(chain, root_.roots(), now).ok());
  EXPECT_TRUE(pki::VerifyChain({chain.front()}, next.roots(), now).ok());
  EXPECT_EQ(outside_->urls.back(), "https://next");
  EXPECT_THAT(outside_->trusted.back(), HasSubstr(next.roots_pem()));
}

}  // namespace
}  // namespace swarm::ca
