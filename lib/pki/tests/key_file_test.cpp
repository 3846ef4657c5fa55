#include "pki/key_file.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "pki/node_files.h"
#include "pki/pem.h"
#include "pki/root_ca.h"
#include "swarm/simulation.h"

namespace swarm::pki {
namespace {

std::string Counting(unsigned char first, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(first + i);
  return out;
}

// A key encrypted elsewhere, with the passphrase 00..1f, salt 00..07, vector 00..0f.
constexpr const char* kForeign =
    "MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAgAAQIDBAUGBwICCAAwHQYJYIZIAWUDBAEqBBAAAQIDBAUGBw"
    "gJCgsMDQ4PBIGQGUIipzhyO75o36Y0y2SSpTJcyv4b93VQMJCSLF8oZ6i9SpkZ1QO6Y6S697ue52BoeYKzkr0jaRrGmthc"
    "cG9/QK9qEWtGZ3TskTVdDkw2CANJQGqIJQ03bylEnjnxB1b6DFpW0RZe6zSDXOi20efHERDDfwk3FOkveBQ8g/uGcYEP8j"
    "5saPdDo8Esq79DiFfz";

class KeyFileTest : public testing::Test {
 protected:
  Simulation simulation_{1};
  const std::string kek_ = Counting(0, 32);
  const PrivateKey key_ = PrivateKey::Generate().value();
};

TEST_F(KeyFileTest, OpensAKeyEncryptedElsewhereAndWritesTheSameBytes) {
  const std::string der = DecodeBase64(kForeign).value();
  const auto key = DecryptPkcs8(der, kek_);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_NE(key->Pkcs8Der().find(Counting(1, 32)), std::string::npos) << "the private number";
  EXPECT_EQ(EncodeBase64(EncryptPkcs8(*key, kek_, Counting(0, 8), Counting(0, 16)).value()),
            kForeign);
}

TEST_F(KeyFileTest, KeepsHeadersAndAlwaysHasAVersion) {
  KeyFile file{key_, {{"raft-dek", "abc="}}, false};
  const std::string pem = file.Format("", simulation_.random()).value();
  EXPECT_EQ(pem.substr(0, pem.find("\n\n")),
            "-----BEGIN PRIVATE KEY-----\nkek-version: 0\nraft-dek: abc=");
  const auto read = KeyFile::Parse(pem, "");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->headers.size(), 2U);
  EXPECT_EQ(read->headers.at("raft-dek"), "abc=");
  EXPECT_EQ(read->KekVersion(), 0U);
  EXPECT_FALSE(read->encrypted);
  EXPECT_EQ(read->key.Pkcs8Der(), key_.Pkcs8Der());
}

TEST_F(KeyFileTest, EncryptsWithTheKek) {
  KeyFile file{key_, {{"kek-version", "17"}}, false};
  const std::string pem = file.Format(kek_, simulation_.random()).value();
  EXPECT_NE(pem.find("BEGIN ENCRYPTED PRIVATE KEY"), std::string::npos);
  const auto read = KeyFile::Parse(pem, kek_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->encrypted);
  EXPECT_EQ(read->KekVersion(), 17U);
  EXPECT_EQ(read->key.Pkcs8Der(), key_.Pkcs8Der());
  const Status locked(Code::kUnauthenticated, "node is locked, and needs a valid unlock key");
  EXPECT_EQ(KeyFile::Parse(pem, "").status(), locked);
  EXPECT_EQ(KeyFile::Parse(pem, Counting(1, 32)).status(), locked);
}

TEST_F(KeyFileTest, APlainKeyLoadsWhateverTheKek) {
  const std::string pem = KeyFile{key_, {}, false}.Format("", simulation_.random()).value();
  EXPECT_TRUE(KeyFile::Parse(pem, kek_).ok());
}

TEST_F(KeyFileTest, ReadsTraditionalKeys) {
  const auto read = KeyFile::Parse(key_.TraditionalPem(), "");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->key.Pkcs8Der(), key_.Pkcs8Der());
}

TEST_F(KeyFileTest, RefusesWhatIsNoKeyFile) {
  for (const std::string& text :
       {std::string(), std::string("garbage"), EncodePem({"PRIVATE KEY", {}, "garbage"}),
        EncodePem({"EC PRIVATE KEY", {{"DEK-Info", "AES"}}, "x"})}) {
    EXPECT_EQ(KeyFile::Parse(text, "").status().code(), Code::kInvalidArgument);
  }
}

class NodeFilesTest : public testing::Test {
 protected:
  // A pair that belongs together carries the same number.
  static NodeFiles::Pair Pair(const std::string& number) {
    return {"certificate " + number, "key         " + number};
  }
  static Status Fits(const NodeFiles::Pair& pair) {
    const bool whole = pair.certificate_pem.size() == 13 && pair.key_pem.size() == 13;
    if (whole && pair.certificate_pem.back() == pair.key_pem.back()) return {};
    return {Code::kInvalidArgument, "certificate and key differ"};
  }
};

TEST_F(NodeFilesTest, MissingFilesAreNotFound) {
  Simulation simulation(1);
  NodeFiles files(simulation.AddMachine("m").disk(), "/state");
  EXPECT_EQ(files.ReadPair(Fits).status().code(), Code::kNotFound);
  EXPECT_EQ(files.ReadRoot().status().code(), Code::kNotFound);
  EXPECT_EQ(files.ReadRootKey().status().code(), Code::kNotFound);
}

// A pair is durable once written, and at any crash before there is the old or the new one.
TEST_F(NodeFilesTest, ACrashAtAnySyncLeavesOnePair) {
  int old_pairs = 0;
  int new_pairs = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    for (std::uint64_t crash_at = 0; crash_at < 5; ++crash_at) {
      Simulation simulation(seed);
      Machine& machine = simulation.AddMachine("m");
      NodeFiles before(machine.disk(), "/state");
      ASSERT_TRUE(before.WritePair(Pair("1")).ok());
      const std::uint64_t first = machine.disk().sync_count();
      machine.disk().OnSync([&](std::uint64_t number, std::string_view) {
        if (number == first + crash_at) machine.Crash();
        return true;
      });
      static_cast<void>(before.WritePair(Pair("2")));
      machine.disk().OnSync(nullptr);
      machine.Crash();
      NodeFiles after(machine.disk(), "/state");
      const auto pair = after.ReadPair(Fits);
      ASSERT_TRUE(pair.ok()) << pair.status() << " seed " << seed << " sync " << crash_at;
      ++(pair->key_pem.back() == '1' ? old_pairs : new_pairs);
      if (crash_at == 4) {
        EXPECT_EQ(pair->key_pem.back(), '2');
      }
      // What was recovered stays.
      machine.Crash();
      EXPECT_TRUE(NodeFiles(machine.disk(), "/state").ReadPair(Fits).ok());
    }
  }
  EXPECT_GT(old_pairs, 0);
  EXPECT_GT(new_pairs, 0);
}

// Without any one of the syncs some seed loses what had been written.
TEST_F(NodeFilesTest, EverySyncOfAWriteIsNeeded) {
  // The first sync of the folder orders the temporary certificate before the key.
  for (std::uint64_t skip = 0; skip < 4; ++skip) {
    int broken = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      Simulation simulation(seed);
      Machine& machine = simulation.AddMachine("m");
      NodeFiles files(machine.disk(), "/state");
      ASSERT_TRUE(files.WritePair(Pair("1")).ok());
      const std::uint64_t first = machine.disk().sync_count();
      const std::uint64_t stop = first + 1 + simulation.random().Below(4);
      machine.disk().OnSync([&](std::uint64_t number, std::string_view) {
        if (number == stop) machine.Crash();
        return number != first + skip;
      });
      const bool written = files.WritePair(Pair("2")).ok();
      machine.disk().OnSync(nullptr);
      machine.Crash();
      const auto pair = NodeFiles(machine.disk(), "/state").ReadPair(Fits);
      if (!pair.ok() || (written && pair->key_pem.back() != '2')) ++broken;
    }
    EXPECT_GT(broken, 0) << "sync " << skip << " is not needed";
  }
}

TEST_F(NodeFilesTest, FinishesAnInterruptedWrite) {
  Simulation simulation(1);
  VirtualDisk& disk = simulation.AddMachine("m").disk();
  NodeFiles files(disk, "/state");
  ASSERT_TRUE(files.WritePair(Pair("1")).ok());
  ASSERT_TRUE(WriteFileAtomically(disk, files.folder() + "/.swarm-node.crt",
                                  Pair("2").certificate_pem, 0644)
                  .ok());
  EXPECT_EQ(files.ReadPair(Fits).value().key_pem.back(), '1') << "the key is still the old one";
  ASSERT_TRUE(files.WriteKey(Pair("2").key_pem).ok());
  EXPECT_EQ(files.ReadPair(Fits).value().certificate_pem.back(), '2');
  EXPECT_FALSE(disk.Exists(files.folder() + "/.swarm-node.crt"));
}

TEST_F(NodeFilesTest, DeletesATemporaryCertificateThatDoesNotFit) {
  Simulation simulation(1);
  VirtualDisk& disk = simulation.AddMachine("m").disk();
  NodeFiles files(disk, "/state");
  ASSERT_TRUE(files.WritePair({"certificate 1", Pair("2").key_pem}).ok());
  ASSERT_TRUE(
      WriteFileAtomically(disk, files.folder() + "/.swarm-node.crt", "certificate 3", 0644).ok());
  EXPECT_EQ(files.ReadPair(Fits).status().message(), "certificate and key differ");
  EXPECT_FALSE(disk.Exists(files.folder() + "/.swarm-node.crt"));
}

TEST_F(NodeFilesTest, MigratesALegacyKeyThatFits) {
  Simulation simulation(1);
  VirtualDisk& disk = simulation.AddMachine("m").disk();
  NodeFiles files(disk, "/state");
  ASSERT_TRUE(files.WritePair({"certificate 2", Pair("1").key_pem}).ok());
  const std::string legacy = files.folder() + "/.swarm-node.key";
  ASSERT_TRUE(WriteFileAtomically(disk, legacy, Pair("2").key_pem, 0600).ok());
  EXPECT_EQ(files.ReadPair(Fits).value().key_pem.back(), '2');
  ASSERT_TRUE(WriteFileAtomically(disk, legacy, Pair("9").key_pem, 0600).ok());
  EXPECT_EQ(files.ReadPair(Fits).value().key_pem.back(), '2');
  EXPECT_FALSE(disk.Exists(legacy));
}

}  // namespace
}  // namespace swarm::pki
