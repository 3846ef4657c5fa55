#include "task_folder.h"

#include <dirent.h>
#include <fcntl.h>

#include <cstdlib>
#include <memory>
#include <sstream>

#include "proc_stat.h"
#include "system.h"

namespace swarm::executor_process {
namespace {

// The supervisor of a folder by its command line: for when its record is damaged.
Result<ProcessRecord> FindSupervisor(const std::string& folder) {
  const std::string argument = std::string(1, '\0') + folder + std::string(1, '\0');
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(opendir("/proc"), &closedir);
  while (const dirent* entry = processes ? readdir(processes.get()) : nullptr) {
    const auto pid = static_cast<std::int32_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid <= 1) continue;
    const std::string own = "/proc/" + std::string(entry->d_name);
    const std::string line = ReadProcFile(own + "/cmdline");
    if (!line.ends_with(argument) || line.find("swarm-task") == std::string::npos) continue;
    const std::string children = ReadProcFile(own + "/task/" + entry->d_name + "/children");
    ProcessRecord out;
    out.boot_id = BootId();
    out.supervisor = pid;
    out.supervisor_start = StartTimeOf(pid);
    out.process = static_cast<std::int32_t>(std::strtol(children.c_str(), nullptr, 10));
    out.process_start = StartTimeOf(out.process);
    // The one that only waits for the other has that one as its child. None is left when the task
    // is about to end.
    const bool waits = ReadProcFile("/proc/" + std::to_string(out.process) + "/cmdline") == line;
    if (!waits) return out;
  }
  return Status(Code::kNotFound, "no supervisor of " + folder);
}

}  // namespace

Result<ProcessRecord> ParseRecord(std::string_view text) {
  std::istringstream in{std::string(text)};
  ProcessRecord out;
  in >> out.boot_id >> out.supervisor >> out.supervisor_start >> out.process >> out.process_start;
  if (!in || out.supervisor <= 1 || out.process <= 1) {
    return Status(Code::kDataLoss, "not a record of a process");
  }
  return out;
}

Result<ExitStatus> ParseExit(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::string kind;
  std::string more;
  int number = 0;
  in >> kind >> number;
  if (!in || (kind != "exit" && kind != "signal") || number < 0 || number > 255) {
    return Status(Code::kDataLoss, "not an exit status");
  }
  in >> more;
  return ExitStatus{kind == "signal" ? 128 + number : number, more == "oom"};
}

Status TaskFolder::Create() {
  SWARM_RETURN_IF_ERROR(files_->CreateDirectory(path_, 0711));
  SWARM_RETURN_IF_ERROR(files_->CreateDirectory(file("log"), 0700));
  return files_->CreateDirectory(file("work"), 0755);
}

bool TaskFolder::Locked() const {
  const Descriptor lock(open(file("lock").c_str(), O_RDWR | O_CLOEXEC));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  return lock && fcntl(lock.get(), F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

ProcessView TaskFolder::InspectOnce() {
  ProcessView view;
  if (!files_->Exists(path_)) return view;
  view.state = Locked() ? ProcessState::kStarting : ProcessState::kPrepared;
  if (const auto text = ReadFile(*files_, file("pid")); text.ok()) {
    auto record = ParseRecord(*text);
    // Damaged, but what it tells of may still be there.
    if (!record.ok() && view.state == ProcessState::kStarting) record = FindSupervisor(path_);
    view.state = ProcessState::kLost;
    if (record.ok()) {
      view.record = *std::move(record);
      const bool alive = view.record.boot_id == BootId() &&
                         StartTimeOf(view.record.supervisor) == view.record.supervisor_start;
      if (alive) view.state = ProcessState::kRunning;
    }
  }
  if (auto text = ReadFile(*files_, file("error")); text.ok()) {
    view.state = ProcessState::kFailed;
    view.error = *std::move(text);
  }
  if (const auto text = ReadFile(*files_, file("exit")); text.ok()) {
    const auto exit = ParseExit(*text);
    view.state = exit.ok() ? ProcessState::kExited : ProcessState::kLost;
    if (exit.ok()) view.exit = *exit;
  }
  return view;
}

ProcessView TaskFolder::Inspect() {
  ProcessView view = InspectOnce();
  // It may have written its status and ended between the two looks above.
  if (view.state == ProcessState::kLost) view = InspectOnce();
  return view;
}

HealthView TaskFolder::Health() {
  const auto text = ReadFile(*files_, file("health"));
  if (!text.ok()) return {};
  const std::size_t end = text->find('\n');
  if (end == std::string::npos) return {*text, ""};
  return {text->substr(0, end), text->substr(end + 1)};
}

Status TaskFolder::Remove() { return files_->RemoveAll(path_); }

}  // namespace swarm::executor_process
