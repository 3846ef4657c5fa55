#include "launch.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "proc_stat.h"

namespace swarm::executor_process {
namespace {

std::string OwnFolder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&OwnFolder), &info) == 0 || !info.dli_fname) return ".";
  const std::string path = info.dli_fname;
  return path.find('/') == std::string::npos ? "." : FolderOf(path);
}

std::string ProgramFolder() {
  std::string path(4096, '\0');
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return FolderOf(path);
}

// A file in memory that only its holders know.
Descriptor MemoryFile(std::string_view data) {
  Descriptor file(memfd_create("swarm-task", MFD_CLOEXEC));
  if (file && (!WriteAll(file.get(), data) || lseek(file.get(), 0, SEEK_SET) != 0)) file.Reset();
  return file;
}

// The number cannot come to mean another process between the check and the signal.
bool SignalVerified(std::int32_t pid, std::uint64_t start_time, int signal) {
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  return process && StartTimeOf(pid) == start_time &&
         syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0;
}

}  // namespace

Result<std::string> FindHelper(FileSystem& files, const std::string& configured) {
  if (!configured.empty()) {
    if (files.Exists(configured)) return configured;
    return Status(Code::kNotFound, "setting helper: no file " + configured);
  }
  const std::string own = OwnFolder();
  std::string looked;
  for (const std::string& folder : {own, own + "/../bin", own + "/../../../bin", ProgramFolder(),
                                    ProgramFolder() + "/../bin"}) {
    const std::string path = folder + "/swarm-task";
    if (files.Exists(path)) return path;
    looked += (looked.empty() ? "" : ", ") + path;
  }
  return Status(Code::kNotFound, "the helper program swarm-task is at none of " + looked +
                                     "; name it with the setting helper");
}

Result<LaunchedHelper> Launch(const std::string& helper, const std::string& folder,
                              std::string_view plan) {
  LaunchedHelper out;
  const Descriptor input = MemoryFile(plan);
  out.words = MemoryFile("");
  if (!input || !out.words) {
    return Status(Code::kResourceExhausted, WithErrno("cannot hand a task to " + helper));
  }
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input.get(), 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out.words.get(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string program = helper;
  std::string argument = folder;
  char* words[] = {program.data(), argument.data(), nullptr};
  // Nothing of the task's environment reaches the helper, which may have more rights.
  char* environment[] = {nullptr};
  const int error = posix_spawn(&out.pid, helper.c_str(), &files, &attributes, words, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    return Status(Code::kResourceExhausted, "cannot run " + helper + ": " + std::strerror(error));
  }
  return out;
}

std::string Finish(LaunchedHelper helper) {
  while (waitpid(helper.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  lseek(helper.words.get(), 0, SEEK_SET);
  std::string out = ReadAll(helper.words.get());
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

void SignalProcess(const ProcessRecord& record, int signal) {
  if (record.process <= 1 || record.boot_id != BootId()) return;
  SignalVerified(record.process, record.process_start, signal);
}

void KillTask(const ProcessRecord& record) {
  if (record.process <= 1 || record.boot_id != BootId()) return;
  if (StartTimeOf(record.process) == record.process_start) kill(-record.process, SIGKILL);
  SignalVerified(record.process, record.process_start, SIGKILL);
}

}  // namespace swarm::executor_process
