// The tasks of a node on disk, so that they outlive its restart: a file of records, each with its
// checksum, that only grows and is rewritten when most of it is outdated.
//
// A record that was not wholly written ends the file when it is read: what followed was never
// reported as stored. Nothing depends on the newest records: an older status makes the agent
// repeat operations, which are idempotent.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/files.h"
#include "swarm/status.h"

namespace swarm::agent {

struct TaskRecord {
  enum class Kind : unsigned char {
    kTask = 1,      // bytes: the Task without its status; it is assigned to this node
    kStatus = 2,    // bytes: its TaskStatus
    kReleased = 3,  // no longer assigned, but there may be traces of it
    kForgotten = 4,
  };
  Kind kind = Kind::kTask;
  std::string task_id;
  std::string bytes;
};

struct StoredTask {
  std::string task;    // serialised
  std::string status;  // serialised; empty: none
  bool assigned = true;
};
using StoredTasks = std::map<std::string, StoredTask>;

// Threading: [blocking].
class TaskLog {
 public:
  TaskLog(FileSystem& files, std::string directory);

  // Makes the folder and file if absent. Fails when another process has them.
  Result<StoredTasks> Open();
  const std::string& path() const { return path_; }
  // Durable once it returns.
  Status Append(const std::vector<TaskRecord>& records);

 private:
  // Replaces the file by its newest records.
  Status Rewrite();

  FileSystem& files_;
  const std::string directory_;
  const std::string path_;
  std::unique_ptr<File> lock_;
  std::unique_ptr<File> file_;
  std::uint64_t end_ = 0;         // of what is stored for certain
  bool uncertain_ = false;        // a write failed: there may be something after it
  std::uint64_t rewrite_at_ = 0;  // size from which most of the file is outdated
};

// For tests and tools.
std::string EncodeRecord(const TaskRecord& record);
// The records up to the first that is not whole; `good` is where that begins.
std::vector<TaskRecord> DecodeRecords(std::string_view bytes, std::size_t* good);

}  // namespace swarm::agent
