// Everybody who has no business in a cluster, one test each: refused, the service unharmed, and a
// line in the log.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "joined.h"
#include "minted.h"
#include "rpc/network.h"
#include "swarmkit/v1/ca.pb.h"
#include "swarmkit/v1/control.pb.h"
#include "swarmkit/v1/dispatcher.pb.h"
#include "swarmkit/v1/health.pb.h"

namespace swarm::test {
namespace {

namespace pb = ::docker::swarmkit::v1;
using testing::HasSubstr;

constexpr const char* kListNodes = "Control/ListNodes";

// A socket that speaks no protocol by itself.
class BareSocket {
 public:
  explicit BareSocket(const std::string& address) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~BareSocket() { close(fd_); }
  BareSocket(const BareSocket&) = delete;
  BareSocket& operator=(const BareSocket&) = delete;

  bool connected() const { return connected_; }
  void Send(std::string_view bytes) { (void)!send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  bool ClosedWithin(std::chrono::milliseconds limit) {
    char byte = 0;
    pollfd waiting{fd_, POLLIN, 0};
    while (poll(&waiting, 1, static_cast<int>(limit.count())) == 1) {
      if (recv(fd_, &byte, 1, 0) <= 0) return true;
    }
    return false;
  }

 private:
  const int fd_;
  bool connected_ = false;
};

class IntruderTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(manager().Start({"--executor", "process"})) << log(); }
  void TearDown() override {
    if (HasFailure()) std::cerr << log();
    // Whatever was tried, the service goes on.
    const auto good = minted_.Mint("visitor", "swarm-manager");
    EXPECT_TRUE(Call<pb::ListNodesResponse>(good, kListNodes, pb::ListNodesRequest()).ok());
    EXPECT_TRUE(manager().process().running());
  }

  Manager& manager() { return minted_.manager(); }
  std::string log() { return manager().log(); }
  std::shared_ptr<Channel> Dial(std::shared_ptr<const Credentials> credentials) {
    DialOptions options;
    options.credentials = std::move(credentials);
    return network_->Dial(minted_.address(), std::move(options)).value();
  }
  template <class Response, class Request>
  Result<std::shared_ptr<const Response>> Call(std::shared_ptr<const Credentials> credentials,
                                               std::string_view method, Request request,
                                               Metadata metadata = {}) {
    const auto channel = Dial(std::move(credentials));
    return Ask<Response>(*channel, method, std::move(request), std::move(metadata));
  }
  Status ListNodes(std::shared_ptr<const Credentials> credentials, Metadata metadata = {}) {
    return Call<pb::ListNodesResponse>(std::move(credentials), kListNodes, pb::ListNodesRequest(),
                                       std::move(metadata))
        .status();
  }
  // Asks for a certificate with a token; the new node's id.
  Result<std::string> Enrol(const std::string& token) {
    pb::IssueNodeCertificateRequest request;
    request.set_token(token);
    request.set_csr(pki::MakeCsr(pki::PrivateKey::Generate().value()).value());
    SWARM_ASSIGN_OR_RETURN(const auto reply,
                           Call<pb::IssueNodeCertificateResponse>(
                               nullptr, "NodeCA/IssueNodeCertificate", std::move(request)));
    return reply->node_id();
  }
  bool Logged(const std::string& text) {
    return Eventually([&] { return log().find(text) != std::string::npos; });
  }
  static std::size_t FilesOpenIn(pid_t pid) {
    std::size_t count = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
      static_cast<void>(entry);
      ++count;
    }
    return count;
  }

  MintedManager minted_{"127.0.0.1:" + std::to_string(30000 + getpid() % 10000)};
  std::unique_ptr<Network> network_ = rpc::MakeNetwork({});
};

TEST_F(IntruderTest, WithoutACertificate) {
  const Status refused = ListNodes(nullptr);
  EXPECT_EQ(refused.code(), Code::kPermissionDenied);
  EXPECT_EQ(refused.message(),
            "Permission denied: unauthorized peer role: rpc error: code = PermissionDenied desc = "
            "no client certificates in request");
  EXPECT_TRUE(Logged("refused a call"));
  EXPECT_EQ(Call<pb::GetUnlockKeyResponse>(nullptr, "CA/GetUnlockKey", pb::GetUnlockKeyRequest())
                .status()
                .code(),
            Code::kPermissionDenied);
}

TEST_F(IntruderTest, OfAnotherCluster) {
  // Another root: the handshake fails.
  const auto other = pki::RootCa::Create(MintedManager::Now()).value();
  const auto foreign = MintedManager::MintWith(other, {"m", "swarm-manager", "cluster1"});
  EXPECT_EQ(ListNodes(foreign).code(), Code::kUnavailable);
  EXPECT_TRUE(Logged("signed by an unknown authority"));
  // The same root, another organisation: the call does.
  const auto stray = MintedManager::MintWith(minted_.root(), {"m", "swarm-manager", "cluster2"});
  const Status refused = ListNodes(stray);
  EXPECT_EQ(refused.code(), Code::kPermissionDenied);
  EXPECT_THAT(refused.message(),
              HasSubstr("remote certificate not part of organization: cluster1"));
}

TEST_F(IntruderTest, WithAnExpiredCertificate) {
  const auto old = minted_.Mint("m", "swarm-manager", MintedManager::Now() - std::chrono::hours(9));
  EXPECT_EQ(ListNodes(old).code(), Code::kUnavailable);
  EXPECT_TRUE(Logged("its certificate has expired"));
}

TEST_F(IntruderTest, AWorkerWhoCallsAManagersMethod) {
  const auto worker = minted_.Mint("w", "swarm-worker");
  const Status refused = ListNodes(worker);
  EXPECT_EQ(refused.code(), Code::kPermissionDenied);
  EXPECT_THAT(refused.message(), HasSubstr("remote certificate not part of OUs: [swarm-manager]"));
  EXPECT_EQ(Call<pb::GetUnlockKeyResponse>(worker, "CA/GetUnlockKey", pb::GetUnlockKeyRequest())
                .status()
                .code(),
            Code::kPermissionDenied);
  EXPECT_TRUE(Logged("refused a call"));
}

TEST_F(IntruderTest, WhoForgesForwardingMetadata) {
  const Metadata forged{{"forwarded_cert", "true"},
                        {"forwarded_cert_cn", "manager1"},
                        {"forwarded_cert_org", "cluster1"},
                        {"forwarded_cert_ou", "swarm-manager"},
                        {"remote_addr", "10.0.0.1:1"}};
  for (const auto& caller :
       {minted_.Mint("w", "swarm-worker"), std::shared_ptr<const Credentials>()}) {
    const Status refused = ListNodes(caller, forged);
    EXPECT_EQ(refused.code(), Code::kPermissionDenied);
    EXPECT_THAT(refused.message(), HasSubstr("unauthorized forwarder role"));
  }
  EXPECT_TRUE(Logged("unauthorized forwarder role"));
  // A renewal in the manager's name: believed in nothing, so it is a stranger without a token.
  pb::IssueNodeCertificateRequest request;
  request.set_csr(pki::MakeCsr(pki::PrivateKey::Generate().value()).value());
  const auto renewed = Call<pb::IssueNodeCertificateResponse>(
      minted_.Mint("w", "swarm-worker"), "NodeCA/IssueNodeCertificate", request, forged);
  EXPECT_EQ(renewed.status(),
            Status(Code::kInvalidArgument, "A valid join token is necessary to join this cluster"));
  EXPECT_TRUE(Logged("refused to admit a node without a valid join token"));
}

TEST_F(IntruderTest, ARemovedNodeAlsoWhenItIsForwarded) {
  const auto id = Enrol(JoinToken(manager(), "worker"));
  ASSERT_TRUE(id.ok()) << id.status();
  const auto removed = minted_.Mint(*id, "swarm-worker");
  const auto channel = Dial(removed);
  pb::HeartbeatRequest beat;
  beat.set_session_id("none");
  EXPECT_EQ(Ask<pb::HeartbeatResponse>(*channel, "Dispatcher/Heartbeat", beat).status().code(),
            Code::kNotFound);
  const Finished done = manager().Ctl({"node", "remove", "--force", *id});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(Logged("its connections are closed"));
  const auto refused = [&](const Status& status) {
    EXPECT_EQ(status.code(), Code::kPermissionDenied) << status;
    EXPECT_THAT(status.message(), HasSubstr("node " + *id + " was removed from swarm"));
  };
  refused(Call<pb::HeartbeatResponse>(removed, "Dispatcher/Heartbeat", beat).status());
  refused(Call<pb::HeartbeatResponse>(minted_.Mint("manager2", "swarm-manager"),
                                      "Dispatcher/Heartbeat", beat,
                                      {{"forwarded_cert", "true"},
                                       {"forwarded_cert_cn", *id},
                                       {"forwarded_cert_org", "cluster1"},
                                       {"forwarded_cert_ou", "swarm-worker"},
                                       {"remote_addr", "10.0.0.1:1"}})
              .status());
}

TEST_F(IntruderTest, WhoUsesATokenAgainAfterItsRotation) {
  const std::string old = JoinToken(manager(), "worker");
  EXPECT_TRUE(Enrol(old).ok());
  ASSERT_EQ(manager().Ctl({"cluster", "update", "default", "--rotate-join-token", "worker"}).code,
            0);
  EXPECT_EQ(Enrol(old).status(),
            Status(Code::kInvalidArgument, "A valid join token is necessary to join this cluster"));
  EXPECT_TRUE(Logged("refused to admit a node without a valid join token"));
  EXPECT_TRUE(Enrol(JoinToken(manager(), "worker")).ok());
}

TEST_F(IntruderTest, WhoSpeaksPlaintext) {
  BareSocket socket(minted_.address());
  socket.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_TRUE(socket.ClosedWithin(5s));
  EXPECT_TRUE(Logged("refused a connection"));
}

TEST_F(IntruderTest, WhoSendsGarbage) {
  for (const std::string& bytes :
       {std::string(4096, '\xff'), std::string("\x16\x03\x01\xff\xff", 5) + std::string(70000, 'x'),
        std::string("GET / HTTP/1.1\r\n\r\n")}) {
    BareSocket socket(minted_.address());
    socket.Send(bytes);
    EXPECT_TRUE(socket.ClosedWithin(15s));
  }
  EXPECT_TRUE(Logged("refused a connection"));
}

// 10,000 with SWARM_SOAK.
TEST_F(IntruderTest, ThousandsOfHandshakesThatAreNeverFinished) {
  const int wanted = std::getenv("SWARM_SOAK") != nullptr ? 10'000 : 500;
  // Many more at once than there is room for.
  const int at_once = std::getenv("SWARM_SOAK") != nullptr ? 5'000 : 500;
  const std::size_t before = FilesOpenIn(manager().process().pid());
  const auto worker = minted_.Mint("manager2", "swarm-manager");
  int left = wanted;
  while (left > 0) {
    std::vector<std::unique_ptr<BareSocket>> open;
    const int batch = std::min(left, at_once);
    for (int i = 0; i < batch; ++i) {
      open.push_back(std::make_unique<BareSocket>(minted_.address()));
      // The beginning of a hello that never goes on.
      open.back()->Send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
    }
    left -= batch;
    EXPECT_TRUE(ListNodes(worker).ok());
    for (const auto& socket : open) {
      EXPECT_TRUE(socket->ClosedWithin(20s));
    }
  }
  EXPECT_TRUE(Eventually([&] { return FilesOpenIn(manager().process().pid()) < before + 20; }));
  EXPECT_TRUE(Logged("refused a connection"));
}

// Two nodes that come and go as fast as they can: each is always taken for itself.
TEST_F(IntruderTest, WhoHopesToBeTakenForAnotherInRapidReconnects) {
  const auto worker = minted_.Mint("w", "swarm-worker");
  const auto boss = minted_.Mint("manager2", "swarm-manager");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 50; ++i) {
        const bool manages = (i + thread) % 2 == 0;
        const Status status = ListNodes(manages ? boss : worker);
        const Code expected = manages ? Code::kOk : Code::kPermissionDenied;
        if (status.code() != expected) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace swarm::test
