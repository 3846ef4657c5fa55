#include <gtest/gtest.h>
#include <swarm/simulation.h>
#include <set>

#include "etcd/raftpb.pb.h"
#include "etcd/walpb.pb.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/types.pb.h"
#include "wal/cipher.h"
#include "wal/crc32c.h"
#include "wal/record.h"
#include "wal/snapshot_files.h"
#include "wal/wire.h"

namespace swarm::wal {
namespace {

std::string FromHex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

std::string FromBase64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t word = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    word = word << 6 | static_cast<std::uint32_t>(kDigits.find(c));
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<char>(word >> bits & 0xff));
  }
  return out;
}

// Key bytes 00, 01, ... 1f.
std::string CountingKey() {
  std::string key;
  for (int i = 0; i < 32; ++i) key.push_back(static_cast<char>(i));
  return key;
}

class CodecTest : public testing::Test {
 protected:
  std::unique_ptr<Sealer> NewSealer(std::string_view key, Scheme scheme = Scheme::kSecretbox) {
    return std::make_unique<Sealer>(key, scheme, machine_.runtime().NewRandom(),
                                    machine_.runtime().clock());
  }

  Simulation simulation_{1};
  Machine& machine_ = simulation_.AddMachine("m");
};

TEST_F(CodecTest, ChecksumHasTheKnownValue) {
  EXPECT_EQ(ExtendCrc(0, "123456789"), 0xe3069283U);
  EXPECT_EQ(ExtendCrcPortable(0, "123456789"), 0xe3069283U);
}

TEST_F(CodecTest, ChecksumInPiecesEqualsTheWholeAndThePortableForm) {
  std::string data;
  for (int i = 0; i < 1000; ++i) data.push_back(static_cast<char>(i * 7));
  for (std::size_t cut : {0U, 1U, 7U, 8U, 9U, 500U, 999U, 1000U}) {
    const std::string_view all = data;
    EXPECT_EQ(ExtendCrc(ExtendCrc(0, all.substr(0, cut)), all.substr(cut)),
              ExtendCrcPortable(0, all));
  }
}

// The first three records of a log that SwarmKit wrote.
TEST_F(CodecTest, FirstRecordsAreSwarmKitsByteForByte) {
  const std::string metadata = FromHex(
      "088efd9bb2b4fbedb37a12197035393734303730306773686267756c356169686d766c65321a0c302e302e302e30"
      "3a343234322200");
  std::string out;
  RecordEncoder encoder;
  encoder.AddCrc(out);
  encoder.AddMetadata(out, metadata);
  encoder.AddSnapshotMark(out, SnapshotMark());
  std::string want = FromHex(
      "0400000000000084"
      "0804100000000000");
  walpb::Record record;
  record.set_type(1);
  record.set_crc(0xb9a9afb7);
  record.set_data(metadata);
  const std::string body = record.SerializeAsString();
  ASSERT_EQ(body.size(), 63U);
  want += FromHex("3f00000000000081") + body + std::string(1, '\0');
  record.set_type(5);
  record.set_crc(0x129c3029);
  record.set_data(FromHex("08001000"));
  want += FromHex("0e00000000000082") + record.SerializeAsString() + std::string(2, '\0');
  EXPECT_EQ(out, want);
}

TEST_F(CodecTest, EntryRecordsAreWhatTheGeneratedCodeReads) {
  const std::unique_ptr<Sealer> sealer = NewSealer("key");
  RecordEncoder encoder;
  std::string out;
  ASSERT_TRUE(
      encoder.AddEntry(out, {Term(3), Index(300), EntryType::kConfChange, "he", "llo"}, *sealer)
          .ok());
  const Parsed parsed = ParseRecord(out);
  ASSERT_EQ(parsed.outcome, ParseOutcome::kRecord);
  EXPECT_EQ(parsed.frame_size, out.size());
  raftpb::Entry entry;
  ASSERT_TRUE(
      entry.ParseFromArray(parsed.record.data.data(), static_cast<int>(parsed.record.data.size())));
  EXPECT_EQ(entry.term(), 3U);
  EXPECT_EQ(entry.index(), 300U);
  EXPECT_EQ(entry.type(), raftpb::EntryConfChange);
  docker::swarmkit::v1::MaybeEncryptedRecord sealed;
  ASSERT_TRUE(sealed.ParseFromString(entry.data()));
  EXPECT_EQ(sealed.algorithm(), sealed.SECRETBOX_SALSA20_POLY1305);
  EXPECT_EQ(sealed.nonce().size(), 24U);
  EXPECT_EQ(sealed.data().size(), 16U + 5U);
  EXPECT_EQ(*Unsealer({"key"}, false).Unseal(entry.data()), "hello");
  // Byte for byte what a generated writer makes of the same fields.
  EXPECT_EQ(parsed.record.data, entry.SerializeAsString());
  EXPECT_EQ(entry.data(), sealed.SerializeAsString());
}

TEST_F(CodecTest, EveryLengthOfChecksumIsFramedRight) {
  // Enough records that checksums of four bytes and less come up.
  RecordEncoder encoder;
  std::string out;
  for (std::uint64_t i = 1; i <= 2000; ++i)
    encoder.AddHardState(out, {Term(i), RaftId(2), Index(i)});
  std::uint32_t crc = 0;
  std::size_t shorter = 0;
  std::string_view rest = out;
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    const Parsed parsed = ParseRecord(rest);
    ASSERT_EQ(parsed.outcome, ParseOutcome::kRecord);
    ASSERT_TRUE(CheckCrc(parsed.record, crc));
    ASSERT_EQ(DecodeHardState(parsed.record.data)->term, Term(i));
    shorter += VarintSize(crc) < 5 ? 1 : 0;
    rest.remove_prefix(parsed.frame_size);
  }
  EXPECT_TRUE(rest.empty());
  EXPECT_GT(shorter, 0U);
}

// A record of SwarmKit's encoder: the text, under the counting key, with nonce 100 to 123.
TEST_F(CodecTest, SecretboxRecordOfSwarmKitOpens) {
  const std::string record = FromBase64(
      "CAESMJdUd7rRaTFSvekQqJtAGvkyiKv6DoP43ojEQvZU4MZ+DpsKlNCTfSyeNSP2ae+s7hoYZGVmZ2hpamtsbW5vcHFy"
      "c3R1dnd4eXp7");
  Unsealer unsealer({"other", CountingKey()}, false);
  EXPECT_EQ(*unsealer.Unseal(record), "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(Unsealer({"other"}, false).Unseal(record).status().code(), Code::kUnauthenticated);
}

TEST_F(CodecTest, FernetTokenOfSwarmKitIsMadeAndOpened) {
  const std::string token =
      "gAAAAABlU_EAAAECAwQFBgcICQoLDA0OD8zTj7aYw76sT2BMihR6GOcSdnUF_7JfZ_"
      "35oKW5QNDjBTKEX0K440jmG716jKniFdcUePoiJJHQDP2zyv_h1oyNEf-3h2euGi8DH8Taek85";
  const Key key = MakeKey(CountingKey());
  std::array<unsigned char, 16> iv;
  for (unsigned char i = 0; i < 16; ++i) iv[i] = i;
  EXPECT_EQ(*fernet::Encode(key, "0123456789abcdef0123456789abcdef", 1700000000, iv), token);
  EXPECT_EQ(*fernet::Decode(key, token), "0123456789abcdef0123456789abcdef");
  EXPECT_FALSE(fernet::Decode(MakeKey("x"), token).ok());
}

TEST_F(CodecTest, SealedSizeIsExactForBothSchemes) {
  for (const Scheme scheme : {Scheme::kSecretbox, Scheme::kFernet}) {
    const std::unique_ptr<Sealer> sealer = NewSealer("key", scheme);
    for (std::size_t size = 0; size < 200; ++size) {
      std::string out;
      const std::string text(size, 'x');
      ASSERT_TRUE(sealer->Seal(out, text.substr(0, size / 2), text.substr(size / 2)).ok());
      EXPECT_EQ(out.size(), sealer->SealedSize(size));
      EXPECT_EQ(*Unsealer({"key"}, scheme == Scheme::kFernet).Unseal(out), text);
    }
  }
}

TEST_F(CodecTest, FipsModeReadsOnlyFernetAndNobodyReadsPlainText) {
  std::string out;
  ASSERT_TRUE(NewSealer("key")->Seal(out, "text", {}).ok());
  EXPECT_EQ(Unsealer({"key"}, true).Unseal(out).status().code(), Code::kDataLoss);
  docker::swarmkit::v1::MaybeEncryptedRecord plain;
  plain.set_data("text");
  EXPECT_EQ(Unsealer({"key"}, false).Unseal(plain.SerializeAsString()).status().code(),
            Code::kDataLoss);
}

TEST_F(CodecTest, NoncesNeverRepeat) {
  const std::unique_ptr<Sealer> sealer = NewSealer("key");
  std::set<std::string> seen;
  for (int i = 0; i < 300; ++i) {
    std::string out;
    ASSERT_TRUE(sealer->Seal(out, "same", {}).ok());
    EXPECT_TRUE(seen.insert(out).second);
  }
}

TEST_F(CodecTest, SnapshotFileIsWhatTheGeneratedCodeReads) {
  const std::unique_ptr<Sealer> sealer = NewSealer("key");
  const std::vector<RaftId> voters = {RaftId(5), RaftId(900)};
  const SnapshotView snapshot{{Index(70), Term(2)}, voters, "con", "tent"};
  const Result<std::string> file = EncodeSnapshot(snapshot, *sealer);
  ASSERT_TRUE(file.ok());
  walpb::SnapshotFile frame;
  ASSERT_TRUE(frame.ParseFromString(*file));
  EXPECT_EQ(frame.crc(), ExtendCrc(0, frame.data()));
  raftpb::Snapshot inner;
  ASSERT_TRUE(inner.ParseFromString(frame.data()));
  EXPECT_EQ(inner.metadata().index(), 70U);
  EXPECT_EQ(inner.metadata().term(), 2U);
  ASSERT_EQ(inner.metadata().conf_state().voters_size(), 2);
  EXPECT_EQ(inner.metadata().conf_state().voters(1), 900U);
  EXPECT_EQ(frame.data(), inner.SerializeAsString());
  EXPECT_EQ(SnapshotFileName(snapshot.mark), "0000000000000002-0000000000000046.snap");
  Unsealer unsealer({"key"}, false);
  const Result<Snapshot> read = DecodeSnapshot(*file, unsealer);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->data, "content");
  EXPECT_EQ(read->voters, voters);
}

TEST_F(CodecTest, TornFramesAreToldFromDamagedOnes) {
  RecordEncoder encoder;
  std::string frame;
  encoder.AddMetadata(frame, std::string(2000, 'm'));
  EXPECT_TRUE(LooksTorn(frame.substr(0, 700), 0, true)) << "the file ends inside";
  ASSERT_EQ(frame.back(), '\0');
  EXPECT_TRUE(LooksTorn(frame.substr(0, frame.size() - 1), 0, true)) << "only padding is missing";
  std::string zeroed = frame;
  zeroed.replace(1024, 512, 512, '\0');
  EXPECT_TRUE(LooksTorn(zeroed, 0, false)) << "a sector was not written";
  EXPECT_FALSE(LooksTorn(zeroed, 8, false)) << "zeros that are no sector";
  std::string cut = frame;
  cut.replace(1100, cut.size() - 1100, cut.size() - 1100, '\0');
  EXPECT_TRUE(LooksTorn(cut, 0, true)) << "the write stopped at a byte";
  std::string flipped = frame;
  flipped[900] ^= 1;
  EXPECT_FALSE(LooksTorn(flipped, 0, true)) << "a bit has changed";
}

TEST_F(CodecTest, DamagedLengthThatSwallowsRecordsIsNotTorn) {
  RecordEncoder encoder;
  std::string bytes;
  encoder.AddMetadata(bytes, std::string(64, 'm'));
  encoder.AddHardState(bytes, {Term(1), RaftId(1), Index(1)});
  bytes.append(4096, '\0');
  bytes[1] = 4;  // the first record now claims a kilobyte more
  EXPECT_FALSE(LooksTorn(bytes.substr(0, 2000), 0, true));
}

TEST_F(CodecTest, FieldsAreReadOnlyWithinTheirBounds) {
  for (const char* hex : {"08", "0880", "0a05", "0aff", "0affffffffffffffffff01", "0b", "00",
                          "09000000", "0d0000", "ffffffffffffffffffff01"}) {
    const std::string bytes = FromHex(hex);
    FieldReader reader(bytes);
    while (reader.Next()) {
    }
    EXPECT_FALSE(reader.ok()) << hex;
  }
}

}  // namespace
}  // namespace swarm::wal
