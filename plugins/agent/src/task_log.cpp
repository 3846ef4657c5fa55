#include "task_log.h"

#include <array>
#include <utility>

namespace swarm::agent {
namespace {

constexpr std::size_t kHeaderBytes = 8;  // length and checksum of the body
constexpr std::size_t kMinimumBody = 5;  // kind and length of the id
constexpr std::size_t kMaximumBody = 256u << 20;
constexpr std::uint64_t kSmallFile = 256u << 10;  // not worth rewriting

constexpr std::array<std::uint32_t, 256> MakeCrcTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0x82f63b78u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr auto kCrcTable = MakeCrcTable();

std::uint32_t Crc32c(std::string_view bytes) {
  std::uint32_t value = ~0u;
  for (char c : bytes)
    value = (value >> 8) ^ kCrcTable[(value ^ static_cast<unsigned char>(c)) & 255];
  return ~value;
}

void PutNumber(std::string* out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

std::uint32_t GetNumber(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  }
  return value;
}

void Apply(TaskRecord record, StoredTasks* tasks) {
  switch (record.kind) {
    case TaskRecord::Kind::kTask: {
      StoredTask& task = (*tasks)[record.task_id];
      task.task = std::move(record.bytes);
      task.assigned = true;
      break;
    }
    case TaskRecord::Kind::kStatus:
      if (auto found = tasks->find(record.task_id); found != tasks->end()) {
        found->second.status = std::move(record.bytes);
      }
      break;
    case TaskRecord::Kind::kReleased:
      if (auto found = tasks->find(record.task_id); found != tasks->end()) {
        found->second.assigned = false;
      }
      break;
    case TaskRecord::Kind::kForgotten:
      tasks->erase(record.task_id);
      break;
  }
}

std::string ParentOf(const std::string& path) {
  std::size_t slash = path.find_last_of('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Makes the folder so that it is there after a crash: each folder that gained one is synced.
Status MakeFolder(FileSystem& files, const std::string& path) {
  std::vector<std::string> grown;
  for (std::string at = path; at != "/" && at != "." && !files.Exists(at); at = ParentOf(at)) {
    grown.push_back(ParentOf(at));
  }
  SWARM_RETURN_IF_ERROR(files.CreateDirectory(path, 0700));
  for (const std::string& folder : grown) SWARM_RETURN_IF_ERROR(files.SyncDirectory(folder));
  return {};
}

StoredTasks Replay(std::string_view bytes, std::size_t* good) {
  StoredTasks tasks;
  for (TaskRecord& record : DecodeRecords(bytes, good)) Apply(std::move(record), &tasks);
  return tasks;
}

}  // namespace

std::string EncodeRecord(const TaskRecord& record) {
  std::string body(1, static_cast<char>(record.kind));
  PutNumber(&body, static_cast<std::uint32_t>(record.task_id.size()));
  body += record.task_id;
  body += record.bytes;
  std::string out;
  PutNumber(&out, static_cast<std::uint32_t>(body.size()));
  PutNumber(&out, Crc32c(body));
  return out + body;
}

std::vector<TaskRecord> DecodeRecords(std::string_view bytes, std::size_t* good) {
  std::vector<TaskRecord> out;
  *good = 0;
  while (bytes.size() >= kHeaderBytes) {
    std::size_t size = GetNumber(bytes);
    std::uint32_t checksum = GetNumber(bytes.substr(4));
    if (size < kMinimumBody || size > kMaximumBody || size > bytes.size() - kHeaderBytes) break;
    std::string_view body = bytes.substr(kHeaderBytes, size);
    if (Crc32c(body) != checksum) break;
    auto kind = static_cast<TaskRecord::Kind>(body[0]);
    std::size_t id_size = GetNumber(body.substr(1));
    if (kind < TaskRecord::Kind::kTask || kind > TaskRecord::Kind::kForgotten ||
        id_size > size - kMinimumBody) {
      break;
    }
    out.push_back({kind, std::string(body.substr(kMinimumBody, id_size)),
                   std::string(body.substr(kMinimumBody + id_size))});
    bytes.remove_prefix(kHeaderBytes + size);
    *good += kHeaderBytes + size;
  }
  return out;
}

TaskLog::TaskLog(FileSystem& files, std::string directory)
    : files_(files), directory_(std::move(directory)), path_(directory_ + "/tasks.v1.log") {}

Result<StoredTasks> TaskLog::Open() {
  SWARM_RETURN_IF_ERROR(MakeFolder(files_, directory_));
  SWARM_ASSIGN_OR_RETURN(
      lock_, files_.Open(directory_ + "/tasks.lock", {.mode = OpenMode::kCreate, .lock = true}));
  SWARM_ASSIGN_OR_RETURN(file_, files_.Open(path_, {.mode = OpenMode::kCreate}));
  SWARM_RETURN_IF_ERROR(files_.SyncDirectory(directory_));
  SWARM_ASSIGN_OR_RETURN(std::uint64_t size, file_->Size());
  SWARM_ASSIGN_OR_RETURN(std::string bytes, file_->Read(0, size));
  std::size_t good = 0;
  StoredTasks tasks = Replay(bytes, &good);
  end_ = good;
  uncertain_ = good < bytes.size();
  rewrite_at_ = std::max(kSmallFile, end_);
  return tasks;
}

Status TaskLog::Append(const std::vector<TaskRecord>& records) {
  if (uncertain_) {
    SWARM_RETURN_IF_ERROR(file_->Truncate(end_));
    uncertain_ = false;
  }
  std::string bytes;
  for (const TaskRecord& record : records) bytes += EncodeRecord(record);
  uncertain_ = true;
  SWARM_RETURN_IF_ERROR(file_->Write(end_, bytes));
  SWARM_RETURN_IF_ERROR(file_->Sync());
  uncertain_ = false;
  end_ += bytes.size();
  return end_ > rewrite_at_ ? Rewrite() : Status();
}

Status TaskLog::Rewrite() {
  SWARM_ASSIGN_OR_RETURN(std::string old, file_->Read(0, end_));
  std::size_t good = 0;
  StoredTasks tasks = Replay(old, &good);
  if (good != end_) return {Code::kDataLoss, path_ + " has changed under this process"};
  std::string bytes;
  using Kind = TaskRecord::Kind;
  for (const auto& [id, task] : tasks) {
    bytes += EncodeRecord({Kind::kTask, id, task.task});
    if (!task.status.empty()) bytes += EncodeRecord({Kind::kStatus, id, task.status});
    if (!task.assigned) bytes += EncodeRecord({Kind::kReleased, id, ""});
  }
  SWARM_RETURN_IF_ERROR(WriteFileAtomically(files_, path_, bytes, 0600));
  SWARM_ASSIGN_OR_RETURN(file_, files_.Open(path_, {.mode = OpenMode::kWrite}));
  end_ = bytes.size();
  // Each rewrite is paid for by as much growth.
  rewrite_at_ = std::max(kSmallFile, 3 * end_);
  return {};
}

}  // namespace swarm::agent
