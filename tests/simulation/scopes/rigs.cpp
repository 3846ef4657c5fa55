#include "rigs.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "runtime/production.h"
#include "swarm/files.h"
#include "swarm/simulation.h"

namespace swarm::test {
namespace {

class VirtualRig final : public Rig {
 public:
  VirtualRig() : machine_(simulation_.AddMachine("node")) {
    EXPECT_TRUE(runtime().files().CreateDirectory(folder(), 0700).ok());
    EXPECT_TRUE(runtime().files().SyncDirectory("/").ok());
  }
  Runtime& runtime() override { return machine_.runtime(); }
  std::string folder() const override { return "/state"; }
  bool Run(Loop& loop, Function<void(Function<void()> done)> step) override {
    const auto over = std::make_shared<bool>(false);
    loop.Post([over, step = std::move(step)]() mutable { step([over] { *over = true; }); });
    return simulation_.RunUntil([&] { return *over; }, std::chrono::minutes(10));
  }
  int threads() const override { return 0; }

 private:
  Simulation simulation_{11};
  Machine& machine_;
};

class ThreadedRig final : public Rig {
 public:
  ThreadedRig() : runtime_(MakeRuntime()) {
    std::string pattern = testing::TempDir() + "swarm-scopes-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ThreadedRig() override { std::filesystem::remove_all(folder_); }
  Runtime& runtime() override { return *runtime_; }
  std::string folder() const override { return folder_; }
  bool Run(Loop& loop, Function<void(Function<void()> done)> step) override {
    struct Event {
      std::mutex mutex;
      std::condition_variable changed;
      bool over = false;
    };
    const auto event = std::make_shared<Event>();
    loop.Post([event, step = std::move(step)]() mutable {
      step([event] {
        const std::lock_guard lock(event->mutex);
        event->over = true;
        event->changed.notify_all();
      });
    });
    std::unique_lock lock(event->mutex);
    return event->changed.wait_for(lock, std::chrono::minutes(2), [&] { return event->over; });
  }
  int threads() const override {
    std::ifstream in("/proc/self/status");
    for (std::string line; std::getline(in, line);)
      if (line.starts_with("Threads:")) return std::stoi(line.substr(8));
    return -1;
  }

 private:
  std::unique_ptr<Runtime> runtime_;
  std::string folder_;
};

}  // namespace

std::unique_ptr<Rig> MakeVirtualRig() { return std::make_unique<VirtualRig>(); }
std::unique_ptr<Rig> MakeThreadedRig() { return std::make_unique<ThreadedRig>(); }

}  // namespace swarm::test
