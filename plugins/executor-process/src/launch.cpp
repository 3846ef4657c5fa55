#include "launch.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "proc_stat.h"

namespace swarm::executor_process {
namespace {

constexpr int kHelperBusy = 3;
constexpr std::string_view kPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct SignalName {
  std::string_view name;
  int number;
};
constexpr SignalName kSignals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"KILL", SIGKILL}, {"USR1", SIGUSR1},
    {"USR2", SIGUSR2}, {"TERM", SIGTERM}, {"CONT", SIGCONT}, {"STOP", SIGSTOP}, {"WINCH", SIGWINCH},
    {"ALRM", SIGALRM}, {"PIPE", SIGPIPE}, {"ABRT", SIGABRT}, {"TSTP", SIGTSTP}, {"PWR", SIGPWR}};

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

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

// As a container's environment: later entries win, "NAME" alone removes.
std::vector<std::string> Environment(const pb::ContainerSpec& container) {
  std::vector<std::string> out{std::string(kPath)};
  for (const std::string& entry : container.env()) {
    const std::size_t equals = entry.find('=');
    const std::string prefix = entry.substr(0, equals) + "=";
    std::erase_if(out, [&](const std::string& known) { return known.starts_with(prefix); });
    if (equals != std::string::npos) out.push_back(entry);
  }
  return out;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Status Unsupported(std::string_view what) {
  return {Code::kUnimplemented,
          "executor-process cannot give a process " + std::string(what) +
              "; remove them from the service or run it on a container executor"};
}

}  // namespace

Result<int> ParseSignal(std::string_view text) {
  std::string_view name = text;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (const SignalName& known : kSignals) {
    if (known.name == name) return known.number;
  }
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number > 0 && number < NSIG) {
    return number;
  }
  return Status(Code::kInvalidArgument,
                "stop_signal \"" + std::string(text) + "\" is not a signal such as SIGTERM or 15");
}

Result<LaunchSpec> LaunchSpecOf(const pb::Task& task) {
  if (!task.spec().has_container()) {
    return Status(Code::kUnimplemented, "executor-process runs only container tasks");
  }
  const pb::ContainerSpec& container = task.spec().container();
  if (container.mounts_size() > 0) return Unsupported("mounts");
  if (container.secrets_size() > 0) return Unsupported("secrets");
  if (container.configs_size() > 0) return Unsupported("configs");
  if (task.networks_size() > 0) return Unsupported("networks");
  LaunchSpec out;
  out.command.assign(container.command().begin(), container.command().end());
  out.command.insert(out.command.end(), container.args().begin(), container.args().end());
  if (out.command.empty()) {
    return Status(Code::kInvalidArgument,
                  "the task names no command: a process has no image to take one from");
  }
  out.environment = Environment(container);
  out.directory = container.dir();
  out.user = container.user();
  if (!container.stop_signal().empty()) {
    SWARM_ASSIGN_OR_RETURN(out.stop_signal, ParseSignal(container.stop_signal()));
  }
  if (container.has_stop_grace_period()) {
    out.grace = std::chrono::seconds(container.stop_grace_period().seconds()) +
                std::chrono::nanoseconds(container.stop_grace_period().nanos());
  }
  return out;
}

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

Status Launch(const std::string& helper, const LaunchSpec& spec, TaskFolder& folder) {
  std::vector<std::string> words{helper, folder.path(), spec.user,
                                 spec.directory.empty() ? folder.file("work") : spec.directory};
  words.insert(words.end(), spec.command.begin(), spec.command.end());
  std::vector<std::string> environment = spec.environment;
  const std::vector<char*> argv = Pointers(words);
  const std::vector<char*> envp = Pointers(environment);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, helper.c_str(), &files, &attributes, argv.data(), envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    return {Code::kResourceExhausted, "cannot run " + helper + ": " + std::strerror(error)};
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kHelperBusy) {
    return {Code::kUnavailable, "another start of the task is under way"};
  }
  return Status::Ok();
}

void SignalTask(const ProcessRecord& record, int signal) {
  if (record.process <= 1 || record.boot_id != BootId()) return;
  if (StartTimeOf(record.process) == record.process_start) kill(-record.process, signal);
}

}  // namespace swarm::executor_process
