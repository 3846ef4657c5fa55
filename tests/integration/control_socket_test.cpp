// Hostile and broken clients at the control socket: refused, logged, nothing harmed.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <future>

#include "rpc/network.h"
#include "support/cluster.h"
#include "swarm/rpc_typed.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::test {
namespace {

class ControlSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);
    ASSERT_TRUE(manager_.Start()) << manager_.log();
  }

  void TearDown() override { ExpectUnharmed(); }

  int Connect() {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    manager_.socket().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  // Whether the server closes the connection on its own.
  static bool ClosedByServer(int fd) {
    const timeval limit{20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char buffer[4096];
    ssize_t got = 0;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
    }
    return got == 0 || errno == ECONNRESET;
  }

  void ExpectUnharmed() {
    const Finished list = manager_.Ctl({"node", "ls"});
    EXPECT_EQ(list.code, 0) << list.err;
    EXPECT_NE(list.out.find("READY"), std::string::npos) << list.out;
    EXPECT_TRUE(manager_.process().running()) << manager_.log();
  }

  Manager manager_;
};

TEST_F(ControlSocketTest, RefusesPlaintextHttp2) {
  const int fd = Connect();
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  ASSERT_EQ(write(fd, preface.data(), preface.size()), static_cast<ssize_t>(preface.size()));
  EXPECT_TRUE(ClosedByServer(fd));
  close(fd);
  EXPECT_TRUE(
      Eventually([&] { return manager_.log().find("level=warning") != std::string::npos; }));
}

TEST_F(ControlSocketTest, RefusesGarbage) {
  for (int i = 0; i < 50; ++i) {
    const int fd = Connect();
    std::string garbage(1 + static_cast<std::size_t>(i) * 97, '\0');
    for (std::size_t b = 0; b < garbage.size(); ++b)
      garbage[b] = static_cast<char>(b * 31 + static_cast<std::size_t>(i) + 1);
    const ssize_t ignored = write(fd, garbage.data(), garbage.size());
    static_cast<void>(ignored);
    shutdown(fd, SHUT_WR);
    EXPECT_TRUE(ClosedByServer(fd)) << i;
    close(fd);
  }
}

TEST_F(ControlSocketTest, EndsAHandshakeThatStops) {
  const int fd = Connect();
  // The header and the first bytes of a ClientHello, then silence.
  const unsigned char start[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03};
  ASSERT_EQ(write(fd, start, sizeof start), static_cast<ssize_t>(sizeof start));
  EXPECT_TRUE(ClosedByServer(fd));
  close(fd);
}

TEST_F(ControlSocketTest, SurvivesManyConnectionsThatSayNothing) {
  std::vector<int> open;
  for (int i = 0; i < 200; ++i) open.push_back(Connect());
  ExpectUnharmed();
  for (const int fd : open) close(fd);
}

TEST_F(ControlSocketTest, SpeaksTlsWithoutAClientCertificateAndSelectsH2) {
  const int fd = Connect();
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = SSL_new(context);
  const unsigned char alpn[] = {2, 'h', '2'};
  SSL_set_alpn_protos(ssl, alpn, sizeof alpn);
  SSL_set_tlsext_host_name(ssl, "not-a-name-we-know");
  SSL_set_fd(ssl, fd);
  ASSERT_EQ(SSL_connect(ssl), 1);
  const unsigned char* selected = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl, &selected, &length);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(selected), length), "h2");
  // Inside TLS, what is not HTTP/2 is refused too.
  SSL_write(ssl, "GET / HTTP/1.0\r\n\r\n", 18);
  char buffer[4096];
  int got = 0;
  while ((got = SSL_read(ssl, buffer, sizeof buffer)) > 0) {
  }
  EXPECT_LE(got, 0);
  SSL_free(ssl);
  SSL_CTX_free(context);
  close(fd);
}

TEST_F(ControlSocketTest, RefusesARequestOverFourMebibytes) {
  auto network = rpc::MakeNetwork({});
  auto channel = network->Dial("unix://" + manager_.socket(), {});
  ASSERT_TRUE(channel.ok()) << channel.status();
  docker::swarmkit::v1::CreateServiceRequest request;
  request.mutable_spec()->mutable_annotations()->set_name("big");
  auto* container = request.mutable_spec()->mutable_task()->mutable_container();
  container->set_image("any");
  container->add_env("K=" + std::string(5 << 20, 'x'));
  request.mutable_spec()->mutable_replicated();
  std::promise<Status> answered;
  CallUnary<docker::swarmkit::v1::CreateServiceResponse>(
      **channel, "/docker.swarmkit.v1.Control/CreateService", {}, request,
      [&](const auto& reply) { answered.set_value(reply.status()); });
  const Status status = answered.get_future().get();
  EXPECT_EQ(status.code(), Code::kResourceExhausted) << status;
  EXPECT_EQ(manager_.Ctl({"service", "ls", "-q"}).out, "");
}

TEST_F(ControlSocketTest, IsReachableByItsOwnerOnly) {
  struct stat info {};
  ASSERT_EQ(stat(manager_.socket().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0007u, 0u);
}

}  // namespace
}  // namespace swarm::test
