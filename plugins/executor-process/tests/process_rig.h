// The process executor on real threads, in a folder that goes with it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "conformance/executor_suite.h"
#include "process_executor.h"
#include "runtime/production.h"
#include "swarm/files.h"

namespace swarm::executor_process {

class ProcessRig final : public conformance::ThreadedRig {
 public:
  explicit ProcessRig(ProcessOptions options = {}) : ProcessRig(NewFolder(), std::move(options)) {}
  // In a folder that exists.
  ProcessRig(std::string folder, ProcessOptions options)
      : folder_(std::move(folder)), options_(std::move(options)), runtime_(MakeRuntime()) {
    options_.rules.state_dir = folder_;
    options_.rules.cgroup_parent = "swarm-test";
    Open();
  }
  ~ProcessRig() override {
    executor_.reset();
    (void)runtime_->files().RemoveAll(folder_);
  }
  static std::string NewFolder() {
    char name[] = "/tmp/swarm-process-XXXXXX";
    const std::string path = mkdtemp(name);
    // Tasks of other users pass through it.
    EXPECT_EQ(chmod(path.c_str(), 0711), 0);
    return path;
  }
  Executor& executor() override { return *executor_; }
  bool Restart() override {
    executor_->Stop([] {});
    executor_.reset();
    Open();
    return true;
  }
  void RunForever(pb::ContainerSpec& container) override {
    container.add_command("sleep");
    container.add_args("3600");
  }
  void ExitWith(pb::ContainerSpec& container, int code) override {
    Shell(container, "exit " + std::to_string(code));
  }
  void IgnoreStop(pb::ContainerSpec& container) override {
    // A signal that does nothing, unless asked for: it is never heeded, not even early.
    RunForever(container);
    container.set_stop_signal("SIGWINCH");
  }
  void FailToStart(pb::ContainerSpec& container) override {
    container.add_command("/no/such/program");
  }
  static void Shell(pb::ContainerSpec& container, const std::string& script) {
    container.add_command("sh");
    container.add_command("-c");
    container.add_args(script);
  }
  const std::string& folder() const { return folder_; }
  std::string TaskFile(const std::string& name) const { return folder_ + "/tasks/task/" + name; }
  ProcessOptions& options() { return options_; }
  Runtime& runtime() { return *runtime_; }

 private:
  void Open() {
    executor_ = std::make_unique<ProcessExecutor>(*runtime_, Logger(), options_);
    executor_->Start([](const Status& status) { EXPECT_TRUE(status.ok()) << status; });
  }
  std::string folder_;
  ProcessOptions options_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<ProcessExecutor> executor_;
};

}  // namespace swarm::executor_process
