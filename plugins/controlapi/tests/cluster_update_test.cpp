#include <gtest/gtest.h>

#include <optional>

#include "api_fixture.h"
#include "blacklist.h"
#include "consensus/timing_label.h"
#include "pki/root_ca.h"
#include "pki/text_keys.h"

namespace swarm::controlapi {
namespace {

class ClusterUpdateTest : public ApiTest {
 protected:
  ClusterUpdateTest() {
    root_ = pki::RootCa::Create(machine_.runtime().clock().Now()).value();
    roots_ = root_->roots_pem();
    pb::Cluster cluster;
    cluster.set_id("cluster");
    cluster.mutable_spec()->mutable_annotations()->set_name("default");
    cluster.mutable_root_ca()->set_ca_cert(roots_);
    cluster.mutable_root_ca()->set_ca_key(root_->KeyPem());
    cluster.mutable_root_ca()->mutable_join_tokens()->set_worker("worker");
    cluster.mutable_root_ca()->mutable_join_tokens()->set_manager("manager");
    auto* foreign = cluster.add_unlock_keys();
    foreign->set_subsystem("other");
    foreign->set_key("foreign");
    Put(cluster);
  }

  pb::UpdateClusterRequest Request() {
    pb::UpdateClusterRequest request;
    const auto stored = Stored<pb::Cluster>("cluster");
    request.set_cluster_id("cluster");
    *request.mutable_cluster_version() = stored->meta().version();
    *request.mutable_spec() = stored->spec();
    return request;
  }
  Status Update(const pb::UpdateClusterRequest& request) {
    return Call<pb::UpdateClusterResponse>("UpdateCluster", request).status();
  }
  // The managers' key; empty when there is none. The foreign one must always be there.
  std::string UnlockKey() {
    std::string ours;
    bool foreign = false;
    for (const auto& key : Stored<pb::Cluster>("cluster")->unlock_keys()) {
      foreign = foreign || key.key() == "foreign";
      if (key.subsystem() == "swarm-manager") ours = key.key();
    }
    EXPECT_TRUE(foreign);
    return ours;
  }
  pb::JoinTokens Tokens() { return Stored<pb::Cluster>("cluster")->root_ca().join_tokens(); }

  pb::RootCA Root() { return Stored<pb::Cluster>("cluster")->root_ca(); }

  std::optional<pki::RootCa> root_;
  std::string roots_;
};

// Pinned by SwarmKit: only the token that is asked for changes.
TEST_F(ClusterUpdateTest, RotatesOnlyTheTokenAskedFor) {
  auto request = Request();
  request.mutable_rotation()->set_worker_join_token(true);
  ASSERT_TRUE(Update(request).ok());
  EXPECT_EQ(Tokens().manager(), "manager");
  const auto token = pki::ParseJoinToken(Tokens().worker());
  ASSERT_TRUE(token.ok()) << Tokens().worker();
  EXPECT_EQ(token->digest, pki::Sha256Digest(roots_));
  const std::string worker = Tokens().worker();
  request = Request();
  request.mutable_rotation()->set_manager_join_token(true);
  ASSERT_TRUE(Update(request).ok());
  EXPECT_EQ(Tokens().worker(), worker);
  EXPECT_NE(Tokens().manager(), "manager");
}

// Pinned by SwarmKit: the life of the unlock key.
TEST_F(ClusterUpdateTest, KeepsRotatesAndDropsTheUnlockKey) {
  auto request = Request();
  request.mutable_rotation()->set_manager_unlock_key(true);
  ASSERT_TRUE(Update(request).ok());
  EXPECT_EQ(UnlockKey(), "") << "nothing to rotate while unlocked";
  request = Request();
  request.mutable_spec()->mutable_encryption_config()->set_auto_lock_managers(true);
  ASSERT_TRUE(Update(request).ok());
  const std::string first = UnlockKey();
  EXPECT_EQ(first.size(), 32U);
  ASSERT_TRUE(Update(Request()).ok());
  EXPECT_EQ(UnlockKey(), first);
  request = Request();
  request.mutable_rotation()->set_manager_unlock_key(true);
  ASSERT_TRUE(Update(request).ok());
  EXPECT_NE(UnlockKey(), first);
  request = Request();
  request.mutable_rotation()->set_manager_unlock_key(true);
  request.mutable_spec()->clear_encryption_config();
  ASSERT_TRUE(Update(request).ok());
  EXPECT_EQ(UnlockKey(), "");
}

TEST_F(ClusterUpdateTest, AForcedRotationBeginsOnceForEachNumber) {
  auto request = Request();
  request.mutable_spec()->mutable_ca_config()->set_force_rotate(1);
  ASSERT_EQ(Update(request), Status::Ok());
  const pb::RootCA begun = Root();
  EXPECT_EQ(begun.ca_cert(), roots_) << "until every node has moved";
  EXPECT_EQ(begun.last_forced_rotation(), 1U);
  const auto crossed = pki::ParseCertificates(begun.root_rotation().cross_signed_ca_cert()).value();
  const auto made = pki::ParseCertificates(begun.root_rotation().ca_cert()).value();
  EXPECT_TRUE(crossed.front().SignedBy(pki::ParseCertificates(roots_).value().front()));
  EXPECT_EQ(crossed.front().PublicKeyDer(), made.front().PublicKeyDer());
  ASSERT_EQ(Update(Request()), Status::Ok());
  EXPECT_EQ(Root().root_rotation().ca_cert(), begun.root_rotation().ca_cert());
  request = Request();
  request.mutable_spec()->mutable_ca_config()->set_force_rotate(2);
  ASSERT_EQ(Update(request), Status::Ok());
  EXPECT_NE(Root().root_rotation().ca_cert(), begun.root_rotation().ca_cert());
}

// Pinned by SwarmKit: the same certificate, however it is laid out, ends a rotation.
TEST_F(ClusterUpdateTest, TheRootThereIsEndsARotation) {
  auto request = Request();
  request.mutable_spec()->mutable_ca_config()->set_force_rotate(1);
  ASSERT_EQ(Update(request), Status::Ok());
  request = Request();
  auto& config = *request.mutable_spec()->mutable_ca_config();
  config.set_signing_ca_cert("\n" + roots_ + "\n\n");
  config.set_signing_ca_key(root_->KeyPem());
  ASSERT_EQ(Update(request), Status::Ok());
  EXPECT_FALSE(Root().has_root_rotation());
  EXPECT_EQ(Root().ca_cert(), roots_);
}

TEST_F(ClusterUpdateTest, RotatesToARootThatIsGiven) {
  const auto to = pki::RootCa::Create(machine_.runtime().clock().Now(), "mine").value();
  auto request = Request();
  auto& config = *request.mutable_spec()->mutable_ca_config();
  config.set_signing_ca_cert(to.roots_pem());
  config.set_signing_ca_key(to.KeyPem());
  ASSERT_EQ(Update(request), Status::Ok());
  EXPECT_EQ(Root().root_rotation().ca_cert(), to.roots_pem());
  EXPECT_EQ(Root().root_rotation().ca_key(), to.KeyPem());
}

// Pinned by SwarmKit: what cannot be a new root, word for word.
TEST_F(ClusterUpdateTest, RefusesRootsThatAreNone) {
  const auto refused = [this](const std::string& certificate, const std::string& key) {
    auto request = Request();
    request.mutable_spec()->mutable_ca_config()->set_signing_ca_cert(certificate);
    request.mutable_spec()->mutable_ca_config()->set_signing_ca_key(key);
    const Status status = Update(request);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << status;
    return status.message();
  };
  const auto to = pki::RootCa::Create(machine_.runtime().clock().Now(), "mine").value();
  const auto other = pki::RootCa::Create(machine_.runtime().clock().Now(), "other").value();
  EXPECT_EQ(refused("", "k"),
            "if a signing CA key is provided, the signing CA cert must also be provided");
  EXPECT_NE(refused(to.roots_pem() + other.roots_pem(), to.KeyPem()).find("multiple certificates"),
            std::string::npos);
  EXPECT_NE(refused(to.roots_pem(), other.KeyPem()).find("certificate key mismatch"),
            std::string::npos);
  EXPECT_NE(refused("garbage", to.KeyPem()), "");
  EXPECT_EQ(refused(to.roots_pem(), ""),
            "there must be at least one valid, reachable external CA corresponding to the desired "
            "CA certificate");
  const auto old = pki::RootCa::Create(
      machine_.runtime().clock().Now() - std::chrono::hours(24 * (20 * 365 - 300)), "old");
  EXPECT_EQ(refused(old->roots_pem(), old->KeyPem()), "CA certificate expires too soon");
  EXPECT_FALSE(Root().has_root_rotation());
}

// Pinned by SwarmKit: an update with a version that is over.
// Managers agree by this label on how they time elections.
TEST_F(ClusterUpdateTest, TheManagersLabelIsNeitherDroppedNorForged) {
  const std::string key(consensus::kTimingLabel);
  const auto labels = [this] {
    return Stored<pb::Cluster>("cluster")->spec().annotations().labels();
  };
  auto forged = Request();
  (*forged.mutable_spec()->mutable_annotations()->mutable_labels())[key] = "fast";
  const Status refused(
      Code::kInvalidArgument,
      "the label " + key + " is kept by the managers themselves: leave it as it is, or out");
  EXPECT_EQ(Update(forged), refused);
  EXPECT_FALSE(labels().contains(key));

  Write([&](Transaction& tx) {
    auto cluster = std::make_shared<pb::Cluster>(*tx.Get<pb::Cluster>("cluster"));
    (*cluster->mutable_spec()->mutable_annotations()->mutable_labels())[key] = "compatible";
    return tx.Update(std::move(cluster));
  });
  forged = Request();
  (*forged.mutable_spec()->mutable_annotations()->mutable_labels())[key] = "fast";
  EXPECT_EQ(Update(forged), refused);
  EXPECT_EQ(labels().at(key), "compatible");

  auto other = Request();
  auto* wanted = other.mutable_spec()->mutable_annotations()->mutable_labels();
  wanted->clear();
  (*wanted)["team"] = "blue";
  EXPECT_EQ(Update(other), Status::Ok());
  EXPECT_EQ(labels().at(key), "compatible");
  EXPECT_EQ(labels().at("team"), "blue");
  other = Request();
  other.mutable_spec()->mutable_annotations()->mutable_labels()->erase("team");
  EXPECT_EQ(Update(other), Status::Ok()) << "with the label as it was read";
  EXPECT_EQ(labels().size(), 1u);

  forged.mutable_cluster_version()->set_index(1);
  EXPECT_EQ(Update(forged).message().find("update out of sequence") != std::string::npos, true)
      << "an old spec is told to be old, not to be forged";
}

TEST_F(ClusterUpdateTest, RefusesAnOldVersion) {
  const auto request = Request();
  ASSERT_TRUE(Update(request).ok());
  EXPECT_EQ(Update(request), Status(Code::kUnknown, "update out of sequence"));
}

TEST_F(ClusterUpdateTest, SurvivesBeingSentWhatItShowed) {
  pb::GetClusterRequest get;
  get.set_cluster_id("cluster");
  auto request = Request();
  *request.mutable_spec() = Call<pb::GetClusterResponse>("GetCluster", get)->cluster().spec();
  ASSERT_TRUE(Update(request).ok());
  EXPECT_EQ(Stored<pb::Cluster>("cluster")->root_ca().ca_key(), root_->KeyPem());
  EXPECT_EQ(Tokens().worker(), "worker");
}

// Pinned by SwarmKit: when entries of the blacklist go.
TEST(BlacklistTest, ForgetsAWeekAfterExpiry) {
  using namespace std::chrono_literals;
  const WallTime now(10'000'000s);
  pb::Cluster cluster;
  auto& entries = *cluster.mutable_blacklisted_certificates();
  const auto add = [&](const char* id, Duration ago) {
    entries[id].mutable_expiry()->set_seconds((now - ago).time_since_epoch() / 1s);
  };
  add("old", 1000h);
  add("just-over", 7 * 24h + 5min);
  add("just-under", 7 * 24h - 5min);
  add("future", -24h);
  entries["forever"];
  PurgeBlacklist(&cluster, now);
  EXPECT_EQ(entries.size(), 3U);
  EXPECT_FALSE(entries.contains("old"));
  EXPECT_FALSE(entries.contains("just-over"));
}

TEST_F(ClusterUpdateTest, RefusesCallsThatReachAHandlerAfterStop) {
  const auto handler = router_.handlers.at("/docker.swarmkit.v1.Control/GetCluster");
  bool stopped = false;
  api_.Stop([&stopped] { stopped = true; });
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(router_.handlers.empty());
  Status answer;
  handler->Handle(nullptr, Payload(), [&answer](Result<Payload> r) { answer = r.status(); });
  EXPECT_EQ(answer.code(), Code::kUnavailable);
}

TEST_F(ClusterUpdateTest, StopWaitsForWhatIsUnderWay) {
  store_.consensus().Hold();
  const auto handler = router_.handlers.at("/docker.swarmkit.v1.Control/UpdateCluster");
  bool answered = false;
  bool stopped = false;
  handler->Handle(nullptr, Payload::Of(Request()),
                  [&answered](Result<Payload>) { answered = true; });
  sim_.Settle();
  api_.Stop([&stopped] { stopped = true; });
  sim_.Settle();
  EXPECT_FALSE(stopped);
  store_.consensus().StopHolding();
  sim_.Settle();
  EXPECT_TRUE(answered);
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace swarm::controlapi
