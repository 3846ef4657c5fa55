// One task, "task", on the process executor.
#pragma once

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "log_records.h"
#include "process_rig.h"
#include "setup.h"
#include "support/process.h"
#include "task_folder.h"

namespace swarm::executor_process {

// What the kernel would refuse this process anyway, by name.
#define SWARM_NEEDS(capability) \
  if (!OwnPermissions().Has(capability)) GTEST_SKIP() << "this process lacks " #capability

// For what no callback tells.
using test::Eventually;

// Secrets and configs by id.
class FakeDependencies final : public Dependencies {
 public:
  Result<std::shared_ptr<const pb::Secret>> Secret(std::string_view id) const noexcept override {
    const auto found = payloads.find(id);
    if (found == payloads.end()) {
      return Status(Code::kNotFound, "secret " + std::string(id) + " not found");
    }
    auto out = std::make_shared<pb::Secret>();
    out->mutable_spec()->set_data(found->second);
    return std::shared_ptr<const pb::Secret>(std::move(out));
  }
  Result<std::shared_ptr<const pb::Config>> Config(std::string_view id) const noexcept override {
    const auto found = payloads.find(id);
    if (found == payloads.end()) {
      return Status(Code::kNotFound, "config " + std::string(id) + " not found");
    }
    auto out = std::make_shared<pb::Config>();
    out->mutable_spec()->set_data(found->second);
    return std::shared_ptr<const pb::Config>(std::move(out));
  }
  std::map<std::string, std::string, std::less<>> payloads;
};

class ProcessFixture : public testing::Test {
 protected:
  explicit ProcessFixture(ProcessOptions options = {}) : rig_(std::move(options)) {}
  ~ProcessFixture() override {
    if (!controller_) return;
    (void)Run(&Controller::Remove);
    Close();
  }
  pb::ContainerSpec& container() { return *task_.mutable_spec()->mutable_container(); }
  Status TryMake() {
    task_.set_id("task");
    auto made = rig_.executor().NewController(task_, dependencies_);
    if (!made.ok()) return made.status();
    controller_ = *std::move(made);
    return Status::Ok();
  }
  void Make(const std::function<void(pb::ContainerSpec&)>& edit) {
    edit(container());
    const Status made = TryMake();
    ASSERT_TRUE(made.ok()) << made;
  }
  // With what was set before; a script of the shell.
  void MakeShell(const std::string& script) {
    Make([&](pb::ContainerSpec& c) { ProcessRig::Shell(c, script); });
  }
  void Close() {
    auto closed = std::make_shared<bool>(false);
    controller_->Close([this, closed] { rig_.Note([closed] { *closed = true; }); });
    ASSERT_TRUE(rig_.Until([closed] { return *closed; }));
    controller_.reset();
  }
  using Pending = std::shared_ptr<std::optional<StepResult>>;
  Pending Begin(void (Controller::*method)(StepDone)) {
    auto out = std::make_shared<std::optional<StepResult>>();
    (controller_.get()->*method)([this, out](StepResult result) {
      rig_.Note([out, result = std::move(result)]() mutable { *out = std::move(result); });
    });
    return out;
  }
  StepResult Await(const Pending& pending) {
    EXPECT_TRUE(rig_.Until([pending] { return pending->has_value(); }));
    return pending->value_or(StepResult::Failed({Code::kDeadlineExceeded, "did not end"}));
  }
  StepResult Run(void (Controller::*method)(StepDone)) { return Await(Begin(method)); }
  StepResult RunToEnd() {
    const StepResult started = StartUp();
    return started.status.ok() ? Run(&Controller::Wait) : started;
  }
  StepResult StartUp() {
    const StepResult prepared = Run(&Controller::Prepare);
    return prepared.status.ok() ? Run(&Controller::Start) : prepared;
  }
  // What was written to one of the streams.
  std::string Output(bool errors = false) {
    std::string out;
    FileSystem& files = rig_.runtime().files();
    for (const std::uint64_t number : ListLogFiles(files, rig_.TaskFile("log"))) {
      const auto text = ReadFile(files, LogFilePath(rig_.TaskFile("log"), number));
      if (!text.ok()) continue;
      for (std::size_t at = 0; at < text->size();) {
        const std::size_t end = text->find('\n', at);
        const auto line = ParseLogRecord(std::string_view(*text).substr(at, end - at));
        if (line && line->standard_error == errors) out += line->data;
        at = end == std::string::npos ? text->size() : end + 1;
      }
    }
    return out;
  }
  // Runs the script to its good end; what it wrote.
  std::string OutputOf(const std::string& script) {
    MakeShell(script);
    if (!controller_) return "";
    const StepResult end = RunToEnd();
    EXPECT_TRUE(end.status.ok()) << end.status << "\n" << Output(true);
    return Output();
  }
  ProcessView View() {
    return TaskFolder(rig_.runtime().files(), rig_.folder() + "/tasks/task").Inspect();
  }
  std::string ReadText(const std::string& path) {
    const auto text = ReadFile(rig_.runtime().files(), path);
    return text.ok() ? *text : "";
  }

  ProcessRig rig_;
  pb::Task task_;
  std::shared_ptr<FakeDependencies> dependencies_ = std::make_shared<FakeDependencies>();
  std::unique_ptr<Controller> controller_;
};

}  // namespace swarm::executor_process
