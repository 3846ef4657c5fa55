#include "rpc/authorize.h"

#include <gtest/gtest.h>

namespace swarm::rpc {
namespace {

const char kGetNode[] = "/docker.swarmkit.v1.Control/GetNode";
const char kSession[] = "/docker.swarmkit.v1.Dispatcher/Session";
const char kIssue[] = "/docker.swarmkit.v1.NodeCA/IssueNodeCertificate";
const char kAddress[] = "10.0.0.7:5000";

Identity Worker(std::string id = "w1") { return {std::move(id), "cluster", {"swarm-worker"}}; }
Identity Manager(std::string id = "m1") { return {std::move(id), "cluster", {"swarm-manager"}}; }

Policy ThePolicy() {
  return {"cluster", [](std::string_view id) { return id == "removed"; }};
}

Metadata Forwarded(const Identity& who) {
  Metadata metadata{{"forwarded_cert", "true"},
                    {"forwarded_cert_cn", who.node_id},
                    {"forwarded_cert_org", who.organization},
                    {"remote_addr", "192.168.1.9:33"}};
  for (const auto& role : who.roles) metadata.emplace("forwarded_cert_ou", role);
  return metadata;
}

Result<Effective> Ask(const char* method, std::optional<Identity> peer, Metadata metadata = {}) {
  return Authorize(*MethodTable::Get().Find(method), ThePolicy(), peer, kAddress, metadata);
}

void ExpectDenied(const Result<Effective>& result, const std::string& text) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status(), Status(Code::kPermissionDenied, text));
}

const std::string kWrap =
    "Permission denied: unauthorized peer role: rpc error: code = PermissionDenied desc = ";

TEST(AuthorizeTest, AManagerMayCallControl) {
  const auto result = Ask(kGetNode, Manager());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->changed);
}

TEST(AuthorizeTest, AWorkerMayNotCallControl) {
  ExpectDenied(Ask(kGetNode, Worker()),
               kWrap + "Permission denied: remote certificate not part of OUs: [swarm-manager]");
}

TEST(AuthorizeTest, BothRolesMayCallTheDispatcher) {
  EXPECT_TRUE(Ask(kSession, Worker()).ok());
  EXPECT_TRUE(Ask(kSession, Manager()).ok());
  ExpectDenied(Ask(kSession, Identity{"x", "cluster", {"other"}}),
               kWrap +
                   "Permission denied: remote certificate not part of OUs: "
                   "[swarm-worker swarm-manager]");
}

TEST(AuthorizeTest, AnyOfTheCallersUnitsCounts) {
  EXPECT_TRUE(Ask(kGetNode, Identity{"x", "cluster", {"other", "swarm-manager"}}).ok());
}

TEST(AuthorizeTest, NobodyWithoutCertificateMayCallControl) {
  ExpectDenied(Ask(kGetNode, std::nullopt), kWrap + "no client certificates in request");
}

TEST(AuthorizeTest, ARemovedNodeIsRefusedBeforeItsOrganisationIsLookedAt) {
  Identity removed = Manager("removed");
  removed.organization = "another";
  ExpectDenied(Ask(kGetNode, removed),
               kWrap + "Permission denied: node removed was removed from swarm");
}

TEST(AuthorizeTest, AnotherClustersManagerIsRefused) {
  Identity stranger = Manager();
  stranger.organization = "another";
  ExpectDenied(Ask(kGetNode, stranger),
               kWrap + "Permission denied: remote certificate not part of organization: cluster");
}

TEST(AuthorizeTest, NobodyIsAuthorisedWhileTheClusterIsUnknown) {
  Identity nobody = Manager();
  nobody.organization = "";
  const auto result = Authorize(*MethodTable::Get().Find(kGetNode), Policy{}, nobody, kAddress, {});
  EXPECT_FALSE(result.ok());
}

TEST(AuthorizeTest, AForwardedCallerTakesThePlaceOfTheForwarder) {
  const auto result = Ask(kSession, Manager(), Forwarded(Worker("w9")));
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(result->changed);
  EXPECT_EQ(result->caller->node_id, "w9");
  EXPECT_EQ(result->caller->roles, std::vector<std::string>{"swarm-worker"});
  EXPECT_EQ(result->remote_address, "192.168.1.9:33");
}

TEST(AuthorizeTest, AForwardedWorkerMayNotDoWhatItsForwarderMay) {
  ExpectDenied(Ask(kGetNode, Manager(), Forwarded(Worker())),
               "Permission denied: unauthorized forwarded role, expecting: [swarm-manager]");
}

TEST(AuthorizeTest, OnlyManagersForward) {
  ExpectDenied(Ask(kSession, Worker(), Forwarded(Worker("w9"))),
               "Permission denied: unauthorized forwarder role: rpc error: code = "
               "PermissionDenied desc = Permission denied: remote certificate not part of OUs: "
               "[swarm-manager]");
}

TEST(AuthorizeTest, BlankForwardedFieldsAreRefusedAndNotTakenForTheForwarder) {
  ExpectDenied(Ask(kGetNode, Manager(), Forwarded(Identity{})),
               "Permission denied: missing information in forwarded request");
}

TEST(AuthorizeTest, AForwardedCallerOfAnotherClusterIsRefused) {
  Identity stranger = Worker();
  stranger.organization = "another";
  ExpectDenied(Ask(kSession, Manager(), Forwarded(stranger)),
               "Permission denied: organization mismatch, expecting: cluster");
}

TEST(AuthorizeTest, ARemovedNodeIsRefusedAlsoThroughAManager) {
  ExpectDenied(Ask(kSession, Manager(), Forwarded(Worker("removed"))),
               "Permission denied: node removed was removed from swarm");
}

TEST(AuthorizeTest, TheMarkOfForwardingMustBeExactlyOneTrue) {
  Metadata twice = Forwarded(Worker("w9"));
  twice.emplace("forwarded_cert", "true");
  const auto result = Ask(kSession, Manager(), twice);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->changed) << "two marks are none: the peer itself calls";
}

TEST(AuthorizeTest, AnonymousMethodsRefuseNobodyButShowOnlyTrustedCallers) {
  const auto none = Ask(kIssue, std::nullopt);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->changed);

  const auto known = Ask(kIssue, Worker());
  ASSERT_TRUE(known.ok());
  EXPECT_FALSE(known->changed);

  for (const auto& untrusted : {Worker("removed"), Identity{"x", "another", {"swarm-manager"}}}) {
    const auto result = Ask(kIssue, untrusted);
    ASSERT_TRUE(result.ok());
    ASSERT_TRUE(result->changed);
    EXPECT_FALSE(result->caller.has_value());
  }
}

TEST(AuthorizeTest, AnonymousCallersStayAnonymousWhenForwarded) {
  const auto result = Ask(kIssue, Manager(), Forwarded(Identity{}));
  ASSERT_TRUE(result.ok());
  ASSERT_TRUE(result->changed);
  EXPECT_FALSE(result->caller.has_value());
  EXPECT_EQ(result->remote_address, "192.168.1.9:33");
}

TEST(AuthorizeTest, AnonymousMethodsBelieveNoForwarderThatIsNoManager) {
  const auto result = Ask(kIssue, Worker(), Forwarded(Manager("m9")));
  ASSERT_TRUE(result.ok());
  ASSERT_TRUE(result->changed);
  EXPECT_FALSE(result->caller.has_value());
  EXPECT_EQ(result->remote_address, kAddress);
}

}  // namespace
}  // namespace swarm::rpc
