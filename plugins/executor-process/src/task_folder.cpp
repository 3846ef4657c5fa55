#include "task_folder.h"

#include <sstream>

#include "proc_stat.h"

namespace swarm::executor_process {

Result<ProcessRecord> ParseRecord(std::string_view text) {
  std::istringstream in{std::string(text)};
  ProcessRecord out;
  in >> out.boot_id >> out.supervisor >> out.supervisor_start >> out.process >> out.process_start;
  if (!in || out.supervisor <= 1 || out.process <= 1) {
    return Status(Code::kDataLoss, "not a record of a process");
  }
  return out;
}

Result<int> ParseExit(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::string kind;
  int number = 0;
  in >> kind >> number;
  if (!in || (kind != "exit" && kind != "signal")) {
    return Status(Code::kDataLoss, "not an exit status");
  }
  return kind == "signal" ? 128 + number : number;
}

Status TaskFolder::Create() {
  SWARM_RETURN_IF_ERROR(files_->CreateDirectory(path_, 0700));
  return files_->CreateDirectory(file("work"), 0755);
}

ProcessView TaskFolder::InspectOnce() {
  ProcessView view;
  if (!files_->Exists(path_)) return view;
  view.state = ProcessState::kPrepared;
  if (const auto text = ReadFile(*files_, file("pid")); text.ok()) {
    if (auto record = ParseRecord(*text); record.ok()) {
      view.record = *std::move(record);
      const bool alive = view.record.boot_id == BootId() &&
                         StartTimeOf(view.record.supervisor) == view.record.supervisor_start;
      view.state = alive ? ProcessState::kRunning : ProcessState::kLost;
    }
  }
  if (const auto text = ReadFile(*files_, file("exit")); text.ok()) {
    if (const auto code = ParseExit(*text); code.ok()) {
      view.state = ProcessState::kExited;
      view.exit_code = *code;
    }
  }
  return view;
}

ProcessView TaskFolder::Inspect() {
  ProcessView view = InspectOnce();
  // It may have written its status and ended between the two looks above.
  if (view.state == ProcessState::kLost) view = InspectOnce();
  return view;
}

std::string TaskFolder::StartError() {
  auto text = ReadFile(*files_, file("error"));
  return text.ok() ? *std::move(text) : std::string();
}

Status TaskFolder::Remove() { return files_->RemoveAll(path_); }

}  // namespace swarm::executor_process
