#include "command.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "groups.h"
#include "mounts.h"

namespace swarm::executor_process {
namespace {

std::string Connect(const Streams& streams) {
  const int input = streams.input >= 0 ? streams.input : open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (input < 0 || dup2(input, 0) < 0 || dup2(streams.output, 1) < 0 ||
      dup2(streams.errors, 2) < 0) {
    return WithErrno("cannot connect the output");
  }
  return {};
}

void ResetSignals() {
  for (int number = 1; number < NSIG; ++number) {
    if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::string OwnFolder(const Surroundings& around) { return around.folder + "/work"; }

std::string EnterDirectory(const Surroundings& around) {
  const bool own = around.plan.directory.empty();
  const std::string path = own ? OwnFolder(around) : around.plan.directory;
  if (chdir(path.c_str()) != 0) return WithErrno("cannot enter directory " + path);
  return {};
}

// What the command and its probes have in common, once the namespaces are there.
std::string Settle(const Surroundings& around) {
  const Plan& plan = around.plan;
  if (std::string why = EnterDirectory(around); !why.empty()) return why;
  if (std::string why = SetLimits(plan.limits); !why.empty()) return why;
  if (!around.oom_score_adjustment.empty() &&
      !WriteFile("/proc/self/oom_score_adj", around.oom_score_adjustment) &&
      plan.oom_score_adjustment != 0) {
    return WithErrno("cannot set oom_score_adj to " + around.oom_score_adjustment);
  }
  return BecomeIdentity(plan, around.identity);
}

std::string OwnNamespaces(const Surroundings& around) {
  const Plan& plan = around.plan;
  const Identity& identity = around.identity;
  const std::string own = OwnFolder(around);
  // Before the mounts, which may make it read-only.
  if (plan.directory.empty() && identity.change && geteuid() == 0 &&
      chown(own.c_str(), identity.user, identity.group) != 0) {
    return WithErrno("cannot give " + own + " to its user");
  }
  if (!plan.hostname.empty() && (unshare(CLONE_NEWUTS) != 0 ||
                                 sethostname(plan.hostname.data(), plan.hostname.size()) != 0)) {
    return WithErrno("cannot set the hostname " + plan.hostname);
  }
  if (!plan.private_mounts()) return {};
  return MakeMounts(plan, around.folder, identity.user, identity.group);
}

// Returns only by failing.
std::string Execute(const std::vector<std::string>& command, const Plan& plan,
                    const Identity& identity) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  std::vector<char*> variables;
  bool home = false;
  for (const std::string& entry : plan.environment) {
    home = home || entry.starts_with("HOME=");
    variables.push_back(const_cast<char*>(entry.c_str()));
  }
  const std::string own = "HOME=" + (identity.home.empty() ? "/" : identity.home);
  if (!home) variables.push_back(const_cast<char*>(own.c_str()));
  variables.push_back(nullptr);
  // The command is looked for with the task's PATH.
  environ = variables.data();
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  execvp(words[0], words.data());
  return WithErrno(std::string("cannot execute ") + words[0]);
}

}  // namespace

void RunCommand(const Surroundings& around, const Streams& streams, int go, int report) {
  char byte = 0;
  if (read(go, &byte, 1) != 1) _exit(126);
  setsid();
  ResetSignals();
  std::string why = Connect(streams);
  if (why.empty()) why = EnterGroups(around.plan.control_groups);
  if (why.empty()) why = OwnNamespaces(around);
  if (why.empty()) why = Settle(around);
  if (why.empty()) why = Execute(around.plan.command, around.plan, around.identity);
  (void)WriteAll(report, why);
  _exit(127);
}

void RunProbe(const Surroundings& around, int output, const std::vector<Descriptor>& namespaces) {
  setsid();
  ResetSignals();
  std::string why = Connect({-1, output, output});
  if (why.empty()) why = EnterGroups(around.plan.control_groups);
  // A mount namespace cannot be joined while a thread shares the working directory; ThreadSanitizer
  // has one, in every process.
  if (why.empty() && unshare(CLONE_FS) != 0) why = WithErrno("cannot join the task");
  for (const Descriptor& space : namespaces) {
    if (why.empty() && setns(space.get(), 0) != 0) why = WithErrno("cannot join the task");
  }
  if (why.empty()) why = Settle(around);
  if (why.empty()) why = Execute(around.plan.health.command, around.plan, around.identity);
  (void)WriteAll(output, why);
  _exit(127);
}

std::vector<Descriptor> OpenNamespaces(const Plan& plan, int pid) {
  std::vector<Descriptor> out;
  const std::string folder = "/proc/" + std::to_string(pid) + "/ns/";
  if (!plan.hostname.empty()) {
    out.emplace_back(open((folder + "uts").c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (plan.private_mounts()) {
    out.emplace_back(open((folder + "mnt").c_str(), O_RDONLY | O_CLOEXEC));
  }
  return out;
}

}  // namespace swarm::executor_process
