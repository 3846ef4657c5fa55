// What lies in the state folder, and whose folders are taken.
#include <gmock/gmock.h>

#include "etcd/raftpb.pb.h"
#include "fakes/instance_context.h"
#include "make_standalone.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/snapshot.pb.h"
#include "wal/record.h"

namespace swarm::standalone {
namespace {

namespace v1 = docker::swarmkit::v1;
using conformance::ConsensusFactory;
using conformance::ConsensusRig;
using consensus::ReadOptions;
using consensus::SnapshotHead;
using consensus::SplitSnapshot;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const ConsensusFactory kFactory{"standalone", &MakeStandalone};
constexpr char kLogFile[] = "/state/raft/wal-v3-encrypted/0000000000000000-0000000000000000.wal";

class StandaloneTest : public testing::Test {
 protected:
  StandaloneTest() : rig_(kFactory, 1) {
    storage_.directory = "/state/raft";
    storage_.key = rig_.setup.node.log_key;
  }

  // One line a record.
  std::vector<std::string> Records() {
    const std::string bytes = ReadFile(rig_.machine().disk(), kLogFile).value();
    std::string_view rest = bytes;
    std::vector<std::string> lines;
    wal::Unsealer unsealer({storage_.key}, false);
    while (true) {
      const wal::Parsed parsed = wal::ParseRecord(rest);
      if (parsed.outcome != wal::ParseOutcome::kRecord) return lines;
      lines.push_back(Describe(parsed.record, unsealer));
      rest.remove_prefix(parsed.frame_size);
    }
  }

  static std::string Describe(const wal::Record& record, wal::Unsealer& unsealer) {
    const auto text = [](auto number) { return std::to_string(number.value()); };
    switch (record.type) {
      case wal::RecordType::kCrc:
        return "crc";
      case wal::RecordType::kMetadata:
        return "metadata";
      case wal::RecordType::kSnapshot:
        return "snapshot " + text(wal::DecodeSnapshotMark(record.data)->index);
      case wal::RecordType::kHardState: {
        const wal::HardState state = *wal::DecodeHardState(record.data);
        return "state " + text(state.term) + (state.vote.value() == 0 ? " 0 " : " self ") +
               text(state.commit);
      }
      case wal::RecordType::kEntry:
        break;
    }
    const wal::Entry entry = *wal::DecodeEntry(record.data);
    const std::string data = unsealer.Unseal(entry.data).value();
    return "entry " + text(entry.term) + " " + text(entry.index) +
           (entry.type == wal::EntryType::kConfChange ? " change" : "") +
           (data.empty() ? " empty" : "");
  }

  // A log as another manager would leave it: two members, `committed` of its entries committed.
  void WriteGroupOfTwo(std::uint64_t committed) {
    VirtualDisk& disk = rig_.machine().disk();
    v1::RaftMember self;
    self.set_raft_id(11);
    ASSERT_EQ(wal::CreateStorage(disk, storage_, self.SerializeAsString()), Status::Ok());
    wal::Storage storage = *wal::OpenStorage(rig_.machine().runtime(), storage_);
    std::vector<std::string> data;
    for (const std::uint64_t id : {11U, 22U}) {
      v1::RaftMember member;
      member.set_raft_id(id);
      data.push_back(consensus::AddMemberChange(member));
    }
    for (const char* name : {"a", "b", "c"}) data.push_back(conformance::ChangesOf(name));
    std::vector<wal::EntryView> entries;
    for (std::size_t i = 0; i < data.size(); ++i) {
      entries.push_back({Term(5),
                         Index(i + 1),
                         i < 2 ? wal::EntryType::kConfChange : wal::EntryType::kNormal,
                         data[i],
                         {}});
    }
    ASSERT_EQ(storage.log->Append({Term(5), RaftId(22), Index(committed)}, entries, true),
              Status::Ok());
    storage.log->Close();
  }

  ConsensusRig rig_;
  wal::StorageOptions storage_;
};

TEST_F(StandaloneTest, AFreshLogIsWhatASingleManagerOfSwarmKitWrites) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Shutdown();
  EXPECT_THAT(Records(), ElementsAre("crc", "metadata", "snapshot 0", "entry 1 1 change",
                                     "state 1 0 1", "entry 2 2 empty", "state 2 self 2"));
}

TEST_F(StandaloneTest, TheFirstEntryAddsTheMemberThatTheMetadataNames) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const Member shown = rig_.consensus().Members().at(0);
  rig_.Shutdown();
  wal::Storage storage = *wal::OpenStorage(rig_.machine().runtime(), storage_);
  raftpb::ConfChange change;
  ASSERT_TRUE(change.ParseFromString(storage.contents.entries.at(0).data));
  EXPECT_EQ(change.context(), storage.contents.metadata);
  EXPECT_EQ(change.type(), raftpb::ConfChangeAddNode);
  EXPECT_TRUE(change.has_id());
  v1::RaftMember self;
  ASSERT_TRUE(self.ParseFromString(change.context()));
  EXPECT_EQ(self.raft_id(), change.node_id());
  EXPECT_EQ(RaftId(self.raft_id()), shown.raft_id);
  EXPECT_EQ(self.node_id(), "node-1");
  EXPECT_EQ(self.addr(), "127.0.0.1:4242");
  EXPECT_TRUE(self.has_status());
}

TEST_F(StandaloneTest, EachStartBeginsATermWithAnEmptyEntry) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(1);
  rig_.Shutdown();
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Shutdown();
  const std::vector<std::string> records = Records();
  ASSERT_EQ(records.size(), 11U);
  EXPECT_EQ(records[7], "entry 2 3");
  EXPECT_EQ(records[8], "state 2 self 3");
  EXPECT_EQ(records[9], "entry 3 4 empty");
  EXPECT_EQ(records[10], "state 3 self 4");
}

TEST_F(StandaloneTest, RequestsCarryRisingIdsInFrontOfTheChanges) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(3);
  rig_.Shutdown();
  wal::Storage storage = *wal::OpenStorage(rig_.machine().runtime(), storage_);
  std::uint64_t last = 0;
  for (std::size_t i = 2; i < 5; ++i) {
    v1::InternalRaftRequest request;
    ASSERT_TRUE(request.ParseFromString(storage.contents.entries.at(i).data));
    EXPECT_GT(request.id(), last);
    EXPECT_LT(request.id(), 1ULL << 48);
    last = request.id();
    request.clear_id();
    EXPECT_EQ(request.SerializeAsString(), conformance::ChangesOf(rig_.proposed()[i - 2]));
  }
}

TEST_F(StandaloneTest, RefusesTheLogOfALargerGroup) {
  WriteGroupOfTwo(4);
  const Status status = rig_.Boot();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("/state/raft"));
  EXPECT_THAT(status.message(), HasSubstr("group of 2 managers"));
}

// Pinned upstream: only itself is left, and the data is kept. The newest was acknowledged, perhaps,
// though the log does not say so.
TEST_F(StandaloneTest, ForcedToGoOnAloneItKeepsWhatItHas) {
  WriteGroupOfTwo(4);
  rig_.setup.node.force_new_cluster = true;
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  EXPECT_THAT(rig_.state().Names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(rig_.consensus().Members().size(), 1U);
  EXPECT_EQ(rig_.consensus().Members()[0].raft_id, RaftId(11));
  rig_.Shutdown();
  rig_.setup.node.force_new_cluster = false;
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  EXPECT_THAT(rig_.state().Names(), ElementsAre("a", "b", "c"));
}

TEST_F(StandaloneTest, ASnapshotHoldsMembershipAndStore) {
  rig_.setup.snapshot_interval = 5;
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const RaftId self = rig_.consensus().Members()[0].raft_id;
  rig_.Commit(6);
  rig_.Settle();
  rig_.Shutdown();
  wal::Storage storage = *wal::OpenStorage(rig_.machine().runtime(), storage_);
  ASSERT_TRUE(storage.snapshot);
  EXPECT_THAT(storage.snapshot->voters, ElementsAre(self));
  EXPECT_EQ(storage.snapshot->mark.term, Term(2));
  v1::Snapshot content;
  ASSERT_TRUE(content.ParseFromString(storage.snapshot->data));
  EXPECT_EQ(content.version(), v1::Snapshot::V0);
  ASSERT_EQ(content.membership().members_size(), 1);
  EXPECT_EQ(RaftId(content.membership().members(0).raft_id()), self);
  EXPECT_EQ(content.store().nodes_size(), 6);
}

TEST_F(StandaloneTest, APendingKeyTakesOverWithASnapshot) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(3);
  rig_.Shutdown();
  rig_.setup.node.log_key_pending = std::string(32, 'n');
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(2);
  rig_.Settle();
  const std::vector<std::string> names = rig_.state().Names();
  rig_.Shutdown();
  rig_.setup.node.log_key = rig_.setup.node.log_key_pending;
  rig_.setup.node.log_key_pending = "";
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  EXPECT_EQ(rig_.state().Names(), names);
}

TEST_F(StandaloneTest, TheWrongKeyIsAClearError) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Shutdown();
  rig_.setup.node.log_key = "other";
  const Status status = rig_.Boot();
  EXPECT_EQ(status.code(), Code::kUnauthenticated);
  EXPECT_THAT(status.message(), HasSubstr("cannot decrypt"));
  EXPECT_THAT(status.message(), HasSubstr(kLogFile));
}

TEST_F(StandaloneTest, ASnapshotOfAnotherVersionIsRefused) {
  std::string data = SnapshotHead({}, 0);
  EXPECT_TRUE(SplitSnapshot(data).ok());
  data += "\x08\x07";
  EXPECT_THAT(SplitSnapshot(data).status().message(), HasSubstr("unrecognized snapshot version 7"));
}

TEST(StandaloneFatalTest, ADiskThatFailsIsReportedOnce) {
  std::vector<Status> reports;
  const ConsensusFactory factory{
      "standalone", [&](Runtime& runtime, const conformance::ConsensusSetup& setup) {
        return MakeStandaloneWith(runtime, setup,
                                  [&](Status why) { reports.push_back(std::move(why)); });
      }};
  ConsensusRig rig(factory, 1);
  ASSERT_EQ(rig.Boot(), Status::Ok());
  rig.Commit(3);
  EXPECT_THAT(reports, IsEmpty());
  rig.Open();
  rig.machine().disk().FailSyncs(1000);
  rig.Propose();
  rig.Propose();
  ASSERT_TRUE(rig.RunUntil([&] { return !reports.empty(); }));
  rig.Settle();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_THAT(reports[0].message(), HasSubstr("/state/raft"));
  EXPECT_THAT(reports[0].message(), HasSubstr("check the disk"));
  rig.machine().disk().FailSyncs(0);
  rig.Shutdown();
}

TEST_F(StandaloneTest, StartWithoutAStoreIsRefused) {
  const auto instance = MakeStandalone(rig_.machine().runtime(), rig_.setup);
  std::optional<Status> started;
  instance->Start([&](Status status) { started = std::move(status); });
  ASSERT_TRUE(rig_.RunUntil([&] { return started.has_value(); }));
  EXPECT_EQ(started->code(), Code::kFailedPrecondition);
}

TEST_F(StandaloneTest, SettingsAndNodeBecomeOptions) {
  const Settings settings = fakes::SettingReader::Read(
      kSettings, {{"snapshot_interval", "20"}, {"segment_bytes", "1MiB"}, {"fips", "true"}});
  const Options options = ReadOptions(settings, rig_.setup.node);
  EXPECT_EQ(options.snapshot_interval, 20U);
  EXPECT_EQ(options.storage.segment_bytes, 1U << 20);
  EXPECT_EQ(options.storage.scheme, wal::Scheme::kFernet);
  EXPECT_EQ(options.storage.directory, "/state/raft");
  EXPECT_EQ(options.log_entries_for_slow_followers, 500U);
}

}  // namespace
}  // namespace swarm::standalone
