// Locking and unlocking a running manager: its key file follows the cluster object.
#include "keeper.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fakes/instance_context.h"
#include "fakes/reference_store.h"
#include "founding.h"
#include "identity.h"
#include "pki/key_file.h"
#include "pki/text_keys.h"
#include "swarm/consensus.h"
#include "swarm/simulation.h"

namespace swarm::ca {
namespace {

using std::chrono_literals::operator""s;

// Its log takes as long over a new key as the test wants.
class KeyedConsensus final : public Consensus {
 public:
  void Attach(ReplicatedState&) noexcept override {}
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch) noexcept override { return ProposalEpoch(1); }
  void Propose(ProposalEpoch, Sequence, std::string) noexcept override {}
  LeaderInfo Leader() const noexcept override { return {}; }
  std::vector<Member> Members() const noexcept override { return {}; }
  Index CommitIndex() const noexcept override { return {}; }
  Status TransferLeadership() noexcept override { return Status::Ok(); }
  void ReadLog(Index, Index,
               Function<void(Result<std::vector<CommittedEntry>>)>) noexcept override {}
  void UseLogKey(std::string key, Function<void(Status)> done) noexcept override {
    keys.push_back(std::move(key));
    done_ = std::move(done);
  }
  void Finish(Status outcome) { std::exchange(done_, nullptr)(std::move(outcome)); }

  std::vector<std::string> keys;

 private:
  Function<void(Status)> done_;
};

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() : context_(machine_.runtime()), identities_(context_) {
    const auto identity = identities_.LoadOrCreate(request_);
    EXPECT_TRUE(identity.ok()) << identity.status();
    log_key_ = identities_.LoadLogKeys(request_).value().current;
    context_.node_info.node_id = identity->node_id;
    context_.node_info.cluster_id = identity->cluster_id;
    context_.node_info.state_dir = request_.state_dir;
    context_.Provide<Store>(kStoreRole, store_);
    context_.Provide<IdentityProvider>(kIdentityRole, identities_);
    context_.Provide<Consensus>(kConsensusRole, consensus_);
    simulation_.Settle();
  }
  ~KeeperTest() override {
    keeper_.Stop([] {});
    simulation_.Settle();
  }

  void Start() {
    std::optional<Status> started;
    keeper_.Start([&](Status status) { started = std::move(status); });
    simulation_.Settle();
    ASSERT_TRUE(started && started->ok());
  }
  void Write(TransactionFn fn) {
    std::optional<Result<Index>> done;
    store_.writer()->Update(std::move(fn), [&](Result<Index> r) { done = std::move(r); });
    simulation_.Settle();
    ASSERT_TRUE(done && done->ok()) << done->status();
  }
  void Found() { Write(FoundingTransaction(context_.node_info, simulation_.random())); }
  void SetUnlockKey(const std::string& key) {
    Write([&](Transaction& tx) {
      auto cluster = std::make_shared<pb::Cluster>(*FindCluster(tx));
      cluster->clear_unlock_keys();
      if (!key.empty()) {
        cluster->add_unlock_keys()->set_subsystem("swarm-manager");
        cluster->mutable_unlock_keys(0)->set_key(key);
      }
      return tx.Update(std::move(cluster));
    });
  }
  Status Change(const std::string& key, std::uint64_t version) {
    std::optional<Status> changed;
    identities_.ChangeUnlockKey("/state", key, version, [&](Status s) { changed = std::move(s); });
    simulation_.Settle();
    return changed.value_or(Status(Code::kDeadlineExceeded, "no answer"));
  }
  std::string KeyText() {
    return ReadFile(machine_.disk(), "/state/certificates/swarm-node.key").value();
  }
  // What a process that starts with this unlock key gets.
  Result<LogKeys> Restarted(const std::string& key) {
    fakes::FakeContext context(machine_.runtime());
    Identities fresh(context);
    IdentityRequest request = request_;
    if (!key.empty()) request.unlock_key = pki::FormatUnlockKey(key);
    SWARM_ASSIGN_OR_RETURN([[maybe_unused]] const NodeIdentity identity,
                           fresh.LoadOrCreate(request));
    return fresh.LoadLogKeys(request);
  }

  const std::string one_ = std::string(32, '1');
  const std::string two_ = std::string(32, '2');
  Simulation simulation_{3};
  Machine& machine_ = simulation_.AddMachine("m");
  const IdentityRequest request_{"/state", "", "", ""};
  fakes::FakeContext context_;
  Identities identities_;
  fakes::ReferenceStore store_{machine_.runtime()};
  KeyedConsensus consensus_;
  Keeper keeper_{context_};
  std::string log_key_;
};

TEST_F(KeeperTest, AnUnlockedClusterLeavesTheKeyPlain) {
  Found();
  const std::string before = KeyText();
  Start();
  EXPECT_EQ(KeyText(), before);
}

TEST_F(KeeperTest, ANewClusterWithAutoLockEncryptsTheKey) {
  context_.node_info.auto_lock = true;
  Start();
  Found();
  const std::string key = FindCluster(*store_.Read())->unlock_keys(0).key();
  EXPECT_EQ(Restarted("").status().code(), Code::kUnauthenticated);
  EXPECT_EQ(Restarted(key).value().current, log_key_);
}

TEST_F(KeeperTest, FollowsLockingNewKeysAndUnlocking) {
  Found();
  Start();
  SetUnlockKey(one_);
  EXPECT_NE(KeyText().find("ENCRYPTED PRIVATE KEY"), std::string::npos);
  EXPECT_EQ(Restarted(one_).value().current, log_key_);
  const pki::KeyFile locked = pki::KeyFile::Parse(KeyText(), one_).value();
  EXPECT_EQ(locked.KekVersion(), FindCluster(*store_.Read())->meta().version().index());
  EXPECT_TRUE(locked.headers.contains("raft-dek-pending"));
  SetUnlockKey(two_);
  EXPECT_EQ(Restarted(one_).status().code(), Code::kUnauthenticated);
  EXPECT_EQ(Restarted(two_).value().current, log_key_);
  SetUnlockKey("");
  EXPECT_EQ(KeyText().find("ENCRYPTED"), std::string::npos);
  EXPECT_EQ(Restarted("").value().current, log_key_);
}

// Pinned by SwarmKit: locking replaces the key of the log, which lay open; a change of the unlock
// key and unlocking do not.
TEST_F(KeeperTest, LockingReplacesTheKeyOfTheLog) {
  Found();
  Start();
  EXPECT_TRUE(consensus_.keys.empty());
  SetUnlockKey(one_);
  ASSERT_EQ(consensus_.keys.size(), 1U);
  EXPECT_NE(consensus_.keys[0], log_key_);
  EXPECT_EQ(Restarted(one_)->current, log_key_) << "the log has entries with the old key still";
  EXPECT_EQ(Restarted(one_)->pending, consensus_.keys[0]);
  SetUnlockKey(two_);
  EXPECT_EQ(Restarted(two_)->pending, consensus_.keys[0]);
  consensus_.Finish(Status::Ok());
  simulation_.Settle();
  EXPECT_EQ(Restarted(two_)->current, consensus_.keys[0]);
  EXPECT_EQ(Restarted(two_)->pending, "");
  SetUnlockKey(one_);
  SetUnlockKey("");
  EXPECT_EQ(consensus_.keys.size(), 1U);
  EXPECT_EQ(Restarted("")->current, consensus_.keys[0]);
}

TEST_F(KeeperTest, AKeyThatLayOpenAgainMeanwhileIsReplacedAgain) {
  Found();
  Start();
  SetUnlockKey(one_);
  SetUnlockKey("");
  SetUnlockKey(two_);
  ASSERT_EQ(consensus_.keys.size(), 1U);
  consensus_.Finish(Status::Ok());
  simulation_.Settle();
  ASSERT_EQ(consensus_.keys.size(), 2U);
  consensus_.Finish(Status::Ok());
  simulation_.Settle();
  EXPECT_EQ(consensus_.keys.size(), 2U);
  EXPECT_EQ(Restarted(two_)->current, consensus_.keys[1]);
  EXPECT_FALSE(Restarted(two_)->rotation_wanted);
}

// The process ended in the middle of it.
TEST_F(KeeperTest, GoesOnWithAReplacementThatWasBegun) {
  identities_.SaveLogKeys("/state", {log_key_, std::string(32, 'p'), false}, [](Status) {});
  simulation_.Settle();
  Found();
  Start();
  ASSERT_EQ(consensus_.keys, std::vector{std::string(32, 'p')});
  consensus_.Finish(Status::Ok());
  simulation_.Settle();
  EXPECT_EQ(Restarted("")->current, std::string(32, 'p'));
}

TEST_F(KeeperTest, AReplacementThatFailsIsTriedAgainUnlessTheLogHasNoKey) {
  Found();
  Start();
  SetUnlockKey(one_);
  consensus_.Finish(Status(Code::kUnavailable, "not now"));
  simulation_.RunFor(11s);
  ASSERT_EQ(consensus_.keys.size(), 2U);
  EXPECT_EQ(consensus_.keys[1], consensus_.keys[0]);
  consensus_.Finish(Status(Code::kUnimplemented, "no log"));
  simulation_.RunFor(60s);
  EXPECT_EQ(consensus_.keys.size(), 2U);
}

// The key was changed while this manager was down.
TEST_F(KeeperTest, CatchesUpAtTheStart) {
  Found();
  SetUnlockKey(one_);
  EXPECT_TRUE(Restarted("").ok());
  Start();
  EXPECT_EQ(Restarted(one_).value().current, log_key_);
}

TEST_F(KeeperTest, TriesAgainWhenTheDiskWasFull) {
  Found();
  Start();
  machine_.disk().SetCapacity(0);
  SetUnlockKey(one_);
  EXPECT_EQ(KeyText().find("ENCRYPTED"), std::string::npos);
  EXPECT_TRUE(Restarted("").ok()) << "the old file is whole";
  machine_.disk().SetCapacity(1 << 20);
  simulation_.RunFor(11s);
  EXPECT_EQ(Restarted(one_).value().current, log_key_);
}

TEST_F(KeeperTest, OldVersionsChangeNothingAndTwoKeysOfOneAreAnError) {
  EXPECT_TRUE(Change(one_, 10).ok());
  EXPECT_TRUE(Change(two_, 9).ok());
  EXPECT_TRUE(Change(one_, 20).ok());
  EXPECT_EQ(pki::KeyFile::Parse(KeyText(), one_).value().KekVersion(), 10U);
  EXPECT_EQ(Change(two_, 10).code(), Code::kFailedPrecondition);
  EXPECT_TRUE(Restarted(one_).ok());
}

}  // namespace
}  // namespace swarm::ca
