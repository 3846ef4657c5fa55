#include <gmock/gmock.h>

#include "log_fixture.h"
#include "wal/key_rotation.h"

namespace swarm::wal {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr RaftId kSelf(7);

class SnapshotTest : public LogFixture {
 protected:
  static SnapshotMark MarkAt(std::uint64_t index) { return {Index(index), Term(1)}; }
  Status Save(std::uint64_t index, const std::function<bool()>& stop = nullptr) {
    return snapshots().Save({MarkAt(index), {&kSelf, 1}, "content at ", std::to_string(index)},
                            stop);
  }
  // The whole procedure.
  Status Take(std::uint64_t index, std::size_t keep = 0) {
    SWARM_RETURN_IF_ERROR(log().MarkSnapshot(MarkAt(index), {&kSelf, 1}));
    SWARM_RETURN_IF_ERROR(Save(index));
    log().ReleaseTo(Index(index));
    return CollectGarbage(disk(), options_, snapshots(), MarkAt(index), keep, Index(index));
  }
  std::vector<std::string> SnapshotNames() {
    return disk().List(options_.snapshot_directory()).value();
  }
};

TEST_F(SnapshotTest, StandsForTheEntriesBeforeIt) {
  CreateAndOpen();
  AppendMany(1, 30, 1000);
  ASSERT_EQ(Take(20), Status::Ok());
  AppendMany(30, 35, 1000);
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  ASSERT_TRUE(storage_->snapshot);
  EXPECT_EQ(storage_->snapshot->data, "content at 20");
  EXPECT_THAT(storage_->snapshot->voters, ElementsAre(RaftId(7)));
  ExpectEntries(21, 35, 1000);
}

TEST_F(SnapshotTest, KeepsAsManyOldOnesAsAsked) {
  CreateAndOpen();
  AppendMany(1, 50);
  for (const std::uint64_t index : {10U, 20U, 30U, 40U}) ASSERT_EQ(Take(index, 2), Status::Ok());
  EXPECT_THAT(SnapshotNames(), ElementsAre("0000000000000001-0000000000000014.snap",
                                           "0000000000000001-000000000000001e.snap",
                                           "0000000000000001-0000000000000028.snap"));
}

TEST_F(SnapshotTest, NothingIsRemovedWithoutTheCurrentOne) {
  CreateAndOpen();
  AppendMany(1, 30, 1000);
  ASSERT_EQ(Take(10), Status::Ok());
  const std::vector<std::string> files = LogFiles();
  ASSERT_EQ(CollectGarbage(disk(), options_, snapshots(), {Index(25), Term(1)}, 0, Index(25)),
            Status::Ok());
  EXPECT_THAT(SnapshotNames(), SizeIs(1));
  EXPECT_EQ(LogFiles(), files);
}

// Pinned upstream: one taken just as the file changed needs the file before as well; one taken
// later does not.
TEST_F(SnapshotTest, KeepsTheFileThatMayEndWithIt) {
  CreateAndOpen();
  std::uint64_t next = 1;
  while (LogFiles().size() < 3) {
    ASSERT_EQ(Append(next, DataOf(next, 1000)), Status::Ok());
    ++next;
  }
  ASSERT_EQ(Take(next - 1), Status::Ok());
  EXPECT_THAT(LogFiles(), SizeIs(2));
  ASSERT_EQ(Append(next, "x"), Status::Ok());
  ASSERT_EQ(Append(next + 1, "x"), Status::Ok());
  ASSERT_EQ(Take(next + 1), Status::Ok());
  EXPECT_THAT(LogFiles(), SizeIs(1));
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  EXPECT_EQ(storage_->snapshot->mark.index, Index(next + 1));
}

TEST_F(SnapshotTest, ADamagedOneIsSetAsideForTheOneBefore) {
  CreateAndOpen();
  AppendMany(1, 30);
  ASSERT_EQ(Take(10, 1), Status::Ok());
  ASSERT_EQ(Take(20, 1), Status::Ok());
  Close();
  const std::string newest = options_.snapshot_directory() + "/" + SnapshotNames().back();
  ASSERT_TRUE(disk().Corrupt(newest, 30, "????").ok());
  ASSERT_EQ(Open(), Status::Ok());
  EXPECT_EQ(storage_->snapshot->data, "content at 10");
  EXPECT_THAT(storage_->broken_snapshots, ElementsAre(newest + ".broken"));
  EXPECT_TRUE(disk().Exists(newest + ".broken"));
  ExpectEntries(11, 30);
}

TEST_F(SnapshotTest, AnEmptyFileIsSetAsideToo) {
  CreateAndOpen();
  AppendMany(1, 30);
  ASSERT_EQ(Take(10), Status::Ok());
  ASSERT_TRUE(disk()
                  .Open(options_.snapshot_directory() + "/0000000000000009-0000000000000009.snap",
                        {.mode = OpenMode::kCreate})
                  .ok());
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  EXPECT_EQ(storage_->snapshot->data, "content at 10");
}

TEST_F(SnapshotTest, AFailedSaveLeavesNoFile) {
  CreateAndOpen();
  AppendMany(1, 30);
  EXPECT_EQ(Save(10, [] { return true; }).code(), Code::kCancelled);
  disk().FailSyncs(1);
  EXPECT_EQ(Save(10).code(), Code::kDataLoss);
  EXPECT_THAT(SnapshotNames(), SizeIs(0));
}

TEST_F(SnapshotTest, ALogThatBeginsAfterTheSnapshotIsRefused) {
  CreateAndOpen();
  AppendMany(1, 60, 1000);
  ASSERT_EQ(Take(55), Status::Ok());
  Close();
  ASSERT_TRUE(disk().Remove(options_.snapshot_directory() + "/" + SnapshotNames()[0]).ok());
  const Status status = Open();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), testing::HasSubstr("begins at"));
}

TEST_F(SnapshotTest, TheWrongKeyOpensNothingAndHarmsNothing) {
  CreateAndOpen();
  AppendMany(1, 30);
  ASSERT_EQ(Take(20), Status::Ok());
  Close();
  options_.key = "other";
  EXPECT_EQ(Open().code(), Code::kUnauthenticated);
  options_.key = "key";
  ASSERT_EQ(Open(), Status::Ok());
  ExpectEntries(21, 30);
}

// What was replaced before the key changed lies in the file still, and needs no key.
TEST_F(SnapshotTest, EntriesThatWereReplacedDoNotNeedTheOldKey) {
  CreateAndOpen();
  AppendMany(1, 20);
  AppendMany(5, 8);
  log().UseKey("new");
  snapshots().UseKey("new");
  AppendMany(9, 12);
  ASSERT_EQ(Take(8), Status::Ok());
  Close();
  options_.key = "new";
  ASSERT_EQ(Open(), Status::Ok());
  ExpectEntries(9, 12);
}

// Pinned upstream: with keys mixed neither opens alone, both together do; a snapshot finishes it.
TEST_F(SnapshotTest, RotationNeedsBothKeysUntilASnapshotCoversTheOld) {
  CreateAndOpen();
  AppendMany(1, 10);
  log().UseKey("new");
  snapshots().UseKey("new");
  KeyRotation rotation;
  rotation.Begin(log().last_index(), Index(0));
  AppendMany(10, 20);
  Close();
  options_.key = "new";
  EXPECT_EQ(Open().code(), Code::kUnauthenticated);
  options_.key = "key";
  EXPECT_EQ(Open().code(), Code::kUnauthenticated);
  options_.pending_key = "new";
  ASSERT_EQ(Open(), Status::Ok());
  EXPECT_TRUE(storage_->needs_old_key);
  ExpectEntries(1, 20);

  EXPECT_FALSE(rotation.NeedsSnapshot(Index(8)));
  EXPECT_TRUE(rotation.NeedsSnapshot(Index(15)));
  ASSERT_EQ(Take(15), Status::Ok());
  EXPECT_TRUE(rotation.OnSnapshot(Index(15)));
  EXPECT_FALSE(rotation.active());
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  EXPECT_FALSE(storage_->needs_old_key) << "the pending key alone will do";
  Close();
  options_.key = "new";
  options_.pending_key = "";
  ASSERT_EQ(Open(), Status::Ok());
  ExpectEntries(16, 20);
}

TEST_F(SnapshotTest, EraseLeavesNothing) {
  CreateAndOpen();
  AppendMany(1, 10);
  ASSERT_EQ(Take(5), Status::Ok());
  Close();
  ASSERT_EQ(EraseStorage(disk(), options_), Status::Ok());
  EXPECT_FALSE(StorageExists(disk(), options_));
  EXPECT_THAT(disk().List(options_.directory).value(), SizeIs(0));
}

}  // namespace
}  // namespace swarm::wal
