// Starts a task as swarmd would, perhaps stops it, tells of each step and waits to be killed.
//
//   swarm-process-victim STATE_DIR COMMAND_FOR_THE_SHELL run|stop
#include <unistd.h>

#include <string_view>
#include <utility>

#include "process_executor.h"
#include "runtime/production.h"

namespace {

// faults_test.cpp says what the letters mean.
void Tell(char step) { (void)!write(1, &step, 1); }

}  // namespace

int main(int argc, char** argv) {
  using swarm::executor_process::ProcessExecutor;
  using swarm::executor_process::ProcessOptions;
  if (argc != 4) return 2;
  const bool stops = std::string_view(argv[3]) == "stop";
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
  Tell('p');
  controller.Prepare([&](const swarm::StepResult&) {
    Tell('s');
    controller.Start([&](const swarm::StepResult&) {
      Tell('r');
      if (!stops) return;
      Tell('x');
      controller.Shutdown([](const swarm::StepResult&) { Tell('e'); });
    });
  });
  for (;;) pause();
}
