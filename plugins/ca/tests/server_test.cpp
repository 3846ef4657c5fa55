// The leader's certificate authority: founding, joining with a token, renewing, unlocking.
#include "server.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "pki/chain.h"
#include "pki/text_keys.h"
#include "server_fixture.h"

namespace swarm::ca {
namespace {

using State = pb::IssuanceStatus;

TEST_F(ServerTest, FoundsTheClusterAndItsFirstNode) {
  Start();
  const auto cluster = Cluster();
  ASSERT_TRUE(cluster);
  EXPECT_EQ(cluster->id(), "cluster1");
  EXPECT_EQ(cluster->spec().annotations().name(), "default");
  EXPECT_EQ(cluster->spec().orchestration().task_history_retention_limit(), 5);
  EXPECT_EQ(cluster->spec().dispatcher().heartbeat_period().seconds(), 5);
  EXPECT_EQ(cluster->spec().raft().snapshot_interval(), 10'000U);
  EXPECT_EQ(cluster->spec().raft().log_entries_for_slow_followers(), 500U);
  EXPECT_EQ(cluster->spec().raft().heartbeat_tick(), 1U);
  EXPECT_EQ(cluster->spec().raft().election_tick(), 10U);
  EXPECT_EQ(cluster->spec().ca_config().node_cert_expiry().seconds(), 2160 * 3600);
  EXPECT_FALSE(cluster->spec().encryption_config().auto_lock_managers());
  EXPECT_EQ(cluster->unlock_keys_size(), 0);
  EXPECT_EQ(cluster->root_ca().ca_cert(), root_.roots_pem());
  EXPECT_EQ(cluster->root_ca().ca_key(), root_.KeyPem());
  EXPECT_EQ(cluster->root_ca().ca_cert_hash(), root_.Digest());
  for (const auto& token :
       {cluster->root_ca().join_tokens().worker(), cluster->root_ca().join_tokens().manager()}) {
    EXPECT_EQ(pki::ParseJoinToken(token).value().digest, root_.Digest());
  }
  const auto node = Node("manager1");
  ASSERT_TRUE(node);
  EXPECT_EQ(node->role(), pb::MANAGER);
  EXPECT_EQ(node->spec().desired_role(), pb::MANAGER);
  EXPECT_EQ(node->spec().membership(), pb::NodeSpec::ACCEPTED);
  EXPECT_EQ(node->spec().availability(), pb::NodeSpec::ACTIVE);
  EXPECT_EQ(node->certificate().status().state(), State::ISSUED);
  EXPECT_EQ(node->certificate().cn(), "manager1");
}

TEST_F(ServerTest, ALaterStartChangesNothing) {
  Start();
  const std::string before = Cluster()->SerializeAsString();
  const std::string node = Node("manager1")->SerializeAsString();
  Stop();
  context_.node_info.root_key_pem.clear();
  Start();
  EXPECT_EQ(Cluster()->SerializeAsString(), before);
  EXPECT_EQ(Node("manager1")->SerializeAsString(), node);
}

TEST_F(ServerTest, AutoLockMakesAnUnlockKey) {
  context_.node_info.auto_lock = true;
  Start();
  ASSERT_EQ(Cluster()->unlock_keys_size(), 1);
  EXPECT_EQ(Cluster()->unlock_keys(0).subsystem(), "swarm-manager");
  EXPECT_EQ(Cluster()->unlock_keys(0).key().size(), 32U);
}

TEST_F(ServerTest, AnswersTheExactRootCertificate) {
  Start();
  const auto root = Call<pb::GetRootCACertificateResponse>(*anonymous_, "CA/GetRootCACertificate",
                                                           pb::GetRootCACertificateRequest());
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ((*root)->certificate(), root_.roots_pem());
}

TEST_F(ServerTest, TheTokenDecidesTheRole) {
  Start();
  const pb::JoinTokens tokens = Cluster()->root_ca().join_tokens();
  for (const auto& [token, role] :
       {std::pair(tokens.worker(), pb::WORKER), std::pair(tokens.manager(), pb::MANAGER)}) {
    const std::string csr = NewCsr();
    const auto issued = Issue(*anonymous_, csr, token);
    ASSERT_TRUE(issued.ok()) << issued.status();
    EXPECT_EQ((*issued)->node_membership(), pb::NodeSpec::ACCEPTED);
    const auto status = GetStatus((*issued)->node_id());
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ((*status)->status().state(), State::ISSUED);
    EXPECT_EQ((*status)->certificate().csr(), csr);
    const auto chain = pki::ParseCertificates((*status)->certificate().certificate());
    ASSERT_TRUE(chain.ok());
    EXPECT_TRUE(pki::VerifyChain(*chain, root_.roots(), machine_.runtime().clock().Now()).ok());
    EXPECT_EQ(chain->front().subject().common_name, (*issued)->node_id());
    EXPECT_EQ(chain->front().subject().organization, "cluster1");
    EXPECT_EQ(chain->front().subject().units.front(),
              role == pb::MANAGER ? "swarm-manager" : "swarm-worker");
    const auto node = Node((*issued)->node_id());
    EXPECT_EQ(node->role(), role);
    EXPECT_EQ(node->spec().desired_role(), role);
    EXPECT_EQ(node->spec().availability(), pb::NodeSpec::DRAIN);
  }
}

TEST_F(ServerTest, WithoutAValidTokenNobodyJoins) {
  Start();
  const Status refused(Code::kInvalidArgument,
                       "A valid join token is necessary to join this cluster");
  EXPECT_EQ(Issue(*anonymous_, NewCsr(), "").status(), refused);
  EXPECT_EQ(Issue(*anonymous_, NewCsr(), "SWMTKN-1-x-y").status(), refused);
  EXPECT_EQ(Issue(*As("other", "swarm-worker", "elsewhere"), NewCsr(), "").status().code(),
            refused.code());
  EXPECT_EQ(Issue(*anonymous_, "", Cluster()->root_ca().join_tokens().worker()).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(store_.Read()->Count(Table::kNode), 1U);
}

TEST_F(ServerTest, ARotatedTokenReplacesTheOldOne) {
  Start();
  const std::string old = Cluster()->root_ca().join_tokens().worker();
  const std::string fresh = pki::MakeJoinToken(root_.roots_pem(), simulation_.random());
  ChangeCluster([&](pb::Cluster& cluster) {
    cluster.mutable_root_ca()->mutable_join_tokens()->set_worker(fresh);
  });
  EXPECT_FALSE(Issue(*anonymous_, NewCsr(), old).ok());
  EXPECT_TRUE(Issue(*anonymous_, NewCsr(), fresh).ok());
}

TEST_F(ServerTest, MembersRenewWithoutAToken) {
  Start();
  const std::string csr = NewCsr();
  const auto renewed = Issue(*As("manager1", "swarm-manager"), csr, "");
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ((*renewed)->node_id(), "manager1");
  const auto status = GetStatus("manager1");
  ASSERT_TRUE(status.ok());
  EXPECT_EQ((*status)->certificate().csr(), csr);
  EXPECT_EQ((*status)->certificate().role(), pb::MANAGER);
  EXPECT_EQ((*status)->status().state(), State::ISSUED);
}

TEST_F(ServerTest, TheLocalSocketRenewsThisNode) {
  Start();
  const auto renewed = Issue(*local_, NewCsr(), "");
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ((*renewed)->node_id(), "manager1");
}

TEST_F(ServerTest, UnknownAndRemovedMembersDoNotRenew) {
  Start();
  const auto unknown = Issue(*As("ghost", "swarm-worker"), NewCsr(), "");
  EXPECT_EQ(unknown.status(),
            Status(Code::kNotFound, "node ghost not found when attempting to renew certificate"));
  ChangeCluster(
      [](pb::Cluster& cluster) { (*cluster.mutable_blacklisted_certificates())["ghost"]; });
  EXPECT_EQ(Issue(*As("ghost", "swarm-worker"), NewCsr(), "").status().code(),
            Code::kInvalidArgument);
}

TEST_F(ServerTest, AGarbledRequestFailsAndSaysWhy) {
  Start();
  const auto issued = Issue(*anonymous_, "garbage", Cluster()->root_ca().join_tokens().worker());
  ASSERT_TRUE(issued.ok()) << issued.status();
  const auto status = GetStatus((*issued)->node_id());
  ASSERT_TRUE(status.ok());
  EXPECT_EQ((*status)->status().state(), State::FAILED);
  EXPECT_NE((*status)->status().err().find("CSR Decode failed"), std::string::npos);
  EXPECT_EQ((*status)->certificate().certificate(), "");
}

TEST_F(ServerTest, StatusOfNobodyIsNotFound) {
  Start();
  EXPECT_EQ(GetStatus("ghost").status().code(), Code::kNotFound);
  EXPECT_EQ(GetStatus("").status().code(), Code::kInvalidArgument);
}

TEST_F(ServerTest, RotateIsAFinalState) {
  Start();
  Write([](Transaction& tx) {
    auto node = std::make_shared<pb::Node>(*tx.Get<pb::Node>("manager1"));
    node->mutable_certificate()->mutable_status()->set_state(State::ROTATE);
    return tx.Update(std::move(node));
  });
  EXPECT_EQ(GetStatus("manager1").value()->status().state(), State::ROTATE);
}

// A node that waits for acceptance is answered once it is accepted and signed.
TEST_F(ServerTest, StatusWaitsUntilTheCertificateIsThere) {
  Start();
  pb::Node node;
  node.set_id("waiting");
  node.mutable_spec()->set_membership(pb::NodeSpec::PENDING);
  node.mutable_certificate()->set_csr(NewCsr());
  node.mutable_certificate()->mutable_status()->set_state(State::PENDING);
  Write([&](Transaction& tx) { return tx.Create(std::make_shared<pb::Node>(node)); });
  EXPECT_EQ(GetStatus("waiting").status().code(), Code::kDeadlineExceeded);

  pb::NodeCertificateStatusRequest request;
  request.set_node_id("waiting");
  std::optional<Code> answered;
  auto call = CallUnary<pb::NodeCertificateStatusResponse>(
      *anonymous_, "/docker.swarmkit.v1.NodeCA/NodeCertificateStatus", {}, request,
      [&](Result<std::shared_ptr<const pb::NodeCertificateStatusResponse>> result) {
        answered = result.status().code();
      });
  simulation_.RunFor(1s);
  EXPECT_FALSE(answered);
  Write([](Transaction& tx) {
    auto changed = std::make_shared<pb::Node>(*tx.Get<pb::Node>("waiting"));
    changed->mutable_spec()->set_membership(pb::NodeSpec::ACCEPTED);
    return tx.Update(std::move(changed));
  });
  EXPECT_TRUE(simulation_.RunUntil([&] { return answered == Code::kOk; }, 5s));
}

TEST_F(ServerTest, StopAnswersWhoIsWaiting) {
  Start();
  Write([](Transaction& tx) {
    auto node = std::make_shared<pb::Node>();
    node->set_id("waiting");
    return tx.Create(std::move(node));
  });
  pb::NodeCertificateStatusRequest request;
  request.set_node_id("waiting");
  std::optional<Status> answered;
  auto call = CallUnary<pb::NodeCertificateStatusResponse>(
      *anonymous_, "/docker.swarmkit.v1.NodeCA/NodeCertificateStatus", {}, request,
      [&](Result<std::shared_ptr<const pb::NodeCertificateStatusResponse>> result) {
        answered = result.status();
      });
  simulation_.RunFor(1s);
  Stop();
  ASSERT_TRUE(simulation_.RunUntil([&] { return answered.has_value(); }, 5s));
  EXPECT_EQ(*answered, Status(Code::kAborted, "CA signer is stopped"));
}

TEST_F(ServerTest, SignsWhatWasOutstandingAtTheStart) {
  pb::Node node;
  node.set_id("early");
  node.mutable_spec()->set_membership(pb::NodeSpec::ACCEPTED);
  node.mutable_certificate()->set_csr(NewCsr());
  node.mutable_certificate()->mutable_status()->set_state(State::PENDING);
  Write([&](Transaction& tx) { return tx.Create(std::make_shared<pb::Node>(node)); });
  Start();
  EXPECT_EQ(GetStatus("early").value()->status().state(), State::ISSUED);
}

// Without the root's key requests wait; they are granted once it is there.
TEST_F(ServerTest, RequestsWaitForASigner) {
  context_.node_info.root_key_pem.clear();
  Start();
  const auto issued = Issue(*anonymous_, NewCsr(), Cluster()->root_ca().join_tokens().worker());
  ASSERT_TRUE(issued.ok());
  simulation_.RunFor(30s);
  EXPECT_EQ(Node((*issued)->node_id())->certificate().status().state(), State::PENDING);
  ChangeCluster(
      [&](pb::Cluster& cluster) { cluster.mutable_root_ca()->set_ca_key(root_.KeyPem()); });
  EXPECT_EQ(GetStatus((*issued)->node_id()).value()->status().state(), State::ISSUED);
}

TEST_F(ServerTest, UnlockKeyIsForManagersOnly) {
  context_.node_info.auto_lock = true;
  Start();
  const auto key = Call<pb::GetUnlockKeyResponse>(*As("manager1", "swarm-manager"),
                                                  "CA/GetUnlockKey", pb::GetUnlockKeyRequest());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ((*key)->unlock_key(), Cluster()->unlock_keys(0).key());
  EXPECT_EQ((*key)->version().index(), Cluster()->meta().version().index());
  const auto refused = Call<pb::GetUnlockKeyResponse>(*As("worker1", "swarm-worker"),
                                                      "CA/GetUnlockKey", pb::GetUnlockKeyRequest());
  EXPECT_EQ(refused.status().code(), Code::kPermissionDenied);
}

TEST_F(ServerTest, AnUnlockedClusterHasNoUnlockKey) {
  Start();
  const auto key =
      Call<pb::GetUnlockKeyResponse>(*local_, "CA/GetUnlockKey", pb::GetUnlockKeyRequest());
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ((*key)->unlock_key(), "");
  EXPECT_EQ((*key)->version().index(), Cluster()->meta().version().index());
}

TEST_F(ServerTest, StopTwiceAndWithoutStartIsHarmless) {
  Server never(context_);
  int stopped = 0;
  never.Stop([&] { ++stopped; });
  Start();
  server_->Stop([&] { ++stopped; });
  server_->Stop([&] { ++stopped; });
  simulation_.Settle();
  EXPECT_EQ(stopped, 3);
}

}  // namespace
}  // namespace swarm::ca
