// What every binding of the runtime promises of loops and timers, tried on both.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/production.h"
#include "swarm/simulation.h"

namespace swarm {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// A runtime and a way to let it work until something holds.
class Binding {
 public:
  virtual ~Binding() = default;
  virtual Runtime& runtime() = 0;
  // False when it did not come to hold in reasonable time.
  virtual bool Until(const std::function<bool()>& condition) = 0;
  // Lets all that is due run.
  virtual void Drain() = 0;
};

class VirtualBinding final : public Binding {
 public:
  Runtime& runtime() override { return machine_.runtime(); }
  bool Until(const std::function<bool()>& condition) override {
    return simulation_.RunUntil(condition, 60s);
  }
  void Drain() override { simulation_.Settle(); }

 private:
  Simulation simulation_{42};
  Machine& machine_ = simulation_.AddMachine("m");
};

class ProductionBinding final : public Binding {
 public:
  Runtime& runtime() override { return *runtime_; }
  bool Until(const std::function<bool()>& condition) override {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
  void Drain() override {}

 private:
  std::unique_ptr<Runtime> runtime_ = MakeRuntime({.threads = 3});
};

struct Case {
  const char* name;
  bool production;
  LoopKind kind;
};

class LoopContractTest : public testing::TestWithParam<Case> {
 protected:
  LoopContractTest() {
    if (GetParam().production) {
      binding_ = std::make_unique<ProductionBinding>();
    } else {
      binding_ = std::make_unique<VirtualBinding>();
    }
  }
  Runtime& runtime() { return binding_->runtime(); }
  std::unique_ptr<Loop> NewLoop() { return runtime().NewLoop("test", GetParam().kind); }
  bool Until(const std::function<bool()>& condition) { return binding_->Until(condition); }

  std::unique_ptr<Binding> binding_;
};

TEST_P(LoopContractTest, RunsInTheOrderPosted) {
  auto loop = NewLoop();
  constexpr int kCount = 5000;
  std::vector<int> seen;
  std::atomic<bool> done = false;
  for (int i = 0; i < kCount; ++i) loop->Post([&seen, i] { seen.push_back(i); });
  loop->Post([&done] { done = true; });
  ASSERT_TRUE(Until([&] { return done.load(); }));
  ASSERT_EQ(seen.size(), static_cast<std::size_t>(kCount));
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST_P(LoopContractTest, NeverRunsInsidePost) {
  auto loop = NewLoop();
  std::atomic<int> stage = 0;
  bool inside = false;
  loop->Post([&] {
    loop->Post([&] {
      inside = stage.load() == 0;
      stage = 2;
    });
    if (stage.load() == 0) stage = 1;
  });
  ASSERT_TRUE(Until([&] { return stage.load() == 2; }));
  EXPECT_FALSE(inside);
}

TEST_P(LoopContractTest, CallbacksOfOneLoopNeverOverlap) {
  auto target = NewLoop();
  std::vector<std::unique_ptr<Loop>> sources;
  std::atomic<int> inside = 0;
  std::atomic<int> worst = 0;
  std::atomic<int> runs = 0;
  for (int i = 0; i < 4; ++i) {
    sources.push_back(NewLoop());
    for (int k = 0; k < 200; ++k) {
      sources.back()->Post([&] {
        target->Post([&] {
          if (const int now = ++inside; now > worst) worst = now;
          ++runs;
          --inside;
        });
      });
    }
  }
  ASSERT_TRUE(Until([&] { return runs.load() == 800; }));
  EXPECT_EQ(worst.load(), 1);
  for (auto& source : sources) source->Stop();
}

TEST_P(LoopContractTest, KnowsWhetherTheCallerIsInIt) {
  auto one = NewLoop();
  auto two = NewLoop();
  std::atomic<bool> done = false;
  bool in_one = false;
  bool in_two = true;
  EXPECT_FALSE(one->InLoop());
  one->Post([&] {
    in_one = one->InLoop();
    in_two = two->InLoop();
    done = true;
  });
  ASSERT_TRUE(Until([&] { return done.load(); }));
  EXPECT_TRUE(in_one);
  EXPECT_FALSE(in_two);
}

TEST_P(LoopContractTest, StopDropsWhatHasNotBegun) {
  auto loop = NewLoop();
  auto alive = std::make_shared<int>(0);
  std::atomic<bool> ran_after = false;
  std::atomic<bool> stopped = false;
  for (int i = 0; i < 1000; ++i) {
    loop->Post([&, alive] {
      if (stopped) ran_after = true;
    });
  }
  loop->Stop();
  stopped = true;
  EXPECT_EQ(alive.use_count(), 1) << "what is dropped is destroyed by the time Stop returns";
  loop->Post([&, alive] { ran_after = true; });
  EXPECT_EQ(alive.use_count(), 1);
  loop->Stop();
  binding_->Drain();
  EXPECT_FALSE(ran_after.load());
}

TEST_P(LoopContractTest, StopFromAnotherLoopIsFine) {
  auto one = NewLoop();
  auto two = NewLoop();
  std::atomic<bool> done = false;
  std::atomic<int> late = 0;
  one->Post([&] {
    two->Stop();
    two->Post([&] { ++late; });
    done = true;
  });
  ASSERT_TRUE(Until([&] { return done.load(); }));
  binding_->Drain();
  EXPECT_EQ(late.load(), 0);
}

TEST_P(LoopContractTest, TimersRunOnTheLoopInOrderOfTime) {
  auto loop = NewLoop();
  std::vector<int> order;
  std::atomic<int> count = 0;
  bool on_loop = true;
  std::vector<std::unique_ptr<Timer>> timers;
  const auto add = [&](Duration delay, int number) {
    timers.push_back(loop->After(delay, [&, number] {
      order.push_back(number);
      on_loop = on_loop && loop->InLoop();
      ++count;
    }));
  };
  add(60ms, 3);
  add(30ms, 2);
  add(-5ms, 1);
  const SteadyTime start = runtime().clock().SteadyNow();
  ASSERT_TRUE(Until([&] { return count.load() == 3; }));
  EXPECT_GE(runtime().clock().SteadyNow() - start, 60ms);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(on_loop);
}

TEST_P(LoopContractTest, DestroyedTimerNeverRuns) {
  auto loop = NewLoop();
  std::atomic<bool> ran = false;
  std::atomic<bool> done = false;
  auto captured = std::make_shared<int>(0);
  std::unique_ptr<Timer> due;
  std::unique_ptr<Timer> later;
  std::unique_ptr<Timer> end;
  loop->Post([&] {
    later = loop->After(1ms, [&, captured] { ran = true; });
    due = loop->After(Duration::zero(), [&, captured] { ran = true; });
    due.reset();
    later.reset();
    EXPECT_EQ(captured.use_count(), 1);
    end = loop->After(20ms, [&] { done = true; });
  });
  ASSERT_TRUE(Until([&] { return done.load(); }));
  EXPECT_FALSE(ran.load());
}

TEST_P(LoopContractTest, TimerMayDestroyItselfAndItsOwner) {
  struct Owner {
    std::unique_ptr<Timer> timer;
    std::string text = "still here while the callback runs";
  };
  auto loop = NewLoop();
  std::atomic<bool> done = false;
  auto owner = std::make_shared<Owner>();
  std::weak_ptr<Owner> weak = owner;
  loop->Post([&, owner = std::move(owner)]() mutable {
    Owner& raw = *owner;
    raw.timer = loop->After(1ms, [&done, owner = std::move(owner)]() mutable {
      owner->timer.reset();
      owner.reset();
      done = true;
    });
  });
  ASSERT_TRUE(Until([&] { return done.load() && weak.expired(); }));
}

TEST_P(LoopContractTest, NoTimerFiresAfterStop) {
  auto loop = NewLoop();
  auto other = NewLoop();
  std::atomic<bool> ran = false;
  std::atomic<bool> done = false;
  auto timer = loop->After(5ms, [&] { ran = true; });
  loop->Stop();
  const bool before = ran;
  auto end = other->After(30ms, [&] { done = true; });
  ASSERT_TRUE(Until([&] { return done.load(); }));
  EXPECT_EQ(ran.load(), before);
  auto never = loop->After(1ms, [&] { ran = true; });
  EXPECT_NE(never, nullptr);
}

TEST_P(LoopContractTest, ManyLoopsShareTheWork) {
  std::vector<std::unique_ptr<Loop>> loops;
  std::atomic<int> runs = 0;
  const int count = GetParam().kind == LoopKind::kShared ? 2000 : 20;
  for (int i = 0; i < count; ++i) {
    loops.push_back(NewLoop());
    loops.back()->Post([&] { ++runs; });
  }
  EXPECT_TRUE(Until([&] { return runs.load() == count; }));
}

TEST_P(LoopContractTest, RandomsDifferFromEachOther) {
  std::set<std::uint64_t> values;
  for (int i = 0; i < 50; ++i) values.insert(runtime().NewRandom()->Next());
  EXPECT_EQ(values.size(), 50U);
  std::array<std::byte, 37> one{};
  std::array<std::byte, 37> two{};
  runtime().NewRandom()->Fill(one);
  runtime().NewRandom()->Fill(two);
  EXPECT_NE(one, two);
}

INSTANTIATE_TEST_SUITE_P(Bindings, LoopContractTest,
                         testing::Values(Case{"VirtualShared", false, LoopKind::kShared},
                                         Case{"VirtualBlocking", false, LoopKind::kBlocking},
                                         Case{"ProductionShared", true, LoopKind::kShared},
                                         Case{"ProductionBlocking", true, LoopKind::kBlocking}),
                         [](const auto& info) { return info.param.name; });

// A shared loop's callback may wait for a blocking loop's end: they have separate threads.
TEST(ProductionLoopTest, StopWaitsForTheCallbackUnderWay) {
  auto runtime = MakeRuntime({.threads = 1});
  auto loop = runtime->NewLoop("slow", LoopKind::kBlocking);
  std::mutex mutex;
  std::condition_variable changed;
  bool entered = false;
  bool leave = false;
  std::atomic<bool> left = false;
  loop->Post([&] {
    std::unique_lock lock(mutex);
    entered = true;
    changed.notify_all();
    changed.wait(lock, [&] { return leave; });
    left = true;
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return entered; });
    leave = true;
    changed.notify_all();
  }
  loop->Stop();
  EXPECT_TRUE(left.load());
}

TEST(ProductionLoopTest, LongQueuesGiveWayToOtherLoops) {
  auto runtime = MakeRuntime({.threads = 1});
  auto busy = runtime->NewLoop("busy", LoopKind::kShared);
  auto other = runtime->NewLoop("other", LoopKind::kShared);
  std::atomic<int> busy_runs = 0;
  std::atomic<int> seen_by_other = -1;
  busy->Post([&] {
    for (int i = 0; i < 100'000; ++i) busy->Post([&] { ++busy_runs; });
    other->Post([&] { seen_by_other = busy_runs.load(); });
  });
  while (seen_by_other < 0) std::this_thread::yield();
  EXPECT_LT(seen_by_other.load(), 100'000);
}

TEST(ProductionLoopDeathTest, StopFromInsideAborts) {
  EXPECT_DEATH(
      {
        auto runtime = MakeRuntime({.threads = 1});
        auto loop = runtime->NewLoop("self", LoopKind::kShared);
        loop->Post([&] { loop->Stop(); });
        for (;;) std::this_thread::yield();
      },
      "not stopped from its own callbacks");
}

}  // namespace
}  // namespace swarm
