// Reading a log: on opening it, and later for those who ask for old entries.
#include <algorithm>
#include <utility>

#include "wal/log.h"

namespace swarm::wal {
namespace {

constexpr std::size_t kCopySize = 1 << 20;

Status CopyFile(FileSystem& files, File& from, const std::string& path) {
  SWARM_RETURN_IF_ERROR(files.Remove(path));
  SWARM_ASSIGN_OR_RETURN(const std::unique_ptr<File> to,
                         files.Open(path, {.mode = OpenMode::kCreate, .permissions = 0600}));
  for (std::uint64_t offset = 0;; offset += kCopySize) {
    SWARM_ASSIGN_OR_RETURN(const std::string bytes, from.Read(offset, kCopySize));
    SWARM_RETURN_IF_ERROR(to->Write(offset, bytes));
    if (bytes.size() < kCopySize) return Status::Ok();
  }
}

Status Damaged(const std::string& path, std::string_view what) {
  return Status(Code::kDataLoss, "log file " + path + ": " + std::string(what));
}

// Puts an entry in its place; one that was there before is replaced, with all after it.
Status Place(Entry entry, const SnapshotMark& snapshot, std::vector<Entry>& entries) {
  const std::uint64_t position = entry.index.value() - snapshot.index.value() - 1;
  if (position > entries.size()) {
    return Status(Code::kDataLoss, "wal: slice bounds out of range: entry " +
                                       std::to_string(entry.index.value()) + " follows " +
                                       std::to_string(snapshot.index.value() + entries.size()) +
                                       ", entries between are missing");
  }
  entries.resize(position);
  entries.push_back(std::move(entry));
  return Status::Ok();
}

// Builds up what the log holds, record by record.
class Collector {
 public:
  Collector(const SnapshotMark& snapshot, Unsealer& unsealer, LogContents& contents)
      : snapshot_(snapshot), unsealer_(unsealer), contents_(contents) {}

  Status Take(const Record& record) {
    switch (record.type) {
      case RecordType::kCrc:
        return Status::Ok();
      case RecordType::kMetadata:
        if (has_metadata_ && contents_.metadata != record.data) {
          return Status(Code::kDataLoss, "metadata unlike that before");
        }
        contents_.metadata = record.data;
        has_metadata_ = true;
        return Status::Ok();
      case RecordType::kEntry:
        return TakeEntry(record.data);
      case RecordType::kHardState: {
        SWARM_ASSIGN_OR_RETURN(contents_.hard_state, DecodeHardState(record.data));
        return Status::Ok();
      }
      case RecordType::kSnapshot:
        break;
    }
    SWARM_ASSIGN_OR_RETURN(const SnapshotMark mark, DecodeSnapshotMark(record.data));
    if (mark.index != snapshot_.index) return Status::Ok();
    if (mark.term == snapshot_.term) {
      // A leader's snapshot, not one of this log's own state: it has taken the place of the log,
      // and what was behind its position belongs to another history.
      if (term_there_ != mark.term) {
        contents_.entries.clear();
        locked_.reset();
      }
      return Status::Ok();
    }
    return Status(Code::kDataLoss, "the snapshot at " + std::to_string(mark.index.value()) +
                                       " is of term " + std::to_string(mark.term.value()) +
                                       " here and of term " +
                                       std::to_string(snapshot_.term.value()) + " in its file");
  }

  bool has_metadata() const { return has_metadata_; }
  // Of the record that was taken last.
  bool wants_place() const { return locked_ && locked_->place.empty(); }
  void NotePlace(std::string place) { locked_->place = std::move(place); }
  // Whether every entry that counts could be decrypted. Those that were replaced later need not:
  // their key may be gone.
  Status Finish() const {
    return locked_ ? locked_->why.WithContext(locked_->place) : Status::Ok();
  }

 private:
  // The first entry that no key fits.
  struct Locked {
    Index index;
    Status why;
    std::string place;
  };

  Status TakeEntry(std::string_view data) {
    SWARM_ASSIGN_OR_RETURN(Entry entry, DecodeEntry(data));
    if (entry.index == snapshot_.index) term_there_ = entry.term;
    if (entry.index <= snapshot_.index) {
      contents_.entries.clear();  // it replaces all after it
      locked_.reset();
      return Status::Ok();
    }
    Result<std::string> text = unsealer_.Unseal(entry.data);
    const bool locked = text.status().code() == Code::kUnauthenticated;
    if (!text.ok() && !locked) return text.status();
    entry.data = locked ? std::string() : *std::move(text);
    const Index index = entry.index;
    SWARM_RETURN_IF_ERROR(Place(std::move(entry), snapshot_, contents_.entries));
    // It replaces all after it, also what could not be read.
    if (locked_ && locked_->index >= index) locked_.reset();
    if (locked && !locked_) locked_ = Locked{index, text.status(), {}};
    return Status::Ok();
  }

  const SnapshotMark snapshot_;
  Unsealer& unsealer_;
  LogContents& contents_;
  bool has_metadata_ = false;
  Term term_there_;  // of the entry at the snapshot's position; 0: none was seen
  std::optional<Locked> locked_;
};

}  // namespace

Result<Log::Opened> Log::Open(FileSystem& files, const LogOptions& options,
                              const SnapshotMark& snapshot, Unsealer& unsealer,
                              std::unique_ptr<Sealer> sealer) {
  std::unique_ptr<Log> log(new Log(files, options, std::move(sealer)));
  SWARM_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(options.directory));
  for (const std::string& name : names) {
    if (name.ends_with(".tmp")) SWARM_RETURN_IF_ERROR(files.Remove(log->PathOf(name)));
  }
  SWARM_ASSIGN_OR_RETURN(const std::vector<SegmentName> segments,
                         SegmentsAfter(files, options.directory, snapshot.index));
  for (const SegmentName& name : segments) {
    SWARM_ASSIGN_OR_RETURN(
        std::unique_ptr<File> file,
        files.Open(log->PathOf(name.ToString()), {.mode = OpenMode::kWrite, .lock = true}));
    log->segments_.push_back({name, std::move(file)});
  }
  LogContents contents;
  SWARM_RETURN_IF_ERROR(log->ReadAll(snapshot, unsealer, contents));
  SWARM_RETURN_IF_ERROR(log->StartAppending(contents));
  return Opened{std::move(log), std::move(contents)};
}

Status Log::ReadAll(const SnapshotMark& snapshot, Unsealer& unsealer, LogContents& contents) {
  Collector collector(snapshot, unsealer, contents);
  std::uint32_t crc = 0;
  for (Segment& segment : segments_) {
    const std::string path = PathOf(segment.name.ToString());
    const bool last = &segment == &segments_.back();
    SegmentReader reader(*segment.file, path, last);
    while (true) {
      const std::uint64_t offset = reader.offset();
      const Result<std::optional<Record>> record = reader.Next(crc);
      if (!record.ok() && !reader.torn()) return record.status();
      if (!record.ok()) SWARM_RETURN_IF_ERROR(KeepCopy(segment, contents));
      if (!record.ok() || !*record) break;
      const Status status = collector.Take(**record);
      if (status.ok() && !collector.wants_place()) continue;
      std::string place = "log file " + path + ": record at offset " + std::to_string(offset);
      if (!status.ok()) return status.WithContext(place);
      collector.NotePlace(std::move(place));
    }
    if (!collector.has_metadata() || reader.offset() == 0)
      return Damaged(path, "it has no records");
    offset_ = reader.offset();
  }
  SWARM_RETURN_IF_ERROR(collector.Finish());
  encoder_.set_crc(crc);
  last_index_ = Index(snapshot.index.value() + contents.entries.size());
  if (contents.hard_state.commit <= last_index_) return Status::Ok();
  return Damaged(PathOf(segments_.back().name.ToString()),
                 "it ends with entry " + std::to_string(last_index_.value()) + ", but entry " +
                     std::to_string(contents.hard_state.commit.value()) + " was committed");
}

Status Log::KeepCopy(const Segment& segment, LogContents& contents) {
  contents.broken_copy = PathOf(segment.name.ToString()) + ".broken";
  return CopyFile(files_, *segment.file, contents.broken_copy);
}

// Nothing may lie behind the end, or it would come back once the space before it is filled.
Status Log::StartAppending(const LogContents& contents) {
  metadata_ = contents.metadata;
  hard_state_ = contents.hard_state;
  zeroed_ = offset_;
  SWARM_RETURN_IF_ERROR(tail().Truncate(offset_));
  Status status = tail().Allocate(options_.segment_bytes);
  if (!status.ok() && status.code() != Code::kResourceExhausted) return status;
  return tail().Sync();
}

Result<std::vector<Entry>> ReadEntries(FileSystem& files, std::string_view directory,
                                       Unsealer& unsealer, Index from, Index to) {
  std::vector<Entry> entries;
  SWARM_ASSIGN_OR_RETURN(const std::vector<SegmentName> segments,
                         SegmentsAfter(files, directory, from));
  std::uint32_t crc = 0;
  for (const SegmentName& name : segments) {
    if (name.first > to) break;
    const std::string path = std::string(directory) + "/" + name.ToString();
    SWARM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, {}));
    SegmentReader reader(*file, path, false);
    while (true) {
      SWARM_ASSIGN_OR_RETURN(const std::optional<Record> record, reader.Next(crc));
      if (!record) break;
      if (record->type != RecordType::kEntry) continue;
      SWARM_ASSIGN_OR_RETURN(Entry entry, DecodeEntry(record->data));
      if (entry.index <= from) continue;
      if (entry.index > to) return entries;
      SWARM_ASSIGN_OR_RETURN(entry.data, unsealer.Unseal(entry.data));
      SWARM_RETURN_IF_ERROR(Place(std::move(entry), {from, Term()}, entries));
    }
  }
  if (from.value() + entries.size() == to.value()) return entries;
  return Status(Code::kOutOfRange, "log in " + std::string(directory) +
                                       ": it does not reach entry " + std::to_string(to.value()));
}

}  // namespace swarm::wal
