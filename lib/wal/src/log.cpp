#include "wal/log.h"

#include <algorithm>
#include <utility>

namespace swarm::wal {
namespace {

constexpr std::string_view kSpareName = "0.tmp";
// Records that need no sync wait in memory for the next that does, up to this size.
constexpr std::size_t kMaxPending = 1 << 20;
// A buffer that grew beyond this is given back.
constexpr std::size_t kKeptBuffer = 1 << 20;

// Reserves space if it can; a small disk does without.
Status AllocateIfPossible(File& file, std::uint64_t size) {
  Status status = file.Allocate(size);
  if (status.code() == Code::kResourceExhausted) return Status::Ok();
  return status;
}

}  // namespace

Status Log::Create(FileSystem& files, const LogOptions& options, std::string_view metadata) {
  const std::string temporary = options.directory + ".tmp";
  SWARM_RETURN_IF_ERROR(files.RemoveAll(temporary));
  SWARM_RETURN_IF_ERROR(files.CreateDirectory(temporary, 0700));
  {
    SWARM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                           files.Open(temporary + "/" + SegmentName().ToString(),
                                      {.mode = OpenMode::kCreateExclusive, .permissions = 0600}));
    RecordEncoder encoder;
    std::string bytes;
    encoder.AddCrc(bytes);
    encoder.AddMetadata(bytes, metadata);
    encoder.AddSnapshotMark(bytes, SnapshotMark());
    SWARM_RETURN_IF_ERROR(AllocateIfPossible(*file, options.segment_bytes));
    SWARM_RETURN_IF_ERROR(file->Write(0, bytes));
    SWARM_RETURN_IF_ERROR(file->Sync());
  }
  SWARM_RETURN_IF_ERROR(files.SyncDirectory(temporary));
  SWARM_RETURN_IF_ERROR(files.Rename(temporary, options.directory));
  const std::size_t slash = options.directory.rfind('/');
  return files.SyncDirectory(slash == std::string::npos ? "." : options.directory.substr(0, slash));
}

Status Log::Append(const HardState& state, std::span<const EntryView> entries, bool sync) {
  if (!dead_.ok()) return dead_;
  const std::size_t kept = pending_.size();
  const std::uint32_t crc = encoder_.crc();
  const HardState old_state = hard_state_;
  const Index old_last = last_index_;
  const auto take_back = [&](Status why) {
    pending_.resize(kept);
    encoder_.set_crc(crc);
    hard_state_ = old_state;
    last_index_ = old_last;
    return why;
  };
  for (const EntryView& entry : entries) {
    if (Status status = encoder_.AddEntry(pending_, entry, *sealer_); !status.ok()) {
      return take_back(std::move(status));
    }
    last_index_ = entry.index;
  }
  if (!state.empty() && state != hard_state_) {
    encoder_.AddHardState(pending_, state);
    hard_state_ = state;
  }
  if (!sync && pending_.size() < kMaxPending) return Status::Ok();
  Status status = Flush();
  return status.ok() ? status : take_back(std::move(status));
}

Status Log::MarkSnapshot(const SnapshotMark& mark, std::span<const RaftId> voters) {
  if (!dead_.ok()) return dead_;
  const std::size_t kept = pending_.size();
  const std::uint32_t crc = encoder_.crc();
  encoder_.AddSnapshotMark(pending_, mark, voters);
  Status status = Flush();
  if (!status.ok()) {
    pending_.resize(kept);
    encoder_.set_crc(crc);
  }
  return status;
}

Status Log::Flush() {
  if (pending_.empty()) return Status::Ok();
  Status status = tail().Write(offset_, pending_);
  if (status.ok()) status = tail().Sync();
  if (!status.ok()) return Undo(std::move(status));
  offset_ += pending_.size();
  zeroed_ = std::max(zeroed_, offset_);
  pending_.clear();
  if (pending_.capacity() > kKeptBuffer) pending_.shrink_to_fit();
  if (offset_ < options_.segment_bytes) return Status::Ok();
  // What was appended is durable whether or not a new file can be begun.
  Status rotated = Rotate();
  if (!rotated.ok() && rotated.code() != Code::kResourceExhausted) dead_ = std::move(rotated);
  return Status::Ok();
}

// Brings the last segment back to its last good sync; the log goes on only where the disk was
// merely full.
Status Log::Undo(Status why) {
  if (why.code() != Code::kResourceExhausted) {
    // What a failed sync left in the page cache looks written and may not be: the next process must
    // not find it there and build on it. Best effort, since the disk is in doubt anyway.
    if (tail().Truncate(offset_).ok()) {
      static_cast<void>(AllocateIfPossible(tail(), options_.segment_bytes));
    }
    return dead_ = std::move(why);
  }
  may_prepare_ = false;
  zeroed_ = offset_;
  Status status = tail().Truncate(offset_);
  if (status.ok()) status = AllocateIfPossible(tail(), options_.segment_bytes);
  if (status.ok()) status = tail().Sync();
  if (!status.ok()) dead_ = status.WithContext("undoing a write to a full disk");
  return dead_.ok() ? why : dead_;
}

Result<Log::Spare> Log::MakeSpare() {
  const std::string path = PathOf(kSpareName);
  SWARM_RETURN_IF_ERROR(files_.Remove(path));
  Spare spare;
  SWARM_ASSIGN_OR_RETURN(
      spare.file,
      files_.Open(path, {.mode = OpenMode::kCreateExclusive, .permissions = 0600, .lock = true}));
  SWARM_RETURN_IF_ERROR(AllocateIfPossible(*spare.file, options_.segment_bytes));
  return spare;
}

// The beginning of a segment; durable before the file gets its name.
Status Log::WriteSpare(Spare& spare, std::uint64_t& size) {
  RecordEncoder encoder(encoder_.crc());
  std::string bytes;
  encoder.AddCrc(bytes);
  encoder.AddMetadata(bytes, metadata_);
  if (!hard_state_.empty()) encoder.AddHardState(bytes, hard_state_);
  SWARM_RETURN_IF_ERROR(spare.file->Write(0, bytes));
  SWARM_RETURN_IF_ERROR(spare.file->Sync());
  encoder_ = encoder;
  size = bytes.size();
  return Status::Ok();
}

Status Log::Rotate() {
  if (!spare_) {
    SWARM_ASSIGN_OR_RETURN(spare_, MakeSpare());
  }
  Spare spare = std::move(*spare_);
  spare_.reset();
  std::uint64_t size = 0;
  SWARM_RETURN_IF_ERROR(WriteSpare(spare, size));
  // Only gives space back: a reader stops at the zeros as well, so it needs no sync.
  if (Status status = tail().Truncate(offset_); !status.ok()) return dead_ = std::move(status);
  const SegmentName name{segments_.back().name.sequence + 1, last_index_.Next()};
  Status status = files_.Rename(PathOf(kSpareName), PathOf(name.ToString()));
  if (status.ok()) status = files_.SyncDirectory(options_.directory);
  if (!status.ok()) return dead_ = std::move(status);
  segments_.push_back({name, std::move(spare.file)});
  offset_ = size;
  zeroed_ = std::max(spare.zeroed, size);
  may_prepare_ = true;
  return Status::Ok();
}

void Log::ReleaseTo(Index index) {
  std::size_t drop = 0;
  while (drop + 1 < segments_.size() && segments_[drop + 1].name.first <= index) ++drop;
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(drop));
}

bool Log::WantsPreparation() const {
  if (!dead_.ok() || !may_prepare_ || options_.zero_ahead_bytes == 0) return false;
  const std::uint64_t left = options_.segment_bytes - std::min(options_.segment_bytes, offset_);
  const std::uint64_t ahead = std::min(left, options_.zero_ahead_bytes);
  if (zeroed_ < offset_ + ahead - ahead / 4) return true;
  if (left > options_.segment_bytes / 4) return false;
  return !spare_ || spare_->zeroed < std::min(options_.zero_ahead_bytes, options_.segment_bytes);
}

void Log::Prepare(std::uint64_t bytes) {
  if (!WantsPreparation()) return;
  const std::uint64_t limit = std::min(options_.segment_bytes, offset_ + options_.zero_ahead_bytes);
  if (zeroed_ < limit) {
    const std::uint64_t start = std::max(zeroed_, offset_);
    const std::uint64_t size = std::min(bytes, limit - start);
    if (Status status = tail().Write(start, std::string(size, '\0')); !status.ok()) {
      // Nothing was lost, and the next append will meet the same error if it lasts.
      static_cast<void>(Undo(std::move(status)));
      return;
    }
    zeroed_ = start + size;
    return;
  }
  if (!spare_) {
    Result<Spare> spare = MakeSpare();
    if (spare.ok()) spare_ = *std::move(spare);
    may_prepare_ = spare_.has_value();
    return;
  }
  const std::uint64_t size =
      std::min(bytes, std::min(options_.zero_ahead_bytes, options_.segment_bytes) - spare_->zeroed);
  if (spare_->file->Write(spare_->zeroed, std::string(size, '\0')).ok()) {
    spare_->zeroed += size;
  } else {
    spare_.reset();
    may_prepare_ = false;
  }
}

void Log::Close() {
  if (dead_.ok() && !pending_.empty()) {
    // Only a hint of how far the log is committed: a crash may lose it just as well.
    static_cast<void>(tail().Write(offset_, pending_));
  }
  dead_ = Status(Code::kFailedPrecondition, "log in " + options_.directory + ": it is closed");
  spare_.reset();
  segments_.clear();
}

}  // namespace swarm::wal
