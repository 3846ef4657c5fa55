// The process executor on real threads, in a folder that goes with it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

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
  ProcessRig() : runtime_(MakeRuntime()) {
    char name[] = "/tmp/swarm-process-XXXXXX";
    folder_ = mkdtemp(name);
    Open();
  }
  ~ProcessRig() override {
    executor_.reset();
    (void)runtime_->files().RemoveAll(folder_);
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
  Runtime& runtime() { return *runtime_; }

 private:
  void Open() {
    executor_ =
        std::make_unique<ProcessExecutor>(*runtime_, Logger(), ProcessOptions{folder_, "", ""});
    executor_->Start([](const Status& status) { EXPECT_TRUE(status.ok()) << status; });
  }
  std::string folder_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<ProcessExecutor> executor_;
};

}  // namespace swarm::executor_process
