// How nodes get their certificates from a cluster and keep them: over a virtual network, with the
// real authority at the other end.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "fakes/instance_context.h"
#include "fakes/reference_store.h"
#include "founding.h"
#include "identity.h"
#include "pki/key_file.h"
#include "pki/text_keys.h"
#include "renewing.h"
#include "rpc/router.h"
#include "server.h"
#include "simulation/virtual_network.h"

namespace swarm::ca {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr const char* kAddress = "10.0.0.1:4242";

class OneRemote final : public ManagerSource {
 public:
  std::shared_ptr<Channel> Select() noexcept override { return nullptr; }
  void Report(const std::shared_ptr<Channel>&, bool) noexcept override {}
  void SetManagers(std::vector<Peer>) noexcept override {}
  std::optional<Peer> PickRemote() noexcept override { return Peer{"manager1", kAddress}; }
  void ReportRemote(const Peer&, bool good) noexcept override { (good ? good_ : bad_) += 1; }
  int good_ = 0;
  int bad_ = 0;
};

// A manager with the authority, reachable at kAddress.
class Cluster {
 public:
  explicit Cluster(Simulation& simulation, VirtualNetwork& network)
      : simulation_(simulation),
        machine_(simulation.AddMachine("manager")),
        root_(pki::RootCa::Create(machine_.runtime().clock().Now()).value()),
        store_(machine_.runtime()),
        context_(machine_.runtime()) {
    context_.router_part = router_.get();
    context_.Provide<Store>(kStoreRole, store_);
    context_.node_info.node_id = "manager1";
    context_.node_info.cluster_id = "cluster1";
    context_.node_info.root_certificate_pem = root_.roots_pem();
    context_.node_info.root_key_pem = root_.KeyPem();
    router_->SetSelf({"manager1", "cluster1", {"swarm-manager"}});
    simulation_.Settle();
    server_ = std::make_unique<Server>(context_);
    server_->Start([](const Status& status) { EXPECT_TRUE(status.ok()) << status; });
    simulation_.Settle();
    listening_ = network.Listen(machine_, kAddress, router_).value();
  }
  ~Cluster() {
    server_->Stop([] {});
    simulation_.Settle();
  }

  std::shared_ptr<const pb::Cluster> Object() { return FindCluster(*store_.Read()); }
  std::string WorkerToken() { return Object()->root_ca().join_tokens().worker(); }
  std::string ManagerToken() { return Object()->root_ca().join_tokens().manager(); }
  void Write(TransactionFn fn) {
    std::optional<Result<Index>> done;
    store_.writer()->Update(std::move(fn), [&](Result<Index> r) { done = std::move(r); });
    simulation_.Settle();
    ASSERT_TRUE(done && done->ok()) << done->status();
  }
  void Change(const std::function<void(pb::Cluster&)>& change) {
    Write([&](Transaction& tx) {
      auto cluster = std::make_shared<pb::Cluster>(*FindCluster(tx));
      change(*cluster);
      return tx.Update(std::move(cluster));
    });
  }
  void ChangeNode(const std::string& id, const std::function<void(pb::Node&)>& change) {
    Write([&](Transaction& tx) {
      auto node = std::make_shared<pb::Node>(*tx.Get<pb::Node>(id));
      change(*node);
      return tx.Update(std::move(node));
    });
  }
  std::shared_ptr<const pb::Node> Node(const std::string& id) {
    return store_.Read()->Get<pb::Node>(id);
  }
  std::size_t Managers() {
    return store_.Read()->Find<pb::Node>(By::Role(pb::MANAGER)).value().size();
  }
  std::size_t Nodes() { return store_.Read()->Find<pb::Node>(By::All()).value().size(); }

  Simulation& simulation_;
  Machine& machine_;
  const pki::RootCa root_;
  fakes::ReferenceStore store_;
  std::shared_ptr<rpc::RouterImpl> router_ = std::make_shared<rpc::RouterImpl>();
  fakes::FakeContext context_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Registration> listening_;
};

class JoiningTest : public testing::Test {
 protected:
  ~JoiningTest() override {
    renewal_.reset();
    if (identities_) identities_->Stop([] {});
    simulation_.Settle();
  }

  // A process on the node's machine; `identity`: what its certificate says, once it has one.
  void Boot(std::optional<Identity> identity = std::nullopt) {
    renewal_.reset();
    identities_.reset();
    wire_ = network_.Attach(node_, std::move(identity));
    context_.emplace(node_.runtime());
    context_->network_part = wire_.get();
    identities_ = std::make_unique<Identities>(*context_);
  }
  Result<NodeIdentity> Join(const std::string& token, Duration limit = 60s) {
    Boot();
    request_.join_address = kAddress;
    request_.join_token = token;
    std::optional<Result<NodeIdentity>> joined;
    identities_->Join(request_, [&](Result<NodeIdentity> result) { joined = std::move(result); });
    simulation_.RunUntil([&] { return joined.has_value(); }, limit);
    return joined ? *joined : Result<NodeIdentity>(Status(Code::kDeadlineExceeded, "no end"));
  }
  void KeepValid(const NodeIdentity& identity) {
    Boot(Identity{identity.node_id,
                  identity.cluster_id,
                  {identity.role == pb::MANAGER ? "swarm-manager" : "swarm-worker"}});
    ASSERT_TRUE(identities_->LoadOrCreate(request_).ok());
    RenewalParts parts;
    parts.state_dir = request_.state_dir;
    parts.identity = identity;
    parts.managers = managers_;
    parts.changed = [this](NodeIdentity now) { changes_.push_back(std::move(now)); };
    renewal_ = identities_->KeepValid(std::move(parts));
    ASSERT_TRUE(renewal_);
  }
  std::string Read(const char* name) {
    return ReadFile(node_.runtime().files(), std::string("/state/certificates/") + name).value();
  }
  bool Changed(std::size_t times, Duration limit = 30s) {
    return simulation_.RunUntil([&] { return changes_.size() >= times; }, limit);
  }

  Simulation simulation_{21};
  VirtualNetwork network_{simulation_};
  Cluster cluster_{simulation_, network_};
  Machine& node_ = simulation_.AddMachine("node");
  IdentityRequest request_{"/state", "", "", ""};
  std::unique_ptr<Network> wire_;
  std::optional<fakes::FakeContext> context_;
  std::unique_ptr<Identities> identities_;
  std::shared_ptr<OneRemote> managers_ = std::make_shared<OneRemote>();
  std::unique_ptr<Renewal> renewal_;
  std::vector<NodeIdentity> changes_;
};

TEST_F(JoiningTest, TheTokenDecidesTheRole) {
  const auto worker = Join(cluster_.WorkerToken());
  ASSERT_TRUE(worker.ok()) << worker.status();
  EXPECT_EQ(worker->role, pb::WORKER);
  EXPECT_EQ(worker->cluster_id, "cluster1");
  EXPECT_EQ(cluster_.Node(worker->node_id)->role(), pb::WORKER);
  EXPECT_EQ(Read("swarm-root-ca.crt"), cluster_.root_.roots_pem());
  // A restart finds what was kept.
  Boot();
  EXPECT_EQ(identities_->LoadOrCreate(request_).value().node_id, worker->node_id);

  ASSERT_TRUE(node_.runtime().files().RemoveAll("/state").ok());
  // The virtual network shows no certificates, so the unlock key, a manager's, is refused: the
  // last step of a manager's way is tested with real sockets.
  const auto manager = Join(cluster_.ManagerToken());
  EXPECT_NE(manager.status().message().find("cannot learn the cluster's unlock key"),
            std::string::npos)
      << manager.status();
  EXPECT_EQ(cluster_.Managers(), 2U);
}

// Pinned by SwarmKit: a wrong digest names the expected one.
TEST_F(JoiningTest, ATokenOfAnotherClusterIsNoticedBeforeTheSecretLeaves) {
  const auto other = pki::RootCa::Create(node_.runtime().clock().Now()).value();
  const std::string token = pki::MakeJoinToken(other.roots_pem(), simulation_.random());
  const auto joined = Join(token);
  const std::string text = joined.status().message();
  EXPECT_NE(
      text.find("remote CA does not match fingerprint. Expected: " + other.Digest().substr(7)),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("\nhint: the token is of another cluster"), std::string::npos) << text;
  EXPECT_EQ(cluster_.Nodes(), 1U);
  EXPECT_FALSE(node_.runtime().files().Exists("/state/certificates/swarm-root-ca.crt"));
}

// Pinned by SwarmKit: after a rotation the old token fails and the new one works.
TEST_F(JoiningTest, ARotatedTokenIsRefused) {
  const std::string old = cluster_.WorkerToken();
  cluster_.Change([&](pb::Cluster& c) {
    c.mutable_root_ca()->mutable_join_tokens()->set_worker(
        pki::MakeJoinToken(cluster_.root_.roots_pem(), simulation_.random()));
  });
  const auto joined = Join(old);
  EXPECT_EQ(joined.status().message().find(
                "cannot join the cluster at 10.0.0.1:4242: A valid join token is necessary to join "
                "this cluster\nhint: "),
            0U)
      << joined.status();
  EXPECT_TRUE(Join(cluster_.WorkerToken()).ok());
}

TEST_F(JoiningTest, GarbageIsNoToken) {
  const auto joined = Join("SWMTKN-1-garbage");
  EXPECT_NE(joined.status().message().find("invalid join token"), std::string::npos);
  const auto fips = Join("SWMTKN-2-1-" + cluster_.WorkerToken().substr(9));
  EXPECT_NE(fips.status().message().find("cluster requires FIPS"), std::string::npos)
      << fips.status();
}

// Pinned by SwarmKit: a cluster that mandates FIPS is refused by its token, and by a certificate.
TEST_F(JoiningTest, AClusterThatMandatesFipsIsRefused) {
  cluster_.Change([](pb::Cluster& c) {
    auto& tokens = *c.mutable_root_ca()->mutable_join_tokens();
    tokens.set_worker("SWMTKN-2-0-" + tokens.worker().substr(9));
  });
  EXPECT_TRUE(Join(cluster_.WorkerToken()).ok()) << "it knows FIPS, but does not mandate it";

  const auto write = [this](const std::string& cluster) {
    const auto key = pki::PrivateKey::Generate().value();
    const auto pem =
        cluster_.root_.SignNode(pki::MakeCsr(key).value(), {"node1", "swarm-worker", cluster}, 2h,
                                node_.runtime().clock().Now());
    pki::NodeFiles files(node_.runtime().files(), "/state");
    EXPECT_TRUE(files.WritePair({pem.value(), key.Pkcs8Pem()}).ok());
  };
  write("FIPS.cluster1");
  Boot();
  const Status refused = identities_->LoadOrCreate(request_).status();
  EXPECT_EQ(refused.message().find("node is not FIPS-enabled but cluster requires FIPS\nhint: "),
            0U)
      << refused;
  // A certificate of another cluster wins over the token.
  write("cluster1");
  Boot();
  request_.join_token = "SWMTKN-2-1-" + cluster_.ManagerToken().substr(9);
  EXPECT_TRUE(identities_->LoadOrCreate(request_).ok());
}

TEST_F(JoiningTest, NobodyThereIsTriedFiveTimesAndSaid) {
  cluster_.listening_.reset();
  const auto begin = simulation_.Now();
  const auto joined = Join(cluster_.WorkerToken());
  EXPECT_GE(simulation_.Now() - begin, 8s);
  EXPECT_NE(joined.status().message().find("is a manager running at 10.0.0.1:4242"),
            std::string::npos)
      << joined.status();
}

TEST_F(JoiningTest, AServerThatIsNoManagerIsSaidToBeNone) {
  cluster_.listening_.reset();
  simulation_.Settle();
  const auto nobody = std::make_shared<rpc::RouterImpl>();
  const auto listening = network_.Listen(cluster_.machine_, kAddress, nobody).value();
  const auto joined = Join(cluster_.WorkerToken());
  EXPECT_NE(joined.status().message().find("is no manager"), std::string::npos) << joined.status();
}

TEST_F(JoiningTest, AClockThatIsBehindIsNamed) {
  node_.JumpClock(-24h);
  const auto joined = Join(cluster_.WorkerToken());
  EXPECT_NE(joined.status().message().find("the clocks of this machine and of the manager differ"),
            std::string::npos)
      << joined.status();
}

// Pinned by SwarmKit: without a token the root is taken as it comes; the certificate is not.
TEST_F(JoiningTest, WithoutATokenNoCertificateIsGiven) {
  const auto joined = Join("");
  EXPECT_NE(joined.status().message().find("valid join token is necessary"), std::string::npos);
  EXPECT_EQ(Read("swarm-root-ca.crt"), cluster_.root_.roots_pem());
}

// Pinned by SwarmKit: a root on disk stays, and is not compared with the token.
TEST_F(JoiningTest, RootsOnDiskAreKept) {
  const std::string roots = cluster_.root_.roots_pem();
  ASSERT_TRUE(node_.runtime().files().CreateDirectory("/state/certificates", 0755).ok());
  ASSERT_TRUE(WriteFileAtomically(node_.runtime().files(), "/state/certificates/swarm-root-ca.crt",
                                  roots, 0644)
                  .ok());
  EXPECT_TRUE(Join(cluster_.WorkerToken()).ok());
  EXPECT_EQ(Read("swarm-root-ca.crt"), roots);
}

// Pinned by SwarmKit: with autolock a worker's key stays plain.
TEST_F(JoiningTest, ALockedClusterLeavesAWorkersKeyPlain) {
  const std::string kek(32, 'k');
  cluster_.Change([&](pb::Cluster& c) {
    c.mutable_spec()->mutable_encryption_config()->set_auto_lock_managers(true);
    auto& key = *c.add_unlock_keys();
    key.set_subsystem("swarm-manager");
    key.set_key(kek);
  });
  const auto worker = Join(cluster_.WorkerToken());
  ASSERT_TRUE(worker.ok()) << worker.status();
  EXPECT_EQ(Read("swarm-node.key").find("ENCRYPTED"), std::string::npos);
}

TEST_F(JoiningTest, ALossyNetworkOnlyTakesLonger) {
  network_.SetLoss(0.1);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(node_.runtime().files().RemoveAll("/state").ok());
    const auto joined = Join(cluster_.WorkerToken(), 10min);
    if (joined.ok()) continue;
    // Five attempts may all be lost; then the error says so.
    EXPECT_EQ(joined.status().code(), Code::kUnavailable) << joined.status();
  }
}

TEST(RenewalTimeTest, IsBetweenHalfAndFourFifthsOfTheLife) {
  Simulation simulation(2);
  const WallTime now{std::chrono::hours(500'000)};
  const auto root = pki::RootCa::Create(now).value();
  const auto csr = pki::MakeCsr(pki::PrivateKey::Generate().value()).value();
  const auto pem = root.SignNode(csr, {"n", "swarm-worker", "c"}, 2160h, now).value();
  const auto leaf = pki::ParseCertificates(pem).value().front();
  const Duration life = leaf.not_after() - leaf.not_before();
  WallTime least = leaf.not_after();
  WallTime most = leaf.not_before();
  for (int i = 0; i < 1000; ++i) {
    const WallTime at = RenewalTime(leaf, simulation.random());
    ASSERT_GE(at, leaf.not_before() + life / 2);
    ASSERT_LT(at, leaf.not_before() + life * 4 / 5);
    least = std::min(least, at);
    most = std::max(most, at);
  }
  EXPECT_GT(most - least, life / 4) << "drawn, not fixed";
}

TEST_F(JoiningTest, RenewsInGoodTime) {
  const auto joined = Join(cluster_.WorkerToken());
  ASSERT_TRUE(joined.ok()) << joined.status();
  KeepValid(*joined);
  EXPECT_FALSE(Changed(1, 2160h / 2 - 2h));
  ASSERT_TRUE(Changed(1, 2160h));
  EXPECT_NE(changes_[0].credentials->certificate_pem, joined->credentials->certificate_pem);
  EXPECT_EQ(changes_[0].node_id, joined->node_id);
  EXPECT_EQ(Read("swarm-node.crt"), changes_[0].credentials->certificate_pem);
  EXPECT_EQ(identities_->Current("/state"), changes_[0].credentials);
  // And again.
  EXPECT_TRUE(Changed(2, 2160h));
}

// Pinned by SwarmKit: the role changes midway; the node asks until it matches.
TEST_F(JoiningTest, AskedForARoleItRenewsUntilItHasIt) {
  const auto joined = Join(cluster_.WorkerToken());
  ASSERT_TRUE(joined.ok()) << joined.status();
  KeepValid(*joined);
  renewal_->Renew(pb::MANAGER);
  EXPECT_FALSE(Changed(1, 20s)) << "the cluster still says worker";
  cluster_.ChangeNode(joined->node_id, [](pb::Node& node) { node.set_role(pb::MANAGER); });
  // The virtual network shows the old certificate still, so the unlock key is refused: what counts
  // here is that a manager's certificate has been signed.
  EXPECT_TRUE(simulation_.RunUntil(
      [&] { return cluster_.Node(joined->node_id)->certificate().role() == pb::MANAGER; }, 10min));
}

// Pinned by SwarmKit: a node that is gone learns it.
TEST_F(JoiningTest, ARemovedNodeIsNotRenewed) {
  const auto joined = Join(cluster_.WorkerToken());
  ASSERT_TRUE(joined.ok()) << joined.status();
  cluster_.Write([&](Transaction& tx) { return tx.Remove<pb::Node>(joined->node_id); });
  KeepValid(*joined);
  renewal_->Renew(std::nullopt);
  EXPECT_FALSE(Changed(1, 10min));
  EXPECT_GT(managers_->bad_, 0);
}

// Pinned by SwarmKit: roots that do not verify the own certificate are refused.
TEST_F(JoiningTest, OnlyRootsThatVerifyTheOwnCertificateAreAdopted) {
  const auto joined = Join(cluster_.WorkerToken());
  ASSERT_TRUE(joined.ok()) << joined.status();
  KeepValid(*joined);
  const auto other = pki::RootCa::Create(node_.runtime().clock().Now(), "other").value();
  renewal_->SetRoots(other.roots_pem());
  renewal_->SetRoots("garbage");
  EXPECT_FALSE(Changed(1, 10s));
  EXPECT_EQ(Read("swarm-root-ca.crt"), cluster_.root_.roots_pem());
  const std::string both = cluster_.root_.roots_pem() + other.roots_pem();
  renewal_->SetRoots(both);
  ASSERT_TRUE(Changed(1, 10s));
  EXPECT_EQ(Read("swarm-root-ca.crt"), both);
  EXPECT_EQ(changes_[0].credentials->roots_pem, both);
  EXPECT_EQ(changes_[0].tls_info.trust_root(), both);
}

// Pinned by SwarmKit: whichever comes first, both take effect.
TEST_F(JoiningTest, ARenewalAndNewRootsAtTheSameTime) {
  const auto joined = Join(cluster_.WorkerToken());
  ASSERT_TRUE(joined.ok()) << joined.status();
  KeepValid(*joined);
  const WallTime now = node_.runtime().clock().Now();
  std::string roots = cluster_.root_.roots_pem();
  std::string certificate = joined->credentials->certificate_pem;
  for (const auto pause : {0ms, 499ms, 500ms, 505ms, 550ms}) {
    changes_.clear();
    roots += pki::RootCa::Create(now).value().roots_pem();
    renewal_->Renew(std::nullopt);
    simulation_.RunFor(pause);
    renewal_->SetRoots(roots);
    ASSERT_TRUE(Changed(2)) << pause.count();
    EXPECT_EQ(changes_.back().credentials->roots_pem, roots) << pause.count();
    EXPECT_NE(changes_.back().credentials->certificate_pem, certificate) << pause.count();
    EXPECT_EQ(Read("swarm-root-ca.crt"), roots);
    EXPECT_EQ(Read("swarm-node.crt"), changes_.back().credentials->certificate_pem);
    certificate = changes_.back().credentials->certificate_pem;
  }
}

TEST_F(JoiningTest, StoppedWhileJoiningItEnds) {
  cluster_.listening_.reset();
  Boot();
  request_.join_address = kAddress;
  bool told = false;
  identities_->Join(request_, [&](const Result<NodeIdentity>&) { told = true; });
  simulation_.RunFor(1s);
  bool stopped = false;
  identities_->Stop([&] { stopped = true; });
  simulation_.RunFor(60s);
  EXPECT_TRUE(stopped);
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace swarm::ca
