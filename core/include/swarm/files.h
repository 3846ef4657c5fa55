// Files, as far as durable state needs them. Production is Linux; a simulation has a virtual disk
// that tears and drops whatever was not synced.
//
// Errors: NotFound (no such file), AlreadyExists, ResourceExhausted (disk full), PermissionDenied,
// FailedPrecondition (locked by another process), DataLoss (input/output error), each naming the
// path. After DataLoss or ResourceExhausted from Write or Sync, what the file holds past the last
// good Sync is unknown.
// Threading: [blocking]; one user a file at a time. A FileSystem may be used from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/export.h"
#include "swarm/status.h"

namespace swarm {

class SWARM_EXPORT File {
 public:
  // Closes; what was not synced may be lost.
  virtual ~File();

  // Writes all of `data` at `offset`, growing the file if needed.
  virtual Status Write(std::uint64_t offset, std::string_view data) noexcept = 0;
  // Reads at most `size` bytes; shorter only at the end of the file.
  virtual Result<std::string> Read(std::uint64_t offset, std::size_t size) noexcept = 0;
  virtual Result<std::uint64_t> Size() noexcept = 0;
  // Cuts, or extends with zeros.
  virtual Status Truncate(std::uint64_t size) noexcept = 0;
  // Reserves disk space for [0, size) and extends with zeros; a hint where not supported.
  virtual Status Allocate(std::uint64_t size) noexcept = 0;
  // Data and the size needed to read it back are on disk once this returns OK (fdatasync).
  virtual Status Sync() noexcept = 0;
};

enum class OpenMode : unsigned char {
  kRead,            // must exist
  kWrite,           // must exist; read and write
  kCreate,          // read and write; made when absent
  kCreateExclusive  // read and write; must be absent
};

struct OpenOptions {
  OpenMode mode = OpenMode::kRead;
  // Permission bits of a file that is made, exactly (umask does not apply).
  unsigned permissions = 0600;
  // Take an exclusive lock (Linux OFD lock) until the file is closed, or fail.
  bool lock = false;
};

// Paths are absolute or relative to the working directory.
class SWARM_EXPORT FileSystem {
 public:
  virtual ~FileSystem();

  virtual Result<std::unique_ptr<File>> Open(std::string_view path,
                                             OpenOptions options) noexcept = 0;
  // Replaces `to` atomically. Survives a crash only after SyncDirectory of the folder.
  virtual Status Rename(std::string_view from, std::string_view to) noexcept = 0;
  // Removing what is absent is OK.
  virtual Status Remove(std::string_view path) noexcept = 0;
  // Removes a folder with all it holds; absent is OK.
  virtual Status RemoveAll(std::string_view path) noexcept = 0;
  // Makes the folder and its missing parents; existing is OK.
  virtual Status CreateDirectory(std::string_view path, unsigned permissions) noexcept = 0;
  // Names in the folder, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> List(std::string_view path) noexcept = 0;
  virtual bool Exists(std::string_view path) noexcept = 0;
  // Makes names created, renamed or removed in the folder durable.
  virtual Status SyncDirectory(std::string_view path) noexcept = 0;
};

// The whole file.
SWARM_EXPORT Result<std::string> ReadFile(FileSystem& files, std::string_view path);

// Replaces the file so that after a crash either the old or the whole new content is there, and
// the new one once this has returned OK: temporary file, sync, rename, directory sync.
SWARM_EXPORT Status WriteFileAtomically(FileSystem& files, std::string_view path,
                                        std::string_view data, unsigned permissions);

}  // namespace swarm
