// Logs and snapshots with seeded damage: never a crash, and what is read is a beginning of what was
// written.
#include "log_fixture.h"

namespace swarm::wal {
namespace {

class FuzzTest : public LogFixture {
 protected:
  std::uint64_t Pick(std::uint64_t limit) { return simulation_.random().Below(limit); }

  std::string Mutate(std::string bytes) {
    const std::uint64_t changes = 1 + Pick(4);
    for (std::uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
      const std::uint64_t at = Pick(bytes.size());
      switch (Pick(6)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << Pick(8)));
          break;
        case 1:
          bytes[at] = static_cast<char>(Pick(256));
          break;
        case 2:
          bytes.resize(at);
          break;
        case 3:
          bytes.replace(at, std::min<std::size_t>(512, bytes.size() - at),
                        std::min<std::size_t>(512, bytes.size() - at), '\0');
          break;
        case 4:
          bytes.erase(at, 1 + Pick(16));
          break;
        default:
          bytes.insert(at, bytes.substr(Pick(bytes.size()), 1 + Pick(64)));
      }
    }
    return bytes;
  }

  void Put(const std::string& path, const std::string& bytes) {
    ASSERT_TRUE(WriteFileAtomically(disk(), path, bytes, 0600).ok());
  }
};

TEST_F(FuzzTest, ADamagedLogGivesABeginningOrAnError) {
  options_.segment_bytes = 4 << 10;
  CreateAndOpen();
  AppendMany(1, 15, 60);
  Close();
  ASSERT_EQ(LogFiles().size(), 1U);
  const std::string path = PathOf(LogFiles()[0]);
  const std::string whole = *ReadFile(disk(), path);
  int opened = 0;
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    Put(path, Mutate(whole));
    const Status status = Open();
    if (!status.ok()) {
      ++refused;
      EXPECT_FALSE(status.message().empty());
      continue;
    }
    ++opened;
    ASSERT_LE(entries().size(), 14U);
    for (std::size_t k = 0; k < entries().size(); ++k) {
      ASSERT_EQ(entries()[k].data, DataOf(k + 1, 60));
    }
    ASSERT_EQ(Append(entries().size() + 1, "more"), Status::Ok());
    Close();
    ASSERT_EQ(Open(), Status::Ok());
    ASSERT_EQ(entries().back().data, "more");
    Close();
  }
  std::cout << opened << " opened, " << refused << " refused\n";
  EXPECT_GT(opened, 100);
  EXPECT_GT(refused, 100);
}

TEST_F(FuzzTest, ADamagedSnapshotIsNeverTaken) {
  const auto sealer = std::make_unique<Sealer>(
      "key", Scheme::kSecretbox, machine_.runtime().NewRandom(), machine_.runtime().clock());
  const std::string whole =
      *EncodeSnapshot({{Index(9), Term(2)}, {}, std::string(300, 's'), {}}, *sealer);
  Unsealer unsealer({"key"}, false);
  for (int i = 0; i < 20000; ++i) {
    const std::string bytes = Mutate(whole);
    const Result<Snapshot> snapshot = DecodeSnapshot(bytes, unsealer);
    if (snapshot.ok()) {
      EXPECT_EQ(snapshot->data, std::string(300, 's'));
      EXPECT_EQ(snapshot->mark, (SnapshotMark{Index(9), Term(2)}));
    }
  }
}

TEST_F(FuzzTest, AnyBytesAreParsedWithinTheirBounds) {
  Unsealer unsealer({"key"}, false);
  for (int i = 0; i < 50000; ++i) {
    std::string bytes(Pick(80), '\0');
    for (char& c : bytes) c = static_cast<char>(Pick(3) == 0 ? 0 : Pick(256));
    if (bytes.size() > 8 && Pick(2) == 0) {  // a length word that fits
      bytes.replace(
          0, 8,
          std::string(1, static_cast<char>((bytes.size() - 8) & ~7ULL)) + std::string(7, '\0'));
    }
    static_cast<void>(ParseRecord(bytes));
    static_cast<void>(LooksTorn(bytes, Pick(1000), Pick(2) == 0));
    static_cast<void>(DecodeEntry(bytes).ok());
    static_cast<void>(DecodeHardState(bytes).ok());
    static_cast<void>(DecodeSnapshotMark(bytes).ok());
    static_cast<void>(DecodeSnapshot(bytes, unsealer).ok());
    EXPECT_FALSE(unsealer.Unseal(bytes).ok());
    EXPECT_FALSE(fernet::Decode(MakeKey("key"), bytes).ok());
  }
}

}  // namespace
}  // namespace swarm::wal
