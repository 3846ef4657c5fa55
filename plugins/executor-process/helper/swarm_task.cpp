// swarm-task: stands between the executor and one process, so that the process survives the
// executor and its exit status is not lost.
//
//   swarm-task FOLDER USER WORKING_DIRECTORY COMMAND [ARGUMENT...]
//
// Starts COMMAND in a session of its own with its output in FOLDER/stdout and FOLDER/stderr, goes
// to the background and returns 0 once COMMAND has been executed; the reason why not is in
// FOLDER/error otherwise. While it lives it holds a lock on FOLDER/lock. Writes:
//   FOLDER/pid    "<boot id> <own pid> <own start> <command's pid> <command's start>"
//   FOLDER/exit   "exit <code>" or "signal <number>", once all processes of the task are gone
// Both appear whole or not at all.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "proc_stat.h"

namespace {

using swarm::executor_process::BootId;
using swarm::executor_process::ReadProcFile;
using swarm::executor_process::StartTimeOf;

constexpr int kAlreadyRunning = 3;

bool WriteAtomically(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written =
      write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  close(fd);
  if (!written || rename(temporary.c_str(), path.c_str()) != 0) return false;
  const int folder =
      open(path.substr(0, path.rfind('/')).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return false;
  fsync(folder);
  close(folder);
  return true;
}

struct Request {
  std::string folder;
  std::string user;
  std::string directory;
  char** command;
};

bool AllDigits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// "name", "uid", each with ":group" or ":gid". What went wrong, or null.
const char* BecomeUser(const std::string& wanted) {
  const std::size_t colon = wanted.find(':');
  const std::string user = wanted.substr(0, colon);
  const std::string group = colon == std::string::npos ? "" : wanted.substr(colon + 1);
  const passwd* entry = AllDigits(user)
                            ? getpwuid(static_cast<uid_t>(strtoul(user.c_str(), nullptr, 10)))
                            : getpwnam(user.c_str());
  if (!entry && !AllDigits(user)) return "no such user";
  const uid_t uid = entry ? entry->pw_uid : static_cast<uid_t>(strtoul(user.c_str(), nullptr, 10));
  gid_t gid = entry ? entry->pw_gid : static_cast<gid_t>(uid);
  if (AllDigits(group)) {
    gid = static_cast<gid_t>(strtoul(group.c_str(), nullptr, 10));
  } else if (!group.empty()) {
    const struct group* found = getgrnam(group.c_str());
    if (!found) return "no such group";
    gid = found->gr_gid;
  }
  const int groups = entry ? initgroups(entry->pw_name, gid) : setgroups(0, nullptr);
  if (groups != 0 || setgid(gid) != 0 || setuid(uid) != 0) return strerror(errno);
  return nullptr;
}

// In the new process. Returns only by failing: what and why go to `report`.
[[noreturn]] void RunCommand(const Request& request, int report) {
  std::string failure;
  setsid();
  const int output =
      open((request.folder + "/stdout").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int errors =
      open((request.folder + "/stderr").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (output < 0 || errors < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) {
    failure = std::string("cannot open the output files: ") + strerror(errno);
  } else if (chdir(request.directory.c_str()) != 0) {
    failure = "cannot enter directory " + request.directory + ": " + strerror(errno);
  } else if (const char* why = request.user.empty() ? nullptr : BecomeUser(request.user)) {
    failure = "cannot become user " + request.user + ": " + why;
  } else {
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    execvp(request.command[0], request.command);
    failure = std::string("cannot execute ") + request.command[0] + ": " + strerror(errno);
  }
  if (write(report, failure.data(), failure.size()) < 0) _exit(126);
  _exit(127);
}

std::string ReadAll(int fd) {
  std::string out;
  char buffer[512];
  for (;;) {
    const ssize_t size = read(fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return out;
    out.append(buffer, static_cast<std::size_t>(size));
  }
}

// What the command left behind goes with it, as in a container whose first process has ended.
void EndStragglers(pid_t command) {
  kill(-command, SIGKILL);
  for (;;) {
    const std::string children =
        ReadProcFile("/proc/self/task/" + std::to_string(getpid()) + "/children");
    const char* at = children.c_str();
    for (char* end = nullptr;; at = end) {
      const long pid = strtol(at, &end, 10);
      if (end == at || pid <= 0) break;
      kill(static_cast<pid_t>(pid), SIGKILL);
    }
    if (waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return;
  }
}

// The background half. `report` stays open until the command has been executed, or not.
[[noreturn]] void Supervise(const Request& request, int report) {
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "swarm-task");
  int executed[2];
  if (pipe2(executed, O_CLOEXEC) != 0) _exit(126);
  const pid_t command = fork();
  if (command == 0) RunCommand(request, executed[1]);
  close(executed[1]);
  std::string failure =
      command < 0 ? std::string("cannot fork: ") + strerror(errno) : ReadAll(executed[0]);
  close(executed[0]);
  if (failure.empty()) {
    const std::string record =
        BootId() + " " + std::to_string(getpid()) + " " + std::to_string(StartTimeOf(getpid())) +
        " " + std::to_string(command) + " " + std::to_string(StartTimeOf(command)) + "\n";
    if (!WriteAtomically(request.folder + "/pid", record)) {
      failure = std::string("cannot write to ") + request.folder + ": " + strerror(errno);
      kill(-command, SIGKILL);
    }
  }
  if (!failure.empty()) {
    if (write(report, failure.data(), failure.size()) < 0) _exit(126);
    _exit(127);
  }
  close(report);
  // Signals meant for the task go to its own group; this one only waits.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2}) {
    signal(number, SIG_IGN);
  }
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(-1, &status, 0);
    if (ended == command) break;
    if (ended < 0 && errno != EINTR) break;
  }
  EndStragglers(command);
  const std::string outcome = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                                  : "exit " + std::to_string(WEXITSTATUS(status));
  // A full disk may pass: nobody else knows the status.
  while (!WriteAtomically(request.folder + "/exit", outcome + "\n")) {
    if (access(request.folder.c_str(), F_OK) != 0) _exit(1);
    sleep(1);
  }
  _exit(0);
}

int Fail(const std::string& folder, const std::string& why) {
  WriteAtomically(folder + "/error", why);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: swarm-task FOLDER USER WORKING_DIRECTORY COMMAND [ARGUMENT...]\n");
    return 2;
  }
  close_range(3, ~0U, 0);
  const Request request{argv[1], argv[2], argv[3], argv + 4};
  const int lock = open((request.folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) {
    perror("swarm-task: lock");
    return 1;
  }
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) return kAlreadyRunning;
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return Fail(request.folder, strerror(errno));
  const pid_t background = fork();
  if (background < 0) return Fail(request.folder, std::string("cannot fork: ") + strerror(errno));
  if (background == 0) {
    close(report[0]);
    Supervise(request, report[1]);
  }
  close(report[1]);
  const std::string failure = ReadAll(report[0]);
  if (!failure.empty()) return Fail(request.folder, failure);
  return 0;
}
