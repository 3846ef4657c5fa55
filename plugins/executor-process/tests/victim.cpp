// Starts a task as swarmd would and waits to be killed.
//
//   swarm-process-victim STATE_DIR COMMAND_FOR_THE_SHELL
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "process_executor.h"
#include "runtime/production.h"

int main(int argc, char** argv) {
  using swarm::executor_process::ProcessExecutor;
  using swarm::executor_process::ProcessOptions;
  if (argc != 3) return 2;
  const auto runtime = swarm::MakeRuntime();
  ProcessOptions options;
  options.rules.state_dir = argv[1];
  options.rules.cgroup_parent = "swarm-test";
  ProcessExecutor executor(*runtime, swarm::Logger(), std::move(options));
  executor.Start([](const swarm::Status&) {});
  swarm::pb::Task task;
  task.set_id("task");
  auto& container = *task.mutable_spec()->mutable_container();
  container.add_command("sh");
  container.add_command("-c");
  container.add_command(argv[2]);
  auto made = executor.NewController(task, nullptr);
  if (!made.ok()) return 1;
  swarm::Controller& controller = **made;
  controller.Prepare([&](const swarm::StepResult&) {
    controller.Start([](const swarm::StepResult&) { (void)!write(1, "!", 1); });
  });
  for (;;) pause();
}
