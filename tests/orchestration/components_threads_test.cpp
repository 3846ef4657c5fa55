// The same components on real threads: they share nothing but the store.
#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>

#include "allocator.h"
#include "component/component.h"
#include "fakes/reference_store.h"
#include "orchestrator.h"
#include "runtime/production.h"
#include "scheduler.h"

namespace swarm::test {
namespace {

using namespace std::chrono_literals;

class ComponentsThreadsTest : public testing::Test {
 protected:
  ComponentsThreadsTest()
      : runtime_(MakeRuntime()),
        store_(std::make_unique<fakes::ReferenceStore>(*runtime_)),
        loop_(runtime_->NewLoop("watch", LoopKind::kShared)),
        subscription_(store_->Watch({}, *loop_, [this](const CommitPtr&) { Notify(); })) {}
  ~ComponentsThreadsTest() override {
    for (auto& component : components_) component->Stop([] {});
    loop_->Stop();
    subscription_.reset();
  }

  void Notify() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  bool Until(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, condition);
  }
  void Write(TransactionFn fn) {
    bool done = false;
    store_->writer()->Update(std::move(fn), [&](const Result<Index>& result) {
      EXPECT_TRUE(result.ok()) << result.status();
      const std::lock_guard lock(mutex_);
      done = true;
      changed_.notify_all();
    });
    ASSERT_TRUE(Until([&done] { return done; }));
  }
  void Start(component::ComponentParameters parameters, component::MakePart make) {
    components_.push_back(std::make_unique<component::Component>(
        *runtime_, *store_, Logger(), std::move(parameters), std::move(make)));
    bool started = false;
    components_.back()->Start([&](const Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      const std::lock_guard lock(mutex_);
      started = true;
      changed_.notify_all();
    });
    ASSERT_TRUE(Until([&started] { return started; }));
  }
  int Count(pb::TaskState state) {
    int count = 0;
    (void)store_->Read()->FindTasks(By::All(), [&](const TaskPtr& task) {
      count += task->status.state == state ? 1 : 0;
      return true;
    });
    return count;
  }

  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<fakes::ReferenceStore> store_;
  std::unique_ptr<Loop> loop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Subscription> subscription_;
  std::vector<std::unique_ptr<component::Component>> components_;
};

TEST_F(ComponentsThreadsTest, AServiceIsMadeAllocatedAndScheduled) {
  Start({"orchestrator", {Table::kCluster, Table::kNode, Table::kService, Table::kTask}},
        [](component::Env& env) { return std::make_unique<orchestrator::Orchestrator>(env); });
  Start({"allocator",
         {Table::kCluster, Table::kNetwork, Table::kNode, Table::kService, Table::kTask}},
        [](component::Env& env) { return std::make_unique<allocator::Allocator>(env); });
  Start({"scheduler", {Table::kNode, Table::kService, Table::kTask}}, [](component::Env& env) {
    return std::make_unique<scheduler::Scheduler>(env, scheduler::SchedulerOptions{});
  });
  Write([](Transaction& tx) {
    for (int i = 0; i < 3; ++i) {
      auto node = std::make_shared<pb::Node>();
      node->set_id("n" + std::to_string(i));
      node->mutable_status()->set_state(pb::NodeStatus::READY);
      SWARM_RETURN_IF_ERROR(tx.Create(std::move(node)));
    }
    auto service = std::make_shared<pb::Service>();
    service->set_id("web");
    service->mutable_spec()->mutable_annotations()->set_name("web");
    service->mutable_spec()->mutable_task()->mutable_container()->set_image("image");
    service->mutable_spec()->mutable_replicated()->set_replicas(60);
    return tx.Create(std::move(service));
  });
  EXPECT_TRUE(Until([this] { return Count(pb::ASSIGNED) == 60; }));
  // A leader that is deposed stops in the middle of its work.
  Write([](Transaction& tx) {
    auto service = std::make_shared<pb::Service>(*tx.Get<pb::Service>("web"));
    service->mutable_spec()->mutable_replicated()->set_replicas(200);
    return tx.Update(std::move(service));
  });
}

}  // namespace
}  // namespace swarm::test
