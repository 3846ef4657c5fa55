// The Docker executor against the fake engine, on virtual time.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conformance/executor_suite.h"
#include "docker_executor.h"
#include "fake_engine.h"
#include "swarm/simulation.h"

namespace swarm::executor_docker {

class DockerRig final : public conformance::VirtualRig {
 public:
  explicit DockerRig(DockerOptions options = {})
      : sim_(7), runtime_(sim_.AddMachine("node").runtime()), engine_(runtime_), options_(options) {
    engine_.images = {"busybox"};
    engine_.registry = {{"busybox:latest", ""}};
    Open();
  }
  ~DockerRig() override { Shut(); }

  Executor& executor() override { return *executor_; }
  bool Restart() override {
    Shut();
    Open();
    return true;
  }
  void RunForever(pb::ContainerSpec& container) override { Words(container, {"forever"}); }
  void ExitWith(pb::ContainerSpec& container, int code) override {
    Words(container, {"exit", std::to_string(code)});
  }
  void IgnoreStop(pb::ContainerSpec& container) override { Words(container, {"stubborn"}); }
  void FailToStart(pb::ContainerSpec& container) override { Words(container, {"broken"}); }
  bool Until(const std::function<bool()>& condition) override {
    return sim_.RunUntil(condition, std::chrono::minutes(10));
  }

  Simulation& sim() { return sim_; }
  FakeEngine& engine() { return engine_; }
  DockerExecutor& docker() { return *executor_; }

 private:
  static void Words(pb::ContainerSpec& container, const std::vector<std::string>& words) {
    container.set_image("busybox");
    for (const std::string& word : words) container.add_args(word);
  }
  void Open() {
    executor_ = std::make_unique<DockerExecutor>(
        runtime_, Logger(), options_,
        [this]() -> Result<Connection> {
          return Connection{nullptr, engine_.Connect()};
        },
        nullptr);
    executor_->Start([](const Status& status) { EXPECT_TRUE(status.ok()) << status; });
  }
  void Shut() {
    executor_->Stop([] {});
    executor_->Stop([] {});
    executor_.reset();
  }

  Simulation sim_;
  Runtime& runtime_;
  FakeEngine engine_;
  const DockerOptions options_;
  std::unique_ptr<DockerExecutor> executor_;
};

}  // namespace swarm::executor_docker
