// The store on real threads: many writers, readers, watchers that come and go.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fakes/memory_consensus.h"
#include "runtime/production.h"
#include "store_impl.h"

namespace swarm::store {
namespace {

constexpr int kWriters = 4;
constexpr int kEach = 300;

// Counts down; waits a bounded time.
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}
  void Down() {
    const std::lock_guard lock(mutex_);
    --left_;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [this] { return left_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int left_;
};

class StoreThreadsTest : public testing::Test {
 protected:
  StoreThreadsTest()
      : runtime_(MakeRuntime()), consensus_(*runtime_), store_(*runtime_, consensus_, Logger()) {}
  ~StoreThreadsTest() override {
    consensus_.Stop();
    store_.Stop();
  }

  void Lead() {
    const auto loop = runtime_->NewLoop("leadership", LoopKind::kShared);
    Countdown leads(1);
    const auto watch = store_.WatchLeadership(*loop, [&](std::optional<LeaderEpoch> epoch) {
      if (epoch) leads.Down();
    });
    consensus_.Lead();
    ASSERT_TRUE(leads.Wait());
    loop->Stop();
  }

  static std::shared_ptr<Task> NewTask(const std::string& id) {
    auto task = std::make_shared<Task>();
    task->id = id;
    task->service_id = "svc";
    return task;
  }

  std::unique_ptr<Runtime> runtime_;
  fakes::MemoryConsensus consensus_;
  StoreImpl store_;
};

// Consensus has to be able to tell that a change hangs.
TEST_F(StoreThreadsTest, TellsForHowLongItHasBeenAtAChange) {
  Lead();
  EXPECT_EQ(store_.BusyMs(), 0);
  auto writer = store_.CurrentWriter();
  ASSERT_TRUE(writer.ok());
  Countdown begun(1);
  Countdown released(1);
  Countdown done(1);
  (*writer)->Update(
      [&](Transaction& tx) {
        begun.Down();
        released.Wait();
        return tx.CreateTask(NewTask("t"));
      },
      [&](const Result<Index>&) { done.Down(); });
  ASSERT_TRUE(begun.Wait());
  std::int64_t longest = 0;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (longest < 20 && std::chrono::steady_clock::now() < limit) longest = store_.BusyMs();
  EXPECT_GE(longest, 20);
  released.Down();
  ASSERT_TRUE(done.Wait());
  while (store_.BusyMs() > 0 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_EQ(store_.BusyMs(), 0);
}

TEST_F(StoreThreadsTest, WritersReadersAndWatchersDoNotDisturbEachOther) {
  Lead();
  const auto watch_loop = runtime_->NewLoop("watch", LoopKind::kShared);
  std::uint64_t last = 0;
  std::size_t events = 0;
  Countdown all_seen(kWriters * kEach);
  const auto subscription = store_.Watch({{Table::kTask}}, *watch_loop, [&](const CommitPtr& c) {
    EXPECT_GT(c->index->value(), last) << "in order, each once";
    last = c->index->value();
    events += c->events.size();
    EXPECT_NE(store_.Read()->GetTask(c->events[0].task->id), nullptr);
    for (std::size_t i = 0; i < c->events.size(); ++i) all_seen.Down();
  });
  Countdown answered(kWriters * kEach);
  std::atomic<int> failures{0};
  std::vector<std::unique_ptr<Loop>> loops;
  for (int w = 0; w < kWriters; ++w) {
    loops.push_back(runtime_->NewLoop("writer", LoopKind::kShared));
  }
  for (int w = 0; w < kWriters; ++w) {
    for (int i = 0; i < kEach; ++i) {
      loops[static_cast<std::size_t>(w)]->Post([&, w, i] {
        const auto writer = store_.CurrentWriter();
        const std::string id = std::to_string(w) + "-" + std::to_string(i);
        (*writer)->Update([id](Transaction& tx) { return tx.CreateTask(NewTask(id)); },
                          [&](const Result<Index>& r) {
                            if (!r.ok()) ++failures;
                            answered.Down();
                          });
        // A subscriber that leaves at once, and a reader.
        const auto brief = store_.Watch({}, *loops[static_cast<std::size_t>(w)], [](CommitPtr) {});
        const ViewPtr view = store_.Read();
        EXPECT_EQ(view->FindTasks(By::Service("svc"))->size(), view->Count(Table::kTask));
      });
    }
  }
  EXPECT_TRUE(answered.Wait());
  EXPECT_TRUE(all_seen.Wait());
  EXPECT_EQ(failures, 0);
  for (const auto& loop : loops) loop->Stop();
  watch_loop->Stop();
  EXPECT_EQ(events, static_cast<std::size_t>(kWriters * kEach));
  EXPECT_EQ(store_.Read()->Count(Table::kTask), static_cast<std::size_t>(kWriters * kEach));
}

TEST_F(StoreThreadsTest, StoppingUnderLoadAnswersNobodyTwiceAndLeavesNothingRunning) {
  Lead();
  std::atomic<int> answers{0};
  const auto writer = *store_.CurrentWriter();
  for (int i = 0; i < 2000; ++i) {
    writer->Update([i](Transaction& tx) { return tx.CreateTask(NewTask(std::to_string(i))); },
                   [&](const Result<Index>&) { ++answers; });
  }
  consensus_.Stop();
  store_.Stop();
  store_.Stop();
  const int after = answers;
  EXPECT_LE(after, 2000);
  writer->Update([](Transaction&) { return Status::Ok(); },
                 [&](const Result<Index>&) { ++answers; });
  EXPECT_EQ(answers, after) << "after the stop nothing is called";
}

TEST_F(StoreThreadsTest, ALoopMayGoAsSoonAsItsSubscriptionHasGone) {
  Lead();
  std::atomic<bool> writing{true};
  Countdown done(1);
  const auto writer = *store_.CurrentWriter();
  const auto loop = runtime_->NewLoop("writer", LoopKind::kShared);
  std::function<void(int)> next = [&](int i) {
    if (!writing) return done.Down();
    writer->Update([i](Transaction& tx) { return tx.CreateTask(NewTask(std::to_string(i))); },
                   [&, i](const Result<Index>&) { loop->Post([&, i] { next(i + 1); }); });
  };
  next(0);
  for (int i = 0; i < 200; ++i) {
    const auto brief = runtime_->NewLoop("brief", LoopKind::kShared);
    auto subscription = store_.Watch({}, *brief, [](CommitPtr) {});
    subscription.reset();
    brief->Stop();
  }
  writing = false;
  EXPECT_TRUE(done.Wait());
  loop->Stop();
}

}  // namespace
}  // namespace swarm::store
