// Moving a cluster to a new root, node by node.
#include "rotation.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "fakes/reference_store.h"
#include "founding.h"
#include "pki/chain.h"
#include "pki/root_ca.h"
#include "pki/text_keys.h"
#include "swarm/simulation.h"

namespace swarm::ca {
namespace {

using std::chrono_literals::operator""s;
using State = pb::IssuanceStatus;

class RotationTest : public testing::Test {
 protected:
  RotationTest() {
    simulation_.Settle();
    rotation_ = std::make_shared<Rotation>(
        Rotation::Parts{loop_, machine_.runtime(), store_, store_.writer(), Logger()});
    NodeInfo info;
    info.node_id = "node0";
    info.cluster_id = "cluster1";
    info.root_certificate_pem = old_.roots_pem();
    info.root_key_pem = old_.KeyPem();
    Write(FoundingTransaction(info, simulation_.random()));
    ChangeNode("node0", [this](pb::Node& node) { Show(node, old_); });
    subscription_ = store_
                        .ReadAndWatch({{Table::kCluster, Table::kNode}}, *loop_,
                                      [this](const CommitPtr& commit) { OnCommit(*commit); })
                        .second;
  }
  ~RotationTest() override {
    subscription_.reset();
    rotation_->Stop();
    simulation_.Settle();
  }

  void OnCommit(const Commit& commit) {
    for (const Event& event : commit.events) {
      if (event.table == Table::kCluster) {
        rotation_->Follow(static_cast<const pb::Cluster&>(*event.object));
        continue;
      }
      const auto& node = static_cast<const pb::Node&>(*event.object);
      if (event.change == Change::kRemove) {
        rotation_->OnNodeGone(node.id());
      } else {
        rotation_->OnNode(node);
      }
    }
  }
  void Write(TransactionFn fn) {
    std::optional<Result<Index>> done;
    store_.writer()->Update(std::move(fn), [&](Result<Index> r) { done = std::move(r); });
    simulation_.Settle();
    ASSERT_TRUE(done && done->ok()) << done->status();
  }
  void ChangeNode(const std::string& id, const std::function<void(pb::Node&)>& change) {
    Write([&](Transaction& tx) {
      auto node = std::make_shared<pb::Node>(*tx.Get<pb::Node>(id));
      change(*node);
      return tx.Update(std::move(node));
    });
  }
  void AddNodes(int count, State::State state = State::ISSUED) {
    Write([&](Transaction& tx) -> Status {
      for (int i = 1; i <= count; ++i) {
        auto node = std::make_shared<pb::Node>();
        node->set_id("node" + std::to_string(i));
        node->mutable_certificate()->mutable_status()->set_state(state);
        Show(*node, old_);
        SWARM_RETURN_IF_ERROR(tx.Create(std::move(node)));
      }
      return {};
    });
  }
  // As an agent tells after it has a certificate of that root.
  static void Show(pb::Node& node, const pki::RootCa& root) {
    auto& tls = *node.mutable_description()->mutable_tls_info();
    tls.set_cert_issuer_subject(root.roots().front().SubjectDer());
    tls.set_cert_issuer_public_key(root.roots().front().PublicKeyDer());
  }
  void Renewed(const std::string& id, const pki::RootCa& root) {
    ChangeNode(id, [&](pb::Node& node) {
      node.mutable_certificate()->mutable_status()->set_state(State::ISSUED);
      Show(node, root);
    });
  }
  void Rotate(const pki::RootCa& to) {
    Write([&](Transaction& tx) {
      auto cluster = std::make_shared<pb::Cluster>(*FindCluster(tx));
      auto& rotation = *cluster->mutable_root_ca()->mutable_root_rotation();
      rotation.set_ca_cert(to.roots_pem());
      rotation.set_ca_key(to.KeyPem());
      rotation.set_cross_signed_ca_cert(old_.CrossSign(to.roots_pem()).value());
      cluster->mutable_root_ca()->set_last_forced_rotation(7);
      return tx.Update(std::move(cluster));
    });
  }
  pb::RootCA Root() { return FindCluster(*store_.Read())->root_ca(); }
  int Asked() {
    int asked = 0;
    const auto nodes = store_.Read()->Find<pb::Node>(By::All()).value();
    for (const auto& node : nodes) {
      asked += node->certificate().status().state() == State::ROTATE;
    }
    return asked;
  }

  Simulation simulation_{4};
  Machine& machine_ = simulation_.AddMachine("m");
  const WallTime now_ = machine_.runtime().clock().Now();
  const pki::RootCa old_ = pki::RootCa::Create(now_).value();
  const pki::RootCa new_ = pki::RootCa::Create(now_).value();
  fakes::ReferenceStore store_{machine_.runtime()};
  std::shared_ptr<Loop> loop_ = machine_.runtime().NewLoop("ca", LoopKind::kShared);
  std::shared_ptr<Rotation> rotation_;
  std::unique_ptr<Subscription> subscription_;
};

// Pinned by SwarmKit: nodes with other certificates are asked; once all have moved the root, its
// digest and both tokens are new.
TEST_F(RotationTest, EndsWhenTheLastNodeHasMoved) {
  AddNodes(2);
  const pb::RootCA before = Root();
  Rotate(new_);
  simulation_.RunFor(1s);
  EXPECT_EQ(Asked(), 3);
  Renewed("node0", new_);
  Renewed("node1", new_);
  simulation_.RunFor(10s);
  EXPECT_TRUE(Root().has_root_rotation()) << "one node is left";
  EXPECT_EQ(Asked(), 1);
  Renewed("node2", new_);
  simulation_.RunFor(1s);
  const pb::RootCA after = Root();
  EXPECT_FALSE(after.has_root_rotation());
  EXPECT_EQ(after.ca_cert(), new_.roots_pem());
  EXPECT_EQ(after.ca_key(), new_.KeyPem());
  EXPECT_EQ(after.ca_cert_hash(), new_.Digest());
  EXPECT_EQ(after.last_forced_rotation(), 7U);
  for (const auto& token : {after.join_tokens().worker(), after.join_tokens().manager()}) {
    EXPECT_EQ(pki::ParseJoinToken(token).value().digest, new_.Digest());
  }
  EXPECT_NE(after.join_tokens().worker(), before.join_tokens().worker());
}

// Pinned by SwarmKit: at most 30 an interval.
TEST_F(RotationTest, AsksThirtyAtATime) {
  AddNodes(70);
  Rotate(new_);
  simulation_.RunFor(1s);
  EXPECT_EQ(Asked(), 30);
  simulation_.RunFor(3s);
  EXPECT_EQ(Asked(), 60);
  simulation_.RunFor(3s);
  EXPECT_EQ(Asked(), 71);
}

// Pinned by SwarmKit: who asks for a certificate already is left alone.
TEST_F(RotationTest, PendingNodesAreLeftAlone) {
  AddNodes(1, State::PENDING);
  Rotate(new_);
  simulation_.RunFor(10s);
  EXPECT_EQ(Asked(), 1) << "node0 alone";
}

// Pinned by SwarmKit: the last laggard's removal completes it.
TEST_F(RotationTest, ARemovedNodeIsNotWaitedFor) {
  AddNodes(1);
  Rotate(new_);
  simulation_.RunFor(1s);
  Renewed("node0", new_);
  simulation_.RunFor(5s);
  ASSERT_TRUE(Root().has_root_rotation());
  Write([](Transaction& tx) { return tx.Remove<pb::Node>("node1"); });
  simulation_.RunFor(1s);
  EXPECT_FALSE(Root().has_root_rotation());
}

// Pinned by SwarmKit: another target begins anew.
TEST_F(RotationTest, AnotherRootBeginsAnew) {
  Rotate(new_);
  simulation_.RunFor(1s);
  const pki::RootCa third = pki::RootCa::Create(now_).value();
  Rotate(third);
  Renewed("node0", new_);
  simulation_.RunFor(5s);
  ASSERT_TRUE(Root().has_root_rotation());
  EXPECT_EQ(Asked(), 1) << "asked again";
  Renewed("node0", third);
  simulation_.RunFor(1s);
  EXPECT_EQ(Root().ca_cert(), third.roots_pem());
}

TEST_F(RotationTest, GivenUpNobodyIsAskedAnyMore) {
  AddNodes(40);
  Rotate(new_);
  simulation_.RunFor(1s);
  Write([](Transaction& tx) {
    auto cluster = std::make_shared<pb::Cluster>(*FindCluster(tx));
    cluster->mutable_root_ca()->clear_root_rotation();
    return tx.Update(std::move(cluster));
  });
  simulation_.RunFor(10s);
  EXPECT_EQ(Asked(), 30);
  EXPECT_EQ(Root().ca_cert(), old_.roots_pem());
}

// Pinned by SwarmKit: with the cross-signed root in between a leaf of the new root leads to the
// old one, without it not.
TEST_F(RotationTest, CrossSignedTheNewRootLeadsToTheOld) {
  for (const auto* name : {"swarm-ca", "another name"}) {
    const auto to = pki::RootCa::Create(now_, name).value();
    const std::string crossed = old_.CrossSign(to.roots_pem()).value();
    const auto signer =
        pki::RootCa::Load(old_.roots_pem(), pki::SignerFiles{crossed, to.KeyPem(), crossed}, now_);
    ASSERT_TRUE(signer.ok()) << signer.status();
    const auto csr = pki::MakeCsr(pki::PrivateKey::Generate().value()).value();
    const auto pem =
        signer->SignNode(csr, {"n", "swarm-worker", "c"}, pki::kDefaultNodeCertificateExpiry, now_);
    auto chain = pki::ParseCertificates(pem.value()).value();
    ASSERT_EQ(chain.size(), 2U);
    EXPECT_TRUE(pki::VerifyChain(chain, old_.roots(), now_).ok());
    EXPECT_TRUE(pki::VerifyChain(chain, to.roots(), now_).ok());
    chain.pop_back();
    EXPECT_FALSE(pki::VerifyChain(chain, old_.roots(), now_).ok());
    EXPECT_TRUE(pki::VerifyChain(chain, to.roots(), now_).ok());
    const auto both = pki::ParseCertificates(crossed + to.roots_pem()).value();
    EXPECT_EQ(both[0].SubjectDer(), both[1].SubjectDer());
    EXPECT_EQ(both[0].PublicKeyDer(), both[1].PublicKeyDer());
    EXPECT_EQ(both[0].not_after(), both[1].not_after());
  }
  EXPECT_FALSE(old_.CrossSign("garbage").ok());
  EXPECT_FALSE(old_.CrossSign(old_.roots_pem() + new_.roots_pem()).ok());
}

}  // namespace
}  // namespace swarm::ca
