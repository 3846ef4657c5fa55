// Who a node is: made at the first start, found again at every later one, and never guessed.
#include "identity.h"

#include <gtest/gtest.h>

#include <string>

#include "fakes/instance_context.h"
#include "log_keys.h"
#include "pki/key_file.h"
#include "pki/pem.h"
#include "pki/text_keys.h"
#include "swarm/simulation.h"

namespace swarm::ca {
namespace {

using std::chrono_literals::operator""h;

class IdentityTest : public testing::Test {
 protected:
  // As a process that starts now would load it.
  Result<NodeIdentity> Load() {
    fakes::FakeContext context(machine_.runtime());
    return Identities(context).LoadOrCreate(request_);
  }
  Result<LogKeys> LoadKeys() {
    fakes::FakeContext context(machine_.runtime());
    return Identities(context).LoadLogKeys(request_);
  }
  FileSystem& files() { return machine_.runtime().files(); }
  std::string Read(std::string_view name) { return ReadFile(files(), Path(name)).value(); }
  void Write(std::string_view name, std::string_view text) {
    ASSERT_TRUE(WriteFileAtomically(files(), Path(name), text, 0600).ok());
  }
  static std::string Path(std::string_view name) {
    return "/state/certificates/" + std::string(name);
  }
  pki::KeyFile Key(std::string_view kek = "") {
    return pki::KeyFile::Parse(Read(kKey), kek).value();
  }
  // Encrypts the key file, as a locked cluster does.
  void Lock(const std::string& kek) {
    pki::KeyFile file = Key();
    ASSERT_TRUE(PutLogKeys(file, {std::string(32, 'd'), ""}, kek, machine_.runtime()).ok());
    Write(kKey, file.Format(kek, *machine_.runtime().NewRandom()).value());
  }

  static constexpr const char* kRoot = "swarm-root-ca.crt";
  static constexpr const char* kCertificate = "swarm-node.crt";
  static constexpr const char* kKey = "swarm-node.key";
  Simulation simulation_{11};
  Machine& machine_ = simulation_.AddMachine("m");
  IdentityRequest request_{"/state", "", "", ""};
};

TEST_F(IdentityTest, NothingOnDiskMakesANewCluster) {
  const auto made = Load();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->node_id.size(), 25U);
  EXPECT_EQ(made->cluster_id.size(), 25U);
  EXPECT_NE(made->node_id, made->cluster_id);
  EXPECT_EQ(made->role, pb::MANAGER);
  EXPECT_FALSE(made->root_key_pem.empty());
  EXPECT_EQ(made->credentials->roots_pem, Read(kRoot));
  EXPECT_EQ(made->tls_info.trust_root(), Read(kRoot));
  EXPECT_FALSE(made->tls_info.cert_issuer_subject().empty());
  EXPECT_FALSE(made->tls_info.cert_issuer_public_key().empty());
  EXPECT_NE(made->credentials->key_pem.find("BEGIN PRIVATE KEY"), std::string::npos);
}

TEST_F(IdentityTest, TheRootKeyNeverTouchesTheDisk) {
  const auto made = Load();
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(files().List("/state/certificates").value(),
            (std::vector<std::string>{kCertificate, kKey, kRoot}));
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->root_key_pem, "");
}

TEST_F(IdentityTest, ARestartFindsTheSameNode) {
  const auto made = Load();
  ASSERT_TRUE(made.ok());
  machine_.Crash();
  simulation_.RunFor(24h * 30);
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->node_id, made->node_id);
  EXPECT_EQ(again->cluster_id, made->cluster_id);
  EXPECT_EQ(again->credentials->certificate_pem, made->credentials->certificate_pem);
  EXPECT_EQ(again->credentials->key_pem, made->credentials->key_pem);
  EXPECT_EQ(again->tls_info.SerializeAsString(), made->tls_info.SerializeAsString());
}

TEST_F(IdentityTest, ARootKeyPutThereByHandSigns) {
  const auto made = Load();
  ASSERT_TRUE(made.ok());
  Write("swarm-root-ca.key", made->root_key_pem);
  EXPECT_EQ(Load().value().root_key_pem, made->root_key_pem);
}

// Cases that upstream's tests pin: one part alone is as good as nothing.
TEST_F(IdentityTest, RootOnlyOrCertificateOnlyAreBothMadeAnew) {
  const auto first = Load();
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(files().Remove(Path(kCertificate)).ok());
  const auto second = Load();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(second->node_id, first->node_id);
  ASSERT_TRUE(files().Remove(Path(kRoot)).ok());
  const auto third = Load();
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_NE(third->node_id, second->node_id);
}

TEST_F(IdentityTest, WithAJoinAddressNoClusterIsMade) {
  request_.join_address = "10.0.0.1:4242";
  EXPECT_EQ(Load().status().code(), Code::kNotFound);
  EXPECT_FALSE(files().Exists("/state/certificates"));
}

TEST_F(IdentityTest, AJoinAddressDoesNotMatterToAMember) {
  const auto made = Load();
  ASSERT_TRUE(made.ok());
  request_.join_address = "10.0.0.1:4242";
  EXPECT_EQ(Load().value().node_id, made->node_id);
}

TEST_F(IdentityTest, AnotherNodesKeyIsRefused) {
  ASSERT_TRUE(Load().ok());
  Write(kKey, pki::PrivateKey::Generate().value().Pkcs8Pem());
  const auto loaded = Load();
  EXPECT_EQ(loaded.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(loaded.status().message().find(
                "error while loading TLS certificate in /state/certificates/swarm-node.crt: "),
            0U)
      << loaded.status();
  EXPECT_NE(loaded.status().message().find("do not belong together"), std::string::npos);
}

TEST_F(IdentityTest, APairWhoseWriteWasInterruptedIsFinished) {
  const auto first = Load();
  ASSERT_TRUE(first.ok());
  const std::string fitting = Read(kCertificate);
  Write(".swarm-node.crt", fitting);
  // The certificate in place is of another key of the same cluster.
  const auto root =
      pki::RootCa::Load(Read(kRoot), pki::SignerFiles{Read(kRoot), first->root_key_pem, ""},
                        machine_.runtime().clock().Now());
  const auto other = root->SignNode(pki::MakeCsr(pki::PrivateKey::Generate().value()).value(),
                                    {first->node_id, "swarm-manager", first->cluster_id}, 2160h,
                                    machine_.runtime().clock().Now());
  Write(kCertificate, *other);
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->credentials->certificate_pem, fitting);
  EXPECT_EQ(Read(kCertificate), fitting);
}

TEST_F(IdentityTest, GarbledFilesAreNamed) {
  ASSERT_TRUE(Load().ok());
  for (const char* name : {kCertificate, kKey, kRoot}) {
    const std::string good = Read(name);
    Write(name, "garbage");
    const auto loaded = Load();
    EXPECT_FALSE(loaded.ok()) << name;
    EXPECT_NE(loaded.status().message().find("/state/certificates/"), std::string::npos)
        << loaded.status();
    Write(name, good);
  }
  EXPECT_TRUE(Load().ok());
}

TEST_F(IdentityTest, AForeignRootMakesAnUnknownAuthority) {
  ASSERT_TRUE(Load().ok());
  Write(kRoot, pki::RootCa::Create(machine_.runtime().clock().Now()).value().roots_pem());
  const auto loaded = Load();
  EXPECT_NE(loaded.status().message().find("unknown authority"), std::string::npos)
      << loaded.status();
}

TEST_F(IdentityTest, AnExpiredCertificateIsRefused) {
  ASSERT_TRUE(Load().ok());
  simulation_.RunFor(24h * 91);
  const auto loaded = Load();
  EXPECT_NE(loaded.status().message().find("has expired"), std::string::npos) << loaded.status();
}

TEST_F(IdentityTest, ALockedNodeNeedsItsUnlockKey) {
  ASSERT_TRUE(Load().ok());
  const std::string kek(32, 'k');
  Lock(kek);
  const std::string first_line = "node is locked, and needs a valid unlock key\nhint: ";
  EXPECT_EQ(Load().status().message().find(first_line), 0U) << Load().status();
  request_.unlock_key = pki::FormatUnlockKey(std::string(32, 'x'));
  EXPECT_EQ(Load().status().code(), Code::kUnauthenticated);
  request_.unlock_key = "garbage";
  EXPECT_EQ(Load().status().code(), Code::kInvalidArgument);
  request_.unlock_key = pki::FormatUnlockKey(kek);
  EXPECT_TRUE(Load().ok()) << Load().status();
  EXPECT_EQ(LoadKeys().value().current.size(), 32U);
}

TEST_F(IdentityTest, LogKeysAreMadeOnceAndKept) {
  ASSERT_TRUE(Load().ok());
  const auto keys = LoadKeys();
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->current.size(), 32U);
  EXPECT_EQ(keys->pending, "");
  machine_.Crash();
  EXPECT_EQ(LoadKeys().value().current, keys->current);
  EXPECT_TRUE(Load().ok());
  const pki::KeyFile file = Key();
  EXPECT_EQ(file.headers.size(), 2U);
  EXPECT_EQ(file.KekVersion(), 0U);
}

TEST_F(IdentityTest, LogKeysAreReadAsWrittenElsewhere) {
  ASSERT_TRUE(Load().ok());
  pki::KeyFile file = Key();
  file.headers["raft-dek"] = "EiAwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==";
  Write(kKey, file.Format("", *machine_.runtime().NewRandom()).value());
  EXPECT_EQ(LoadKeys().value().current, "0123456789abcdef0123456789abcdef");

  std::string kek;
  for (int i = 0; i < 32; ++i) kek += static_cast<char>(i);
  file.headers["raft-dek"] =
      "CAESMJdUd7rRaTFSvekQqJtAGvkyiKv6DoP43ojEQvZU4MZ+DpsKlNCTfSyeNSP2ae+"
      "s7hoYZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7";
  Write(kKey, file.Format(kek, *machine_.runtime().NewRandom()).value());
  request_.unlock_key = pki::FormatUnlockKey(kek);
  EXPECT_EQ(LoadKeys().value().current, "0123456789abcdef0123456789abcdef");
}

TEST_F(IdentityTest, APendingLogKeyNeedsACurrentOne) {
  ASSERT_TRUE(Load().ok());
  pki::KeyFile file = Key();
  file.headers["raft-dek-pending"] = "EiAwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==";
  Write(kKey, file.Format("", *machine_.runtime().NewRandom()).value());
  EXPECT_EQ(LoadKeys().status().code(), Code::kDataLoss);
  file.headers["raft-dek"] = "not base64!";
  Write(kKey, file.Format("", *machine_.runtime().NewRandom()).value());
  EXPECT_EQ(LoadKeys().status().code(), Code::kDataLoss);
}

// A plain header in an encrypted file was put there by somebody without the unlock key.
TEST_F(IdentityTest, APlainLogKeyInALockedFileIsRefused) {
  ASSERT_TRUE(Load().ok());
  const std::string kek(32, 'k');
  pki::KeyFile file = Key();
  file.headers["raft-dek"] = "EiAwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==";
  Write(kKey, file.Format(kek, *machine_.runtime().NewRandom()).value());
  request_.unlock_key = pki::FormatUnlockKey(kek);
  EXPECT_EQ(LoadKeys().status().code(), Code::kDataLoss);
  EXPECT_EQ(Load().status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace swarm::ca
