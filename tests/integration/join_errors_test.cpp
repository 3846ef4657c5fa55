// Joining that cannot work: the real program ends soon, says what is wrong and what to do, whether
// it was told by flags or by a YAML file.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "joined.h"
#include "minted.h"

namespace swarm::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kLate = "-86400";   // a day behind
constexpr const char* kEarly = "172800";  // two days ahead: certificates of the test have expired

class JoinErrorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(manager().Start({"--executor", "process"})) << manager().log();
    token_ = JoinToken(manager(), "worker");
  }
  Manager& manager() { return minted_.manager(); }

  // swarmd with these arguments, run to its end; what it said. `clock`: how wrong its clock is.
  std::string Fails(std::vector<std::string> arguments, const std::string& clock = "") {
    const TemporaryFolder folder;
    return FailsIn(folder, std::move(arguments), clock);
  }
  std::string FailsIn(const TemporaryFolder& folder, std::vector<std::string> arguments,
                      const std::string& clock = "") {
    std::map<std::string, std::string> environment;
    if (!clock.empty()) {
      environment = {{"LD_PRELOAD", BuildDirectory() + "/tests/libshifted_clock.so"},
                     {"SWARM_TEST_CLOCK_SHIFT", clock}};
    }
    arguments.insert(arguments.begin(),
                     {BuildDirectory() + "/bin/swarmd", "--state-dir", folder / "state",
                      "--listen-control-api", folder / "swarmd.sock", "--executor", "process"});
    const std::string log = folder / "log";
    Process swarmd(arguments, log, environment);
    EXPECT_GT(swarmd.Wait(60s), 0) << ReadText(log);
    return ReadText(log);
  }
  std::vector<std::string> To(const std::string& address, const std::string& token) const {
    return {"--join-addr", address, "--join-token", token};
  }
  std::string FailsByYaml(const std::string& join) {
    const TemporaryFolder folder;
    WriteText(folder / "node.yaml", "join: " + join + "\n");
    return FailsIn(folder, {"--config", folder / "node.yaml"});
  }

  MintedManager minted_{"127.0.0.1:" + std::to_string(20000 + getpid() % 10000)};
  const std::string address_ = minted_.address();
  std::string token_;
};

TEST_F(JoinErrorsTest, AWrongToken) {
  std::string secret = token_;
  secret.back() = secret.back() == 'a' ? 'b' : 'a';
  const auto refused = AllOf(HasSubstr("cannot join the cluster at " + address_ +
                                       ": A valid join token is necessary to join this cluster"),
                             HasSubstr("hint: the token was rotated or is incomplete"),
                             HasSubstr("swarmctl cluster inspect default"));
  EXPECT_THAT(Fails(To(address_, secret)), refused);
  EXPECT_THAT(FailsByYaml("{address: \"" + address_ + "\", token: " + secret + "}"), refused);
  EXPECT_THAT(Fails(To(address_, "SWMTKN-1-x-y")),
              AllOf(HasSubstr("invalid join token"), HasSubstr("hint: a token reads SWMTKN-1-")));
}

TEST_F(JoinErrorsTest, AWrongDigest) {
  std::string digest = token_;
  char& digit = digest[std::string("SWMTKN-1-").size() + 10];
  digit = digit == 'a' ? 'b' : 'a';
  const auto refused = AllOf(HasSubstr("remote CA does not match fingerprint. Expected: "),
                             HasSubstr("hint: the token is of another cluster"));
  EXPECT_THAT(Fails(To(address_, digest)), refused);
  const TemporaryFolder folder;
  WriteText(folder / "token", digest + "\n");
  EXPECT_THAT(
      FailsByYaml("{address: \"" + address_ + "\", token_file: \"" + folder / "token" + "\"}"),
      refused);
  EXPECT_THAT(FailsByYaml("{address: \"" + address_ + "\", token_file: \"" + folder / "none\"}"),
              HasSubstr(folder / "none"));
}

TEST_F(JoinErrorsTest, ClocksThatDiffer) {
  EXPECT_THAT(Fails(To(address_, token_), kLate),
              AllOf(HasSubstr("is not yet valid"),
                    HasSubstr("hint: the clocks of this machine and of the manager differ")));
}

TEST_F(JoinErrorsTest, AnExpiredCertificate) {
  // The manager's, as the node sees it.
  EXPECT_THAT(Fails(To(address_, token_), kEarly),
              AllOf(HasSubstr("has expired"), HasSubstr("hint: a certificate has expired")));
  // Its own, from an earlier start.
  const TemporaryFolder folder;
  const std::string certificates = folder / "state/certificates";
  ASSERT_EQ(Execute({"mkdir", "-p", certificates}).code, 0);
  const auto old = minted_.Mint("w1", "swarm-worker", MintedManager::Now() - std::chrono::hours(9));
  WriteText(certificates + "/swarm-root-ca.crt", minted_.root().roots_pem());
  WriteText(certificates + "/swarm-node.crt", old->certificate_pem);
  WriteText(certificates + "/swarm-node.key", old->key_pem);
  EXPECT_THAT(FailsIn(folder, To(address_, token_)),
              AllOf(HasSubstr("error while loading TLS certificate in " + certificates),
                    HasSubstr("has expired"),
                    HasSubstr("hint: remove the state directory's certificates folder")));
}

TEST_F(JoinErrorsTest, NobodyThere) {
  const auto refused = AllOf(HasSubstr("Connection refused"),
                             HasSubstr("hint: is a manager running at 127.0.0.1:1"));
  EXPECT_THAT(Fails(To("127.0.0.1:1", token_)), refused);
  EXPECT_THAT(FailsByYaml("{address: \"127.0.0.1:1\", token: " + token_ + "}"), refused);
  EXPECT_THAT(Fails(To("nonsense", token_)), HasSubstr("nonsense"));
}

// A server of something else at the address.
TEST_F(JoinErrorsTest, NoManager) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(listen(listener, 16), 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  std::thread answering([listener] {
    for (;;) {
      const int fd = accept(listener, nullptr, nullptr);
      if (fd < 0) return;
      constexpr std::string_view kAnswer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
      (void)!send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
      close(fd);
    }
  });
  const std::string address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  EXPECT_THAT(Fails(To(address, token_)), AllOf(HasSubstr("cannot join the cluster at " + address),
                                                HasSubstr("hint: "), HasSubstr("manager")));
  shutdown(listener, SHUT_RDWR);
  answering.join();
  close(listener);
}

// With the roots of one cluster in its folder, and told to join another.
TEST_F(JoinErrorsTest, RootsOfAnotherCluster) {
  const TemporaryFolder folder;
  ASSERT_EQ(Execute({"mkdir", "-p", folder / "state/certificates"}).code, 0);
  const auto other = pki::RootCa::Create(MintedManager::Now()).value();
  WriteText(folder / "state/certificates/swarm-root-ca.crt", other.roots_pem());
  EXPECT_THAT(FailsIn(folder, To(address_, token_)),
              AllOf(HasSubstr("signed by an unknown authority"),
                    HasSubstr("hint: the manager is of another cluster")));
}

}  // namespace
}  // namespace swarm::test
