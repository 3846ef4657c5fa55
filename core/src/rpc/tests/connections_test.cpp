// Connections: who gets in, as whom, for how long, and what the rest are told.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>

#include "raw_peer.h"
#include "transport_fixture.h"

namespace swarm::rpc {
namespace {

const char kRoot[] = "/docker.swarmkit.v1.CA/GetRootCACertificate";

class ConnectionsTest : public TransportTest {
 protected:
  std::string SocketPath() const { return folder_ + "/swarmd.sock"; }
  void ExpectGoodCall(const std::string& address) {
    auto channel = Dial(address);
    const auto reply = Call(*channel);
    EXPECT_TRUE(reply.ok()) << reply.status();
  }
};

TEST_F(ConnectionsTest, CallersAreWhoTheirCertificateSays) {
  ServeWhoAmI();
  const auto address = Serve(TcpOptions());
  EXPECT_EQ(Call(*Dial(address, As("m2"))).value().Bytes(), "m2");
  const auto worker = Call(*Dial(address, As("w1", "swarm-worker")));
  EXPECT_EQ(worker.status(),
            Status(Code::kPermissionDenied,
                   "Permission denied: unauthorized peer role: rpc error: code = PermissionDenied "
                   "desc = Permission denied: remote certificate not part of OUs: "
                   "[swarm-manager]"));
}

TEST_F(ConnectionsTest, WithoutCertificateOnlyAnonymousMethodsAnswer) {
  ServeWhoAmI();
  ServeWhoAmI(kRoot);
  auto channel = Dial(Serve(TcpOptions()));
  EXPECT_EQ(Call(*channel, kRoot).value().Bytes(), "nobody");
  EXPECT_EQ(Call(*channel).status().message(),
            "Permission denied: unauthorized peer role: rpc error: code = PermissionDenied desc = "
            "no client certificates in request");
}

TEST_F(ConnectionsTest, ACertificateOfAnotherAuthorityIsRefusedAndBothSidesSayWhy) {
  ServeWhoAmI();
  const auto address = Serve(TcpOptions());
  const tls::TestCa other;
  Credentials foreign = *other.Issue("m2", "swarm-manager");
  foreign.roots_pem = ca_.root_pem();  // it trusts us, we do not trust it
  auto channel = Dial(address, As(std::make_shared<const Credentials>(foreign)));
  Status status;
  EXPECT_TRUE(Eventually([&] {
    status = Call(*channel).status();
    return status.message().find("unknown ca") != std::string::npos;
  })) << status;
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find(address), std::string::npos) << status;
  EXPECT_TRUE(Eventually([this] { return log_.Has("signed by an unknown authority"); }))
      << log_.text();
  EXPECT_EQ(Call(*Dial(address, As("m3"))).value().Bytes(), "m3");
}

TEST_F(ConnectionsTest, AnExpiredCertificateIsRefused) {
  ServeWhoAmI(kRoot);
  const auto address = Serve(TcpOptions());
  tls::TestCa::Leaf leaf;
  leaf.expired = true;
  auto channel = Dial(address, As(ca_.Issue(leaf)));
  EXPECT_EQ(Call(*channel, kRoot).status().code(), Code::kUnavailable);
  EXPECT_TRUE(Eventually([this] { return log_.Has("expired"); })) << log_.text();
}

TEST_F(ConnectionsTest, AServerOfAnotherNameOrAuthorityIsRefusedByItsClients) {
  ServeWhoAmI();
  const auto address = Serve(TcpOptions());
  auto wrong_name = As("m2");
  wrong_name.server_name = "swarm-king";
  auto status = Call(*Dial(address, wrong_name)).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("not valid for the name swarm-king"), std::string::npos)
      << status;

  const tls::TestCa other;
  Credentials distrusting = *ca_.Issue("m2", "swarm-manager");
  distrusting.roots_pem = other.root_pem();
  status = Call(*Dial(address, As(std::make_shared<const Credentials>(distrusting)))).status();
  EXPECT_NE(status.message().find("signed by an unknown authority"), std::string::npos) << status;
}

TEST_F(ConnectionsTest, WhatDoesNotBeginTlsIsRefusedLoggedAndHarmsNobody) {
  ServeWhoAmI();
  const auto address = Serve(UnixOptions());
  RawPeer garbage(SocketPath());
  garbage.Send(std::string(3000, '\x99'));
  EXPECT_TRUE(garbage.IsClosed(5000));
  EXPECT_TRUE(Eventually([this] { return log_.Has("does not begin a TLS handshake"); }));

  RawPeer plaintext(SocketPath());
  plaintext.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_TRUE(plaintext.IsClosed(5000));
  EXPECT_TRUE(Eventually([this] { return log_.Has("plaintext HTTP/2"); }));

  RawPeer torn(SocketPath());
  torn.Send(std::string("\x16\x03\x01\x02\x00", 5) + std::string(600, '\x42'));
  EXPECT_TRUE(torn.IsClosed(5000));
  ExpectGoodCall(address);
}

TEST_F(ConnectionsTest, WhoSaysNothingOrTooLittleIsClosedInTime) {
  ServeWhoAmI();
  auto options = UnixOptions();
  options.handshake_timeout = 100ms;
  const auto address = Serve(std::move(options));
  RawPeer silent(SocketPath());
  RawPeer half(SocketPath());
  half.Send(std::string("\x16\x03\x01\x02\x00\x01\x00", 7));
  RawPeer half_plain(SocketPath());
  half_plain.Send("PRI");
  EXPECT_TRUE(silent.IsClosed(5000));
  EXPECT_TRUE(half.IsClosed(5000));
  EXPECT_TRUE(half_plain.IsClosed(5000));
  EXPECT_TRUE(Eventually([this] { return log_.Has("refused a connection"); }));
  ExpectGoodCall(address);
}

TEST_F(ConnectionsTest, HandshakesThatWaitDoNotKeepOthersOut) {
  ServeWhoAmI();
  const auto address = Serve(UnixOptions());
  std::vector<std::unique_ptr<RawPeer>> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(std::make_unique<RawPeer>(SocketPath()));
  ExpectGoodCall(address);
}

TEST_F(ConnectionsTest, WhoOpensMoreThanThereIsRoomForLosesItsOldestAndKeepsNobodyOut) {
  ServeWhoAmI();
  auto options = UnixOptions();
  options.handshake_timeout = 60s;
  const auto address = Serve(std::move(options));
  std::vector<std::unique_ptr<RawPeer>> silent;
  for (int i = 0; i < 700; ++i) {
    silent.push_back(std::make_unique<RawPeer>(SocketPath()));
    ASSERT_TRUE(silent.back()->connected()) << i;
  }
  EXPECT_TRUE(silent.front()->IsClosed(10000)) << "long before its time is over";
  ExpectGoodCall(address);
  EXPECT_FALSE(silent.back()->IsClosed(0));
  EXPECT_TRUE(log_.Has("did not finish its handshake while many came")) << log_.text();
}

TEST_F(ConnectionsTest, WithoutFreeDescriptorsConnectionsWaitAndAreServedLater) {
  ServeWhoAmI();
  const auto address = Serve(UnixOptions());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = dup(STDERR_FILENO);
  close(lowest_free);
  const rlimit scarce{static_cast<rlim_t>(lowest_free) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &scarce), 0);
  RawPeer peer(SocketPath());  // takes the last one
  EXPECT_TRUE(peer.connected());
  EXPECT_TRUE(Eventually([this] { return log_.Has("cannot accept connections for now"); }));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  RawTls tls(peer, "\x02h2");
  EXPECT_TRUE(tls.Connect());
  ExpectGoodCall(address);
}

TEST_F(ConnectionsTest, AClientThatVanishesMidCallCancelsItsHandler) {
  Arriving<UnaryReply> handling;
  Arriving<bool> cancelled;
  Register(kHeartbeat, MakeUnaryHandler<pb::GetNodeRequest>(
                           [&](CallContextPtr context, auto, UnaryReply reply) {
                             context->OnCancel([&cancelled] { cancelled.Taker()(true); });
                             handling.Taker()(std::move(reply));
                           }));
  ServeWhoAmI();
  const auto address = Serve(UnixOptions());
  {
    // A network of its own, which dies with its sockets.
    auto network = MakeNetwork({});
    auto channel = network->Dial(address, {}).value();
    channel->Call(kHeartbeat, {}, Payload(), [](Result<Payload>) {});
    const auto kept = handling.Get();
    channel.reset();
    network.reset();
    EXPECT_TRUE(cancelled.Get());
  }
  ExpectGoodCall(address);
}

TEST_F(ConnectionsTest, Http2IsSelectedWhenOfferedAndNeverDemanded) {
  Serve(UnixOptions());
  const std::string kSettings(1, '\4');
  {
    RawPeer peer(SocketPath());
    RawTls tls(peer, "\x08http/1.1\x02h2");
    ASSERT_TRUE(tls.Connect());
    EXPECT_EQ(tls.Alpn(), "h2");
    EXPECT_EQ(tls.Http2Settings().substr(3, 1), kSettings);
  }
  for (const std::string_view alpn : {std::string_view(), std::string_view("\x08http/1.1")}) {
    RawPeer peer(SocketPath());
    RawTls tls(peer, alpn);
    ASSERT_TRUE(tls.Connect());
    EXPECT_EQ(tls.Alpn(), "");
    EXPECT_EQ(tls.Http2Settings().substr(3, 1), kSettings) << "served all the same";
  }
}

TEST_F(ConnectionsTest, RapidReconnectsNeverMixUpIdentities) {
  ServeWhoAmI();
  const auto address = Serve(TcpOptions());
  const std::vector<std::shared_ptr<const Credentials>> who = {ca_.Issue("m0", "swarm-manager"),
                                                               ca_.Issue("m1", "swarm-manager"),
                                                               ca_.Issue("m2", "swarm-manager")};
  for (int i = 0; i < 200; ++i) {
    auto channel = network_->Dial(address, As(who[i % 3])).value();
    const auto reply = Call(*channel);
    ASSERT_TRUE(reply.ok()) << i << ": " << reply.status();
    ASSERT_EQ(reply->Bytes(), "m" + std::to_string(i % 3));
  }
}

TEST_F(ConnectionsTest, PlaintextIsServedOnTheSocketOnlyWhenConfigured) {
  ServeWhoAmI();
  auto options = UnixOptions();
  options.plaintext = true;
  const auto address = Serve(std::move(options));
  DialOptions plaintext;
  plaintext.plaintext = true;
  EXPECT_EQ(Call(*Dial(address, plaintext)).value().Bytes(), "self");
  EXPECT_EQ(Call(*Dial(address)).value().Bytes(), "self") << "TLS works beside it";
  EXPECT_EQ(network_->Dial("127.0.0.1:1", plaintext).status().code(), Code::kInvalidArgument);
}

TEST_F(ConnectionsTest, NewCredentialsServeNewConnectionsAndOpenOnesLiveOn) {
  ServeWhoAmI();
  const auto address = Serve(TcpOptions());
  auto old_channel = Dial(address, As("m2"));
  EXPECT_TRUE(Call(*old_channel).ok());

  // In the middle of a rotation: the new root, cross-signed by the old one.
  const tls::TestCa new_ca;
  Credentials rotated = *new_ca.Issue("self", "swarm-manager");
  rotated.certificate_pem += new_ca.CrossSignedBy(ca_);
  rotated.roots_pem = ca_.root_pem() + new_ca.root_pem();
  ASSERT_TRUE(server_->SetCredentials(rotated).ok());
  EXPECT_TRUE(Call(*old_channel).ok());
  EXPECT_EQ(Call(*Dial(address, As("m3"))).value().Bytes(), "m3") << "who trusts the old root";
  EXPECT_EQ(Call(*Dial(address, As(new_ca.Issue("m4", "swarm-manager")))).value().Bytes(), "m4")
      << "who trusts and shows only the new one";

  Credentials broken = rotated;
  broken.key_pem = ca_.Issue("x", "swarm-manager")->key_pem;
  EXPECT_FALSE(server_->SetCredentials(broken).ok());
  EXPECT_TRUE(Call(*Dial(address, As("m5"))).ok()) << "the last good ones stay in use";
}

TEST_F(ConnectionsTest, ClosingANodesConnectionsSparesTheOthers) {
  auto handler = std::make_shared<KeepStream>();
  Register(kSession, handler);
  ServeWhoAmI();
  const auto address = Serve(TcpOptions());
  auto removed = Dial(address, As("w1", "swarm-worker"));
  auto spared = Dial(address, As("m2"));
  EXPECT_TRUE(Call(*spared).ok());
  auto stream = removed->Open(kSession, {});
  const auto server = handler->opened.Get();
  Arriving<bool> cancelled;
  server->context()->OnCancel([&cancelled] { cancelled.Taker()(true); });
  server_->CloseConnectionsOf("w1");
  EXPECT_TRUE(cancelled.Get());
  EXPECT_TRUE(Call(*spared).ok());
}

TEST_F(ConnectionsTest, UnavailableSaysWhatWentWrongAndEndsWhenTheServerComes) {
  ServeWhoAmI();
  auto options = UnixOptions();
  auto channel = Dial("unix://" + SocketPath());
  const auto status = Call(*channel).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("unix://" + SocketPath() + ": No such file"), std::string::npos)
      << status;
  Serve(std::move(options));
  EXPECT_EQ(PatientCall(*channel).value().Bytes(), "self");
}

TEST_F(ConnectionsTest, AChannelFindsItsServerAgainAfterARestart) {
  ServeWhoAmI();
  Serve(UnixOptions());
  auto channel = Dial("unix://" + SocketPath());
  EXPECT_TRUE(Call(*channel).ok());
  server_->Stop(100ms);
  Serve(UnixOptions());
  EXPECT_EQ(PatientCall(*channel).value().Bytes(), "self");
}

TEST_F(ConnectionsTest, ChannelsWithoutCredentialsOfTheirOwnFollowTheNodes) {
  ServeWhoAmI();
  const auto address = Serve(TcpOptions());
  std::mutex mutex;
  std::shared_ptr<const Credentials> current;
  network_ = MakeNetwork({io_, Logger(), [&] {
                            std::lock_guard lock(mutex);
                            return current;
                          }});
  DialOptions options;
  options.server_name = "swarm-manager";
  auto channel = Dial(address, options);
  const auto status = Call(*channel).status();
  EXPECT_NE(status.message().find("this node has no certificate yet"), std::string::npos) << status;
  {
    std::lock_guard lock(mutex);
    current = ca_.Issue("m8", "swarm-manager");
  }
  EXPECT_EQ(PatientCall(*channel).value().Bytes(), "m8");
}

TEST_F(ConnectionsTest, AddressesThatAreNoneAreRefusedAtOnce) {
  for (const char* bad :
       {"", "host", "host:", ":1", "host:99999", "host:http", "unix://", "a:b:1"}) {
    const auto result = network_->Dial(bad, {});
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument) << bad;
  }
}

TEST_F(ConnectionsTest, TheSocketFileHasItsModeAndGoesWithItsServer) {
  ServeWhoAmI();
  auto options = UnixOptions();
  options.unix_path = folder_ + "/deep/er/swarmd.sock";
  options.mode = 0620;
  const std::string path = options.unix_path;
  Serve(std::move(options));
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0620u);
  ASSERT_EQ(stat((folder_ + "/deep").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  server_->Stop(0ms);
  EXPECT_NE(stat(path.c_str(), &info), 0);
}

TEST_F(ConnectionsTest, AStaleSocketFileIsReplacedALiveOneIsNot) {
  ServeWhoAmI();
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, SocketPath().data(), SocketPath().size());
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    close(fd);
  }
  const auto address = Serve(UnixOptions());
  ExpectGoodCall(address);
  RpcServer second(UnixOptions());
  const auto status = second.Start().status();
  EXPECT_EQ(status.code(), Code::kAlreadyExists) << status;
  ExpectGoodCall(address);
}

TEST_F(ConnectionsTest, AServerWithoutCertificateDoesNotStart) {
  auto options = UnixOptions();
  options.credentials = std::make_shared<const Credentials>();
  RpcServer server(std::move(options));
  EXPECT_EQ(server.Start().status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace swarm::rpc
