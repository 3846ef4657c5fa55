// The same on threads and the machine's disk.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "conformance/consensus_suite.h"
#include "runtime/production.h"
#include "standalone.h"

namespace swarm::standalone {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kInFlight = 64;
constexpr std::size_t kChangeBytes = 1000;

// Keeps kInFlight proposals under way until all are committed.
class Proposer final : public ReplicatedState {
 public:
  void Use(Consensus& consensus) { consensus_ = &consensus; }

  void OnCommitted(std::vector<CommittedEntry> entries) noexcept override {
    const std::lock_guard lock(mutex_);
    for (const CommittedEntry& entry : entries) {
      if (entry.epoch.value() == 0) {
        replayed_ += conformance::NamesIn(entry.data).size();
        continue;
      }
      EXPECT_EQ(entry.sequence.value(), ++committed_);
      if (proposed_ < wanted_) ProposeNext();
    }
    changed_.notify_all();
  }
  void OnRestore(StoreImage image) noexcept override { restored_ = image.index; }
  void OnLeader(LeaderEpoch epoch, Index) noexcept override {
    const std::lock_guard lock(mutex_);
    leadership_ = epoch;
    changed_.notify_all();
  }
  void OnFollower() noexcept override {}
  void OnRefused(ProposalEpoch, Sequence, Status why) noexcept override { ADD_FAILURE() << why; }
  void Capture(Function<void(Result<StoreImage>)> done) noexcept override {
    done(StoreImage{consensus_->CommitIndex(), ""});
  }

  void WaitForLeadership() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30),
                                  [this] { return leadership_.value() != 0; }));
  }
  void Run(std::uint64_t count) {
    std::unique_lock lock(mutex_);
    epoch_ = consensus_->OpenEpoch(leadership_).value();
    wanted_ = count;
    changes_ = conformance::ChangesOf(std::string(kChangeBytes, 'n'));
    while (proposed_ < std::min(count, kInFlight)) ProposeNext();
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60),
                                  [this] { return committed_ == wanted_; }));
  }
  std::uint64_t replayed() const { return replayed_; }
  Index restored() const { return restored_; }

 private:
  void ProposeNext() { consensus_->Propose(epoch_, Sequence(++proposed_), changes_); }

  Consensus* consensus_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  LeaderEpoch leadership_;
  ProposalEpoch epoch_;
  std::string changes_;
  std::uint64_t wanted_ = 0;
  std::uint64_t proposed_ = 0;
  std::uint64_t committed_ = 0;
  std::uint64_t replayed_ = 0;
  Index restored_;
};

class ProductionTest : public testing::Test {
 protected:
  ProductionTest() {
    std::string name = testing::TempDir() + "standalone-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~ProductionTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Standalone> Start(Runtime& runtime, Proposer& proposer,
                                    std::uint64_t snapshot_interval) {
    Options options;
    options.storage.directory = folder_ + "/raft";
    options.storage.key = std::string(32, 'k');
    options.node_id = "node";
    options.snapshot_interval = snapshot_interval;
    auto standalone = std::make_unique<Standalone>(runtime, options, Logger());
    proposer.Use(*standalone);
    standalone->Attach(proposer);
    standalone->Start([](const Status& status) { EXPECT_EQ(status, Status::Ok()); });
    proposer.WaitForLeadership();
    return standalone;
  }

  std::string folder_;
};

TEST_F(ProductionTest, CommitsAndReplaysOnTheMachinesDisk) {
  constexpr std::uint64_t kCount = 3000;
  const std::unique_ptr<Runtime> runtime = MakeRuntime();
  {
    Proposer proposer;
    const auto standalone = Start(*runtime, proposer, 0);
    const auto start = steady_clock::now();
    proposer.Run(kCount);
    const std::chrono::duration<double> took = steady_clock::now() - start;
    std::cout << kCount << " proposals of " << kChangeBytes << " bytes, " << kInFlight
              << " under way: " << static_cast<int>(kCount / took.count()) << "/s\n";
  }
  Proposer proposer;
  const auto standalone = Start(*runtime, proposer, 0);
  EXPECT_EQ(proposer.replayed(), kCount);
}

TEST_F(ProductionTest, SnapshotsWhileItCommits) {
  const std::unique_ptr<Runtime> runtime = MakeRuntime();
  {
    Proposer proposer;
    const auto standalone = Start(*runtime, proposer, 100);
    proposer.Run(1500);
  }
  Proposer proposer;
  const auto standalone = Start(*runtime, proposer, 0);
  EXPECT_GT(proposer.restored().value(), 0U);
}

}  // namespace
}  // namespace swarm::standalone
