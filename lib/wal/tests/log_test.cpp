#include <gmock/gmock.h>

#include <set>

#include "log_fixture.h"

namespace swarm::wal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kFirst[] = "0000000000000000-0000000000000000.wal";

class LogTest : public LogFixture {
 protected:
  // Where the last record lies in the first file: the end of the data.
  std::uint64_t EndOfData(const std::string& name = kFirst) {
    const std::string bytes = ReadFile(disk(), PathOf(name)).value();
    std::uint64_t end = 0;
    while (true) {
      const Parsed parsed = ParseRecord(std::string_view(bytes).substr(end));
      if (parsed.outcome != ParseOutcome::kRecord) return end;
      end += parsed.frame_size;
    }
  }
  void Overwrite(std::uint64_t offset, const std::string& bytes, const std::string& name = kFirst) {
    ASSERT_TRUE(disk().Corrupt(PathOf(name), offset, bytes).ok());
  }
  void Cut(std::uint64_t size, const std::string& name = kFirst) {
    auto file = disk().Open(PathOf(name), {.mode = OpenMode::kWrite}).value();
    ASSERT_TRUE(file->Truncate(size).ok());
    ASSERT_TRUE(file->Sync().ok());
  }
};

// A leader's snapshot may come in place of entries that the group never agreed on.
TEST_F(LogTest, WhatALeadersSnapshotReplacedDoesNotComeBack) {
  CreateAndOpen();
  AppendMany(1, 6);
  const RaftId voter(7);
  const SnapshotMark of_another_term{Index(3), Term(2)};
  ASSERT_EQ(log().MarkSnapshot(of_another_term, {&voter, 1}), Status::Ok());
  ASSERT_EQ(snapshots().Save({of_another_term, {&voter, 1}, "state", ""}, [] { return false; }),
            Status::Ok());
  ASSERT_EQ(log().Append({Term(2), voter, Index(3)}, {}, true), Status::Ok());
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  EXPECT_THAT(entries(), IsEmpty());
  ASSERT_EQ(Append(4, "new", true, 2), Status::Ok());
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  ASSERT_THAT(entries(), SizeIs(1));
  EXPECT_EQ(entries()[0].data, "new");
}

// But one of the log's own state leaves what follows it.
TEST_F(LogTest, WhatFollowsAnOwnSnapshotStays) {
  CreateAndOpen();
  AppendMany(1, 6);
  const RaftId voter(7);
  const SnapshotMark own{Index(3), Term(1)};
  ASSERT_EQ(log().MarkSnapshot(own, {&voter, 1}), Status::Ok());
  ASSERT_EQ(snapshots().Save({own, {&voter, 1}, "state", ""}, [] { return false; }), Status::Ok());
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  ExpectEntries(4, 6);
}

TEST_F(LogTest, HoldsNothingAtFirst) {
  EXPECT_FALSE(StorageExists(disk(), options_));
  CreateAndOpen();
  EXPECT_TRUE(StorageExists(disk(), options_));
  EXPECT_EQ(storage_->contents.metadata, "metadata");
  EXPECT_TRUE(storage_->contents.hard_state.empty());
  EXPECT_THAT(entries(), IsEmpty());
  EXPECT_FALSE(storage_->snapshot);
  EXPECT_THAT(LogFiles(), ElementsAre(kFirst));
}

// Otherwise the new log could vanish with what is written to it.
TEST_F(LogTest, CreateMakesEveryFolderDurable) {
  std::set<std::string> synced;
  disk().OnSync([&](std::uint64_t, std::string_view path) {
    synced.emplace(path);
    return true;
  });
  ASSERT_EQ(Create(), Status::Ok());
  EXPECT_THAT(synced,
              testing::IsSupersetOf({"/state", "/state/raft", "/state/raft/wal-v3-encrypted.tmp"}));
}

TEST_F(LogTest, OpeningAnEmptyFolderFails) {
  ASSERT_TRUE(disk().CreateDirectory(options_.log_directory(), 0700).ok());
  EXPECT_EQ(Open().code(), Code::kDataLoss);
}

TEST_F(LogTest, NeedsAKey) {
  ASSERT_EQ(Create(), Status::Ok());
  options_.key = "";
  EXPECT_EQ(Open().code(), Code::kInvalidArgument);
}

TEST_F(LogTest, ReadsBackWhatWasAppended) {
  CreateAndOpen();
  AppendMany(1, 20);
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  ExpectEntries(1, 20);
  EXPECT_EQ(storage_->contents.hard_state, (HardState{Term(1), RaftId(7), Index(19)}));
  AppendMany(20, 25);
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  ExpectEntries(1, 25);
}

TEST_F(LogTest, EmptyDataComesBackAsNone) {
  CreateAndOpen();
  ASSERT_EQ(Append(1, ""), Status::Ok());
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  ASSERT_THAT(entries(), SizeIs(1));
  EXPECT_EQ(entries()[0].data, "");
}

TEST_F(LogTest, ManyEntriesAreOneWriteAndOneSync) {
  CreateAndOpen();
  std::vector<EntryView> views;
  const std::string data = "data";
  for (std::uint64_t i = 1; i <= 50; ++i) {
    views.push_back({Term(1), Index(i), EntryType::kNormal, data, {}});
  }
  const std::uint64_t before = disk().sync_count();
  ASSERT_EQ(log().Append({Term(1), RaftId(7), Index(50)}, views, true), Status::Ok());
  EXPECT_EQ(disk().sync_count(), before + 1);
}

TEST_F(LogTest, AnEntryReplacesThoseFromItsIndexOn) {
  CreateAndOpen();
  AppendMany(1, 6);
  const EntryView entry{Term(2), Index(3), EntryType::kNormal, "other", {}};
  ASSERT_EQ(log().Append({Term(2), RaftId(7), Index(2)}, {&entry, 1}, true), Status::Ok());
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  ASSERT_THAT(entries(), SizeIs(3));
  EXPECT_EQ(entries()[2].data, "other");
  EXPECT_EQ(entries()[2].term, Term(2));
}

TEST_F(LogTest, WithoutSyncNothingReachesTheDiskUntilCloseOrTheNextSync) {
  CreateAndOpen();
  const std::uint64_t before = disk().sync_count();
  ASSERT_EQ(log().Append({Term(1), RaftId(7), Index(0)}, {}, false), Status::Ok());
  EXPECT_EQ(disk().sync_count(), before);
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  EXPECT_EQ(storage_->contents.hard_state.term, Term(1));
}

TEST_F(LogTest, BeginsANewFileOnceOneIsFull) {
  CreateAndOpen();
  AppendMany(1, 60, 1000);
  EXPECT_GE(LogFiles().size(), 4U);
  EXPECT_THAT(disk().List(options_.log_directory()).value(),
              testing::Not(testing::Contains(testing::EndsWith(".tmp"))));
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  ExpectEntries(1, 60, 1000);
  EXPECT_EQ(LogFiles()[1].substr(0, 17), "0000000000000001-");
}

TEST_F(LogTest, FilesPreparedAheadChangeNothing) {
  CreateAndOpen();
  for (std::uint64_t i = 1; i < 60; ++i) {
    ASSERT_EQ(Append(i, DataOf(i, 1000)), Status::Ok());
    for (int k = 0; k < 20 && log().WantsPreparation(); ++k) log().Prepare(1000);
    EXPECT_FALSE(log().WantsPreparation());
  }
  Close();
  ASSERT_EQ(Open(), Status::Ok());
  ExpectEntries(1, 60, 1000);
}

TEST_F(LogTest, TwoCannotHaveItOpen) {
  CreateAndOpen();
  const Result<Storage> second = OpenStorage(machine_.runtime(), options_);
  EXPECT_EQ(second.status().code(), Code::kFailedPrecondition);
}

// Pinned upstream: a log of five small entries, cut at byte 300 or 200, is mended once.
TEST_F(LogTest, RepairsALogThatEndsInsideOfARecord) {
  for (const std::uint64_t size : {300U, 200U}) {
    ASSERT_TRUE(disk().RemoveAll("/state/raft").ok());
    CreateAndOpen();
    AppendMany(1, 6, 20);
    Close();
    Cut(size);
    ASSERT_EQ(Open(), Status::Ok()) << size;
    EXPECT_LT(entries().size(), 5U);
    EXPECT_EQ(storage_->contents.broken_copy, PathOf(kFirst) + ".broken");
    EXPECT_EQ(ReadFile(disk(), storage_->contents.broken_copy)->size(), size);
    const std::uint64_t next = entries().size() + 1;
    ASSERT_EQ(Append(next, "more"), Status::Ok());
    Close();
    ASSERT_EQ(Open(), Status::Ok());
    EXPECT_EQ(storage_->contents.broken_copy, "");
    EXPECT_EQ(entries().back().data, "more");
    Close();
  }
}

TEST_F(LogTest, RefusesADamagedMiddleNamingFileAndOffset) {
  CreateAndOpen();
  AppendMany(1, 4);
  const std::uint64_t offset = EndOfData();
  AppendMany(4, 8);
  Close();
  const std::string before = ReadFile(disk(), PathOf(kFirst)).value();
  Overwrite(offset + 60, std::string(1, static_cast<char>(before[offset + 60] ^ 4)));
  const Status status = Open();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr(PathOf(kFirst)));
  EXPECT_THAT(status.message(), HasSubstr("offset " + std::to_string(offset)));
  EXPECT_THAT(status.message(), HasSubstr("checksum"));
  EXPECT_EQ(ReadFile(disk(), PathOf(kFirst))->size(), before.size()) << "nothing is cut off";
}

TEST_F(LogTest, RefusesADamagedLengthWordInsteadOfDroppingWhatFollows) {
  CreateAndOpen();
  AppendMany(1, 4);
  const std::uint64_t offset = EndOfData();
  AppendMany(4, 8);
  Close();
  Overwrite(offset + 1, "\x20");  // 8 KiB more: over the other records into the zeros
  EXPECT_EQ(Open().code(), Code::kDataLoss);
}

TEST_F(LogTest, RefusesATornEndInAFileThatIsNotTheLast) {
  CreateAndOpen();
  AppendMany(1, 40, 1000);
  Close();
  const std::uint64_t end = EndOfData();
  Cut(end - 100);
  EXPECT_EQ(Open().code(), Code::kDataLoss);
}

TEST_F(LogTest, RefusesAMissingFile) {
  CreateAndOpen();
  AppendMany(1, 60, 1000);
  const std::vector<std::string> files = LogFiles();
  ASSERT_GE(files.size(), 3U);
  Close();
  ASSERT_TRUE(disk().Remove(PathOf(files[1])).ok());
  const Status status = Open();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("missing"));
}

TEST_F(LogTest, ReadsRangesWhileItIsOpen) {
  CreateAndOpen();
  AppendMany(1, 60, 1000);
  Unsealer unsealer({"key"}, false);
  const auto range = ReadEntries(disk(), options_.log_directory(), unsealer, Index(30), Index(40));
  ASSERT_TRUE(range.ok()) << range.status();
  ASSERT_THAT(*range, SizeIs(10));
  EXPECT_EQ(range->front().data, DataOf(31, 1000));
  EXPECT_EQ(range->back().index, Index(40));
  EXPECT_EQ(
      ReadEntries(disk(), options_.log_directory(), unsealer, Index(50), Index(70)).status().code(),
      Code::kOutOfRange);
}

TEST_F(LogTest, AFullDiskLosesOnlyThatCall) {
  CreateAndOpen();
  AppendMany(1, 5);
  disk().SetCapacity(0);
  Status status;
  std::uint64_t next = 5;
  while ((status = Append(next, DataOf(next, 3000))).ok()) ++next;
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_EQ(Append(next, DataOf(next, 3000)).code(), Code::kResourceExhausted);
  disk().SetCapacity(UINT64_MAX);
  ASSERT_EQ(Append(next, DataOf(next, 3000)), Status::Ok());
  Crash();
  ASSERT_EQ(Open(), Status::Ok());
  ASSERT_THAT(entries(), SizeIs(next));
  EXPECT_EQ(entries().back().data, DataOf(next, 3000));
}

TEST_F(LogTest, AFailedSyncEndsTheLog) {
  CreateAndOpen();
  AppendMany(1, 5);
  disk().FailSyncs(1);
  EXPECT_EQ(Append(5, "x").code(), Code::kDataLoss);
  EXPECT_EQ(Append(5, "x").code(), Code::kDataLoss) << "though the disk works again";
  Crash();
  ASSERT_EQ(Open(), Status::Ok());
  EXPECT_GE(entries().size(), 4U);
}

}  // namespace
}  // namespace swarm::wal
