// Clusters whose root key is with an authority outside, which signs over HTTPS.
#include <gmock/gmock.h>
#include <unistd.h>

#include <thread>

#include "joined.h"
#include "minted.h"
#include "signing_server.h"
#include "support/docker_engine.h"

namespace swarm::test {
namespace {

using cfssl::test::SigningServer;
using testing::HasSubstr;
using testing::Not;
using Mood = SigningServer::Mood;

class ExternalCaTest : public ::testing::Test {
 protected:
  void Begin(const std::string& host, const std::vector<std::string>& more) {
    minted_ = std::make_unique<MintedManager>(host + ":" + std::to_string(40000 + getpid() % 10000),
                                              MintedManager::RootKey::kElsewhere);
    SigningServer::Options options;
    options.signs_authorities = true;
    authority_ = std::make_unique<SigningServer>(minted_->root(), options);
    std::vector<std::string> arguments = {"--executor", "process", "--external-ca",
                                          "protocol=cfssl,url=" + authority_->url()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ASSERT_TRUE(manager().Start(arguments)) << manager().log();
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << manager().log();
  }
  Manager& manager() { return minted_->manager(); }
  bool Join(Manager& worker, const std::string& hostname) {
    return worker.Start({"--executor", "process", "--hostname", hostname, "--join-addr",
                         minted_->address(), "--join-token", JoinToken(manager(), "worker")});
  }
  bool Logged(const std::string& text) {
    return Eventually([&] { return manager().log().find(text) != std::string::npos; });
  }
  // Until the cluster has moved on to another root than that of `token`.
  bool Rotated(const std::string& token) {
    return Eventually([&] { return JoinToken(manager(), "worker") != token; }, 120s);
  }
  static std::string RootOf(const Manager& node) {
    return ReadText(node.state() + "/certificates/swarm-root-ca.crt");
  }

  std::unique_ptr<MintedManager> minted_;
  std::unique_ptr<SigningServer> authority_;
};

TEST_F(ExternalCaTest, NodesJoinThroughTheAuthority) {
  Begin("127.0.0.1", {});
  EXPECT_THAT(manager().Ctl({"cluster", "inspect", "default"}).out,
              HasSubstr("CFSSL: " + authority_->url()));

  // While it is out of order a node waits, and is told nothing wrong.
  authority_->Be(Mood::kFails);
  Manager first;
  std::thread joining([&] { EXPECT_TRUE(Join(first, "w1")) << first.log(); });
  EXPECT_TRUE(Logged("no external CA signed a node's certificate"));
  EXPECT_TRUE(Logged("the authority answered with HTTP status 500"));
  authority_->Be(Mood::kSigns);
  joining.join();
  EXPECT_TRUE(NodeIs(manager(), "w1", "READY"));
  EXPECT_EQ(authority_->requests().back().client, "manager1");

  // What it refuses is refused for good, and the node says why.
  authority_->Be(Mood::kRefuses);
  Manager second;
  EXPECT_FALSE(Join(second, "w2"));
  EXPECT_THAT(second.log(), HasSubstr("the authority refused to sign: not today"));
  EXPECT_THAT(second.log(), HasSubstr(authority_->url()));
  authority_->Be(Mood::kAnotherName);
  Manager third;
  EXPECT_FALSE(Join(third, "w3"));
  EXPECT_THAT(third.log(), HasSubstr("it is for another name than CN="));
}

TEST_F(ExternalCaTest, AnAuthorityThatCannotBeReachedIsNotTaken) {
  Begin("127.0.0.1", {});
  const auto update = [&](const std::string& url) {
    return manager().Ctl(
        {"cluster", "update", "default", "--external-ca", "protocol=cfssl,url=" + url});
  };
  const Finished refused = update("https://127.0.0.1:1/sign");
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("there must be at least one valid, reachable external CA "
                                     "corresponding to the current CA certificate"));
  EXPECT_THAT(refused.err, HasSubstr("https://127.0.0.1:1/sign: Connection refused"));
  const auto stranger = pki::RootCa::Create(MintedManager::Now()).value();
  SigningServer::Options options;
  options.server_root = &stranger;
  const SigningServer strange(minted_->root(), options);
  EXPECT_THAT(update(strange.url()).err, HasSubstr("signed by an unknown authority"));
  EXPECT_THAT(update("ldap://x").err, HasSubstr("must begin with https://"));
  const SigningServer other(minted_->root());
  const Finished taken = update(other.url());
  EXPECT_EQ(taken.code, 0) << taken.err;
  Manager worker;
  EXPECT_TRUE(Join(worker, "w1")) << worker.log();
  EXPECT_EQ(other.requests().size(), 1U);
  EXPECT_TRUE(authority_->requests().empty());
}

// The key comes into the cluster, and goes out to another authority again; nobody is lost.
TEST_F(ExternalCaTest, RootsRotateInBothDirections) {
  Begin("127.0.0.1", {});
  Manager worker;
  ASSERT_TRUE(Join(worker, "w1")) << worker.log();
  ASSERT_EQ(manager()
                .Ctl({"service", "create", "--name", "job", "--image", "none", "--constraint",
                      "node.hostname==w1", "--args", "sleep,100000"})
                .code,
            0);
  ASSERT_TRUE(Eventually([&] { return RunningOn(manager(), "w1") == 1; })) << worker.log();
  const std::string tasks = manager().Ctl({"task", "ls", "-q"}).out;

  std::string token = JoinToken(manager(), "worker");
  const Finished inwards = manager().Ctl({"cluster", "update", "default", "--rotate-ca"});
  ASSERT_EQ(inwards.code, 0) << inwards.err;
  ASSERT_TRUE(Rotated(token)) << worker.log();
  EXPECT_TRUE(Eventually([&] { return RootOf(worker) != minted_->root().roots_pem(); }));
  EXPECT_EQ(authority_->requests().back().body["profile"], "CA");

  const auto next = pki::RootCa::Create(MintedManager::Now(), "next").value();
  const SigningServer successor(next);
  const std::string file = manager().folder() / "next.crt";
  WriteText(file, next.roots_pem());
  token = JoinToken(manager(), "worker");
  const Finished outwards =
      manager().Ctl({"cluster", "update", "default", "--ca-cert", file, "--external-ca",
                     "protocol=cfssl,url=" + successor.url() + ",cacert=" + file});
  ASSERT_EQ(outwards.code, 0) << outwards.err;
  ASSERT_TRUE(Rotated(token)) << worker.log();
  for (Manager* node : {&manager(), &worker}) {
    EXPECT_TRUE(Eventually([&] { return RootOf(*node) == next.roots_pem(); })) << node->log();
  }
  EXPECT_EQ(successor.requests().size(), 2U);
  EXPECT_TRUE(NodeIs(manager(), "w1", "READY")) << worker.log();
  EXPECT_EQ(manager().Ctl({"task", "ls", "-q"}).out, tasks);
  Manager late;
  EXPECT_TRUE(Join(late, "w2")) << late.log();
  RemoveServices(manager());
}

TEST_F(ExternalCaTest, AnEngineJoinsThroughTheAuthority) {
  if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
  DockerEngine engine;
  ASSERT_TRUE(engine.Start()) << engine.log();
  Begin(engine.outside_ip(), {});
  const Finished joined = engine.Docker(
      {"swarm", "join", "--token", JoinToken(manager(), "worker"), minted_->address()});
  ASSERT_EQ(joined.code, 0) << joined.err << engine.log();
  std::string id = engine.Docker({"info", "--format", "{{.Swarm.NodeID}}"}).out;
  id.resize(id.find('\n'));
  EXPECT_TRUE(NodeIs(manager(), id, "READY")) << engine.log();
  ASSERT_EQ(authority_->requests().size(), 1U);
  EXPECT_EQ(authority_->requests()[0].body["subject"]["CN"], id);
}

}  // namespace
}  // namespace swarm::test
