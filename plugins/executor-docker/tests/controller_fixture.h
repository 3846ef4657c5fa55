// Tasks on the fake engine, step by step.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "docker_rig.h"
#include "names.h"

namespace swarm::executor_docker {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ControllerFixture : public testing::Test {
 protected:
  using Method = void (Controller::*)(StepDone);
  using Pending = std::shared_ptr<std::optional<StepResult>>;

  explicit ControllerFixture(DockerOptions options = {}) : rig(options) {
    pb::Node node;
    node.set_id("nid");
    rig.executor().Configure(node);
  }
  ~ControllerFixture() override {
    for (auto& controller : controllers_) Close(*controller);
  }

  FakeEngine& engine() { return rig.engine(); }

  static pb::Task TaskOf(const std::string& id, const std::string& word = "forever",
                         const std::function<void(pb::Task&)>& edit = nullptr) {
    pb::Task task;
    task.set_id(id);
    task.set_node_id("nid");
    task.set_slot(1);
    task.mutable_service_annotations()->set_name("web");
    auto* spec = task.mutable_spec()->mutable_container();
    spec->set_image("busybox");
    if (!word.empty()) spec->add_args(word);
    if (edit) edit(task);
    return task;
  }
  Controller& Control(const pb::Task& task) {
    auto made = rig.executor().NewController(task, nullptr);
    EXPECT_TRUE(made.ok()) << made.status();
    controllers_.push_back(*std::move(made));
    return *controllers_.back();
  }
  void Close(Controller& controller) {
    bool closed = false;
    controller.Close([&closed] { closed = true; });
    EXPECT_TRUE(rig.Until([&closed] { return closed; }));
  }
  static Pending Begin(Controller& controller, Method method) {
    auto pending = std::make_shared<std::optional<StepResult>>();
    (controller.*method)([pending](StepResult result) {
      EXPECT_FALSE(pending->has_value()) << "ended twice";
      *pending = std::move(result);
    });
    return pending;
  }
  StepResult Await(const Pending& pending) {
    const bool ended = rig.Until([&pending] { return pending->has_value(); });
    EXPECT_TRUE(ended) << "did not end";
    return ended ? **pending : StepResult{};
  }
  StepResult Run(Controller& controller, Method method) { return Await(Begin(controller, method)); }
  void Launch(Controller& controller) {
    const StepResult prepared = Run(controller, &Controller::Prepare);
    ASSERT_TRUE(prepared.status.ok()) << prepared.status;
    const StepResult started = Run(controller, &Controller::Start);
    ASSERT_TRUE(started.status.ok()) << started.status;
  }
  // Nothing more happens without time.
  void Settle() { rig.sim().RunFor(50ms); }
  int Calls(const std::string& call) { return engine().Count(call); }

  DockerRig rig;

 private:
  std::vector<std::unique_ptr<Controller>> controllers_;
};

}  // namespace swarm::executor_docker
