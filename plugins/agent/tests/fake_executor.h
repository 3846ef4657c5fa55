// An executor that does what a test tells it: operations wait to be ended, or end by themselves.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "swarm/executor.h"

namespace swarm::agent {

// One reading of a task's output.
struct FakeReading {
  bool follow = false;
  std::int64_t tail = 0;
  std::int64_t since = 0;
  Function<void(LogLine)> line;
  Function<void(Status)> done;
  std::shared_ptr<bool> open = std::make_shared<bool>(true);

  void Say(std::int64_t time, const std::string& text, bool error = false) {
    line({time, error, text});
  }
};

// What is known of one task, also after its controller is gone.
struct FakeTask {
  std::vector<std::string> calls;  // "prepare", "start", ...
  std::string running;             // the operation under way
  StepDone done;
  std::vector<pb::Task> updates;
  pb::Task made_from;
  std::shared_ptr<const Dependencies> dependencies;
  std::optional<pb::ContainerStatus> container;
  std::vector<std::shared_ptr<FakeReading>> readings;
  bool closed = false;
  bool read_when_closed = false;  // a reading was not let go of before
  bool overlapped = false;        // two operations at a time

  void End(StepResult result) {
    running.clear();
    std::exchange(done, nullptr)(std::move(result));
  }
};

class FakeExecutor final : public Executor, public TaskKeeper {
 public:
  // Prepare, Start, Shutdown and Remove end at once with OK; Wait stays until it is cancelled.
  bool automatic = true;
  std::optional<Status> refuse;  // every new controller
  Result<pb::NodeDescription> description = pb::NodeDescription();
  std::map<std::string, FakeTask> tasks;
  std::vector<pb::Node> configured;
  std::vector<std::vector<pb::EncryptionKey>> keys;
  std::vector<std::vector<std::string>> retained;
  int live_controllers = 0;

  void Describe(Function<void(Result<pb::NodeDescription>)> done) noexcept override {
    done(description);
  }
  void Configure(const pb::Node& node) noexcept override { configured.push_back(node); }
  Result<std::unique_ptr<Controller>> NewController(
      const pb::Task& task, std::shared_ptr<const Dependencies> dependencies) noexcept override;
  void SetNetworkKeys(const std::vector<pb::EncryptionKey>& fresh) noexcept override {
    keys.push_back(fresh);
  }
  void Retain(std::vector<std::string> task_ids) noexcept override {
    retained.push_back(std::move(task_ids));
  }
};

class FakeController final : public Controller, public LogSource {
 public:
  FakeController(FakeExecutor& executor, FakeTask& task) : executor_(executor), task_(task) {
    executor_.live_controllers += 1;
  }
  ~FakeController() override { executor_.live_controllers -= 1; }

  Status Update(const pb::Task& task) noexcept override {
    task_.updates.push_back(task);
    return {};
  }
  void Prepare(StepDone done) noexcept override { Begin("prepare", std::move(done)); }
  void Start(StepDone done) noexcept override { Begin("start", std::move(done)); }
  void Wait(StepDone done) noexcept override { Begin("wait", std::move(done)); }
  void Shutdown(StepDone done) noexcept override { Begin("shutdown", std::move(done)); }
  void Terminate(StepDone done) noexcept override { Begin("terminate", std::move(done)); }
  void Remove(StepDone done) noexcept override { Begin("remove", std::move(done)); }
  void Cancel() noexcept override {
    task_.calls.push_back("cancel");
    if (task_.done) task_.End(StepResult::Failed({Code::kCancelled, "context canceled"}));
  }
  void Close(Function<void()> done) noexcept override {
    task_.closed = true;
    for (const auto& reading : task_.readings) task_.read_when_closed |= *reading->open;
    done();
  }
  std::optional<pb::ContainerStatus> ContainerStatus() noexcept override { return task_.container; }
  std::optional<pb::PortStatus> PortStatus() noexcept override { return std::nullopt; }
  std::shared_ptr<void> Logs(bool follow, std::int64_t tail, std::int64_t since,
                             Function<void(LogLine)> line,
                             Function<void(Status)> done) noexcept override {
    auto reading = std::make_shared<FakeReading>();
    reading->follow = follow;
    reading->tail = tail;
    reading->since = since;
    reading->line = std::move(line);
    reading->done = std::move(done);
    task_.readings.push_back(reading);
    return std::shared_ptr<void>(reading.get(), [reading](void*) { *reading->open = false; });
  }

 private:
  void Begin(const std::string& name, StepDone done) {
    task_.overlapped |= static_cast<bool>(task_.done);
    task_.calls.push_back(name);
    task_.running = name;
    task_.done = std::move(done);
    if (executor_.automatic && name != "wait") task_.End(StepResult::Ok());
  }
  FakeExecutor& executor_;
  FakeTask& task_;
};

inline Result<std::unique_ptr<Controller>> FakeExecutor::NewController(
    const pb::Task& task, std::shared_ptr<const Dependencies> dependencies) noexcept {
  if (refuse) return *refuse;
  FakeTask& record = tasks[task.id()];
  record.made_from = task;
  record.dependencies = std::move(dependencies);
  record.closed = false;
  record.done = nullptr;
  return std::unique_ptr<Controller>(std::make_unique<FakeController>(*this, record));
}

}  // namespace swarm::agent
