// swarm-task: stands between the executor and one process, so that the process survives the
// executor and neither its exit status nor its output is lost.
//
//   swarm-task FOLDER < PLAN
//
// Starts the plan's command (src/plan.h) in a session of its own, goes to the background and
// returns once the command has been executed, or not, and then says why. While it lives it holds a
// lock on FOLDER/lock. Writes:
//   FOLDER/pid     "<boot id> <own pid> <own start> <command's pid> <command's start>", before the
//                  command is executed: a task that has it is never started again
//   FOLDER/error   why the command could not be executed
//   FOLDER/log/N   the output (output.h)
//   FOLDER/health  "starting", "healthy" or "unhealthy", and what the last probe said
//   FOLDER/exit    "exit <code>" or "signal <number>", and "oom" when memory ran out, once all
//                  processes of the task are gone
// Each but the output appears whole or not at all; pid, error and exit survive a crash.
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "plan.h"
#include "supervisor.h"
#include "system.h"

namespace {

using swarm::executor_process::DecodePlan;
using swarm::executor_process::Descriptor;
using swarm::executor_process::Plan;
using swarm::executor_process::ReadAll;
using swarm::executor_process::Supervisor;
using swarm::executor_process::WriteAll;

// Another one is at work, or has been.
constexpr int kAlreadyStarted = 3;

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

int Fail(const char* what) {
  perror(what);
  return 1;
}

void Detach() {
  const Descriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd < 3; ++fd) dup2(null.get(), fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: swarm-task FOLDER < PLAN (started by swarmd, not by hand)\n");
    return 2;
  }
  close_range(3, ~0U, 0);
  umask(022);
  const std::string folder = argv[1];
  std::optional<Plan> plan = DecodePlan(ReadAll(0));
  if (!plan) {
    fprintf(stderr, "swarm-task: standard input is not a plan of this version\n");
    return 2;
  }
  // Secrets are in this memory: a crash must not put it on a disk. The command is a program of its
  // own and may be dumped as its limits say.
  if (!plan->files.empty()) prctl(PR_SET_DUMPABLE, 0);
  const Descriptor lock(open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return Fail("swarm-task: lock");
  struct flock whole {};
  whole.l_type = F_WRLCK;
  if (fcntl(lock.get(), F_OFD_SETLK, &whole) != 0) return kAlreadyStarted;
  for (const char* name : {"/pid", "/exit", "/error"}) {
    if (Exists(folder + name)) return kAlreadyStarted;
  }
  int started[2];
  if (pipe2(started, O_CLOEXEC) != 0) return Fail("swarm-task: pipe");
  const pid_t background = fork();
  if (background < 0) return Fail("swarm-task: fork");
  Descriptor told(started[1]);
  if (background > 0) {
    told.Reset();
    const std::string failure = ReadAll(started[0]);
    (void)WriteAll(2, failure);
    return failure.empty() ? 0 : 1;
  }
  close(started[0]);
  Detach();
  prctl(PR_SET_NAME, "swarm-task");
  Supervisor supervisor(std::move(*plan), folder);
  const std::string failure = supervisor.Start();
  (void)WriteAll(told.get(), failure);
  told.Reset();
  if (failure.empty()) supervisor.Run();
  // Without destructors: what they would free goes anyway.
  _exit(failure.empty() ? 0 : 1);
}
