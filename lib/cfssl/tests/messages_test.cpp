// The protocol's JSON, as authorities read and write it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cfssl/client.h"

namespace swarm::cfssl {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

WallTime Now() { return std::chrono::system_clock::now(); }

TEST(MessagesTest, ANodesRequestNamesWhatTheCertificateSays) {
  const json worker = json::parse(NodeRequest("the csr", {"node1", "swarm-worker", "cluster1"}));
  EXPECT_EQ(worker["hosts"], json({"swarm-worker", "node1"}));
  EXPECT_EQ(worker["certificate_request"], "the csr");
  EXPECT_EQ(worker["subject"]["CN"], "node1");
  EXPECT_EQ(worker["subject"]["names"], json::parse(R"([{"O":"cluster1","OU":"swarm-worker"}])"));
  EXPECT_EQ(worker["profile"], "");
  const json manager = json::parse(NodeRequest("the csr", {"node1", "swarm-manager", "cluster1"}));
  EXPECT_EQ(manager["hosts"], json({"swarm-manager", "node1", "swarm-ca"}));
}

TEST(MessagesTest, ARootIsCrossSignedAsWhatItIs) {
  const auto root = pki::RootCa::Create(Now(), "next").value();
  const auto key = pki::PrivateKey::FromPem(root.KeyPem()).value();
  const json body = json::parse(CrossSignRequest(root.roots_pem(), key).value());
  EXPECT_EQ(body["profile"], "CA");
  EXPECT_EQ(body["subject"]["CN"], "next");
  EXPECT_EQ(body["hosts"], json::array());
  EXPECT_EQ(body["extensions"],
            json::parse(R"([{"id":"2.5.29.19","critical":true,"value":"30030101ff"}])"));
  EXPECT_EQ(pki::CsrPublicKeyDer(body["certificate_request"].get<std::string>()).value(),
            root.roots().front().PublicKeyDer());
}

TEST(MessagesTest, OnlyAnAuthorityIsCrossSigned) {
  const auto root = pki::RootCa::Create(Now()).value();
  const auto key = pki::PrivateKey::Generate().value();
  const auto leaf = root.SignNode(pki::MakeCsr(key).value(), {"n", "swarm-worker", "c"},
                                  std::chrono::hours(2), Now());
  EXPECT_EQ(CrossSignRequest(*leaf, key).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(CrossSignRequest("garbage", key).status().code(), Code::kInvalidArgument);
}

TEST(MessagesTest, AnAnswerIsACertificateARefusalOrNothing) {
  const auto read = [](int status, const std::string& body, bool too_long = false) {
    return ReadAnswer({status, body, too_long});
  };
  EXPECT_EQ(*read(200, R"({"success":true,"result":{"certificate":"PEM"}})"), "PEM");
  const auto refused = [&](const std::string& body, const char* text) {
    const Status status = read(200, body).status();
    EXPECT_EQ(status.code(), Code::kPermissionDenied) << body;
    EXPECT_THAT(status.message(), HasSubstr(text));
  };
  refused(R"({"success":false,"errors":[{"code":1,"message":"bad\nrequest"},{},7]})",
          "the authority refused to sign: bad request");
  refused(R"({"success":"yes","result":{"certificate":"PEM"}})", "refused");
  refused(R"({"result":{"certificate":"PEM"}})", "refused");
  refused(R"({"success":true})", "no certificate");
  refused(R"({"success":true,"result":{"certificate":{}}})", "no certificate");
  refused(R"({"success":true,"result":[]})", "no certificate");
  const auto passing = [&](int status, const std::string& body, const char* text, bool too_long) {
    const Status answer = read(status, body, too_long).status();
    EXPECT_EQ(answer.code(), Code::kUnavailable) << body;
    EXPECT_THAT(answer.message(), HasSubstr(text));
  };
  passing(503, "", "HTTP status 503", false);
  passing(400, R"({"success":false,"errors":[{"message":"no"}]})", "HTTP status 400: no", false);
  passing(200, "<html>", "unable to parse JSON response", false);
  passing(200, "[]", "unable to parse JSON response", false);
  passing(200, R"({"success":true,"result":{"certificate":"PEM"}})", "it is too long", true);
}

}  // namespace
}  // namespace swarm::cfssl
