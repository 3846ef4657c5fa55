#include "wal/storage.h"

#include <algorithm>
#include <utility>

namespace swarm::wal {
namespace {

LogOptions LogOptionsOf(const StorageOptions& options) {
  return {options.log_directory(), options.segment_bytes, options.zero_ahead_bytes};
}

std::unique_ptr<Sealer> MakeSealer(Runtime& runtime, const StorageOptions& options) {
  const std::string& key = options.pending_key.empty() ? options.key : options.pending_key;
  return std::make_unique<Sealer>(key, options.scheme, runtime.NewRandom(), runtime.clock());
}

Result<Storage> OpenWith(Runtime& runtime, const StorageOptions& options, Unsealer unsealer) {
  Storage storage;
  storage.snapshots = std::make_unique<SnapshotFiles>(runtime.files(), options.snapshot_directory(),
                                                      MakeSealer(runtime, options));
  SWARM_ASSIGN_OR_RETURN(storage.snapshot,
                         storage.snapshots->Load(unsealer, storage.broken_snapshots));
  const SnapshotMark mark = storage.snapshot ? storage.snapshot->mark : SnapshotMark();
  SWARM_ASSIGN_OR_RETURN(Log::Opened opened, Log::Open(runtime.files(), LogOptionsOf(options), mark,
                                                       unsealer, MakeSealer(runtime, options)));
  storage.log = std::move(opened.log);
  storage.contents = std::move(opened.contents);
  return storage;
}

}  // namespace

bool StorageExists(FileSystem& files, const StorageOptions& options) {
  const Result<std::vector<SegmentName>> segments = ListSegments(files, options.log_directory());
  return segments.ok() && !segments->empty();
}

Status CreateStorage(FileSystem& files, const StorageOptions& options, std::string_view metadata) {
  SWARM_RETURN_IF_ERROR(files.CreateDirectory(options.directory, 0700));
  const std::size_t slash = options.directory.rfind('/');
  SWARM_RETURN_IF_ERROR(files.SyncDirectory(
      slash == std::string::npos ? std::string(".") : options.directory.substr(0, slash)));
  SWARM_RETURN_IF_ERROR(files.CreateDirectory(options.snapshot_directory(), 0700));
  // Its last step makes both folders durable.
  return Log::Create(files, LogOptionsOf(options), metadata);
}

Result<Storage> OpenStorage(Runtime& runtime, const StorageOptions& options) {
  if (options.key.empty()) {
    return Status(Code::kInvalidArgument,
                  "log in " + options.directory + ": no key to encrypt it with");
  }
  FileSystem& files = runtime.files();
  if (!files.Exists(options.snapshot_directory())) {
    SWARM_RETURN_IF_ERROR(files.CreateDirectory(options.snapshot_directory(), 0700));
    SWARM_RETURN_IF_ERROR(files.SyncDirectory(options.directory));
  }
  if (options.pending_key.empty()) {
    return OpenWith(runtime, options, Unsealer({options.key}, options.fips));
  }
  Result<Storage> alone = OpenWith(runtime, options, Unsealer({options.pending_key}, options.fips));
  if (alone.ok() || alone.status().code() != Code::kUnauthenticated) return alone;
  SWARM_ASSIGN_OR_RETURN(Storage both, OpenWith(runtime, options, MakeUnsealer(options)));
  both.needs_old_key = true;
  return both;
}

Status CollectGarbage(FileSystem& files, const StorageOptions& options, SnapshotFiles& snapshots,
                      const SnapshotMark& current, std::size_t keep, Index keep_after) {
  SWARM_ASSIGN_OR_RETURN(const Index oldest, snapshots.CollectGarbage(current, keep));
  if (oldest.value() == 0) return Status::Ok();
  return RemoveSegments(files, options.log_directory(), std::min(oldest, keep_after));
}

Status EraseStorage(FileSystem& files, const StorageOptions& options) {
  SWARM_RETURN_IF_ERROR(files.RemoveAll(options.log_directory()));
  SWARM_RETURN_IF_ERROR(files.RemoveAll(options.snapshot_directory()));
  return files.SyncDirectory(options.directory);
}

Unsealer MakeUnsealer(const StorageOptions& options) {
  std::vector<std::string> keys;
  if (!options.pending_key.empty()) keys.push_back(options.pending_key);
  keys.push_back(options.key);
  return Unsealer(keys, options.fips);
}

}  // namespace swarm::wal
