#include "take_over.h"

#include <utility>
#include <vector>

#include "bolt_tasks.h"

namespace swarm::agent {
namespace {

constexpr const char* kDatabase = "/tasks.db";

std::vector<TaskRecord> RecordsOf(const StoredTasks& tasks) {
  std::vector<TaskRecord> records;
  for (const auto& [id, task] : tasks) {
    records.push_back({TaskRecord::Kind::kTask, id, task.task});
    if (!task.status.empty()) records.push_back({TaskRecord::Kind::kStatus, id, task.status});
  }
  return records;
}

}  // namespace

Result<StoredTasks> OpenOrTakeOver(FileSystem& files, const std::string& directory, TaskLog& log,
                                   const Logger& logger) {
  const std::string path = directory + kDatabase;
  const bool first = !files.Exists(log.path());
  SWARM_ASSIGN_OR_RETURN(StoredTasks tasks, log.Open());
  if (!first || !files.Exists(path)) return tasks;
  const auto bytes = ReadFile(files, path);
  auto found = bytes.ok() ? ReadBoltTasks(*bytes) : Result<StoredTasks>(bytes.status());
  if (!found.ok()) {
    logger.Warn(
        "the tasks of the agent that was here before cannot be read; the manager will tell "
        "them",
        {{"path", path}, {"error", found.status().message()}});
    return tasks;
  }
  SWARM_RETURN_IF_ERROR(log.Append(RecordsOf(*found)));
  logger.Info("took over the tasks of the agent that was here before",
              {{"path", path}, {"tasks", std::to_string(found->size())}});
  return found;
}

}  // namespace swarm::agent
