#include "wal/snapshot_files.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "wal/crc32c.h"
#include "wal/wire.h"

namespace swarm::wal {
namespace {

constexpr std::string_view kSuffix = ".snap";
constexpr std::string_view kBrokenSuffix = ".broken";
constexpr std::size_t kPiece = 4 << 20;
constexpr std::size_t kReadSize = 16 << 20;

Status Damaged(std::string_view why) { return Status(Code::kDataLoss, std::string(why)); }

std::string Hex(std::uint64_t number) {
  std::string digits(16, '0');
  for (std::size_t i = 16; i-- > 0; number >>= 4) digits[i] = "0123456789abcdef"[number & 15];
  return digits;
}

std::optional<std::uint64_t> ParseHex(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool ParseConfiguration(std::string_view bytes, std::vector<RaftId>& voters) {
  FieldReader reader(bytes);
  while (reader.Next()) {
    if (reader.IsNumber(1)) voters.emplace_back(reader.number());
  }
  return reader.ok();
}

bool ParsePosition(std::string_view bytes, Snapshot& snapshot) {
  FieldReader reader(bytes);
  while (reader.Next()) {
    if (reader.IsBytes(1) && !ParseConfiguration(reader.bytes(), snapshot.voters)) return false;
    if (reader.IsNumber(2)) snapshot.mark.index = Index(reader.number());
    if (reader.IsNumber(3)) snapshot.mark.term = Term(reader.number());
  }
  return reader.ok();
}

Result<std::string> ReadAll(FileSystem& files, const std::string& path) {
  SWARM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, {}));
  SWARM_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  std::string bytes;
  bytes.reserve(size);
  while (bytes.size() < size) {
    SWARM_ASSIGN_OR_RETURN(const std::string piece, file->Read(bytes.size(), kReadSize));
    if (piece.empty()) break;
    bytes += piece;
  }
  return bytes;
}

}  // namespace

std::string SnapshotFileName(const SnapshotMark& mark) {
  return Hex(mark.term.value()) + "-" + Hex(mark.index.value()) + std::string(kSuffix);
}

std::optional<SnapshotMark> ParseSnapshotFileName(std::string_view name) {
  if (name.size() != 33 + kSuffix.size() || !name.ends_with(kSuffix) || name[16] != '-') {
    return std::nullopt;
  }
  const std::optional<std::uint64_t> term = ParseHex(name.substr(0, 16));
  const std::optional<std::uint64_t> index = ParseHex(name.substr(17, 16));
  if (!term || !index) return std::nullopt;
  return SnapshotMark{Index(*index), Term(*term)};
}

Result<std::string> EncodeSnapshot(const SnapshotView& snapshot, Sealer& sealer) {
  std::string configuration;
  for (const RaftId voter : snapshot.voters) PutNumber(configuration, 1, voter.value());
  PutNumber(configuration, 5, 0);
  std::string position;
  PutBytes(position, 1, configuration);
  PutNumber(position, 2, snapshot.mark.index.value());
  PutNumber(position, 3, snapshot.mark.term.value());

  const std::size_t sealed = sealer.SealedSize(snapshot.head.size() + snapshot.tail.size());
  const std::size_t size = BytesFieldSize(sealed) + BytesFieldSize(position.size());
  // The checksum, of yet unknown size, goes in front of the rest.
  constexpr std::size_t kMaxCrcField = 6;
  std::string file(kMaxCrcField, '\0');
  file.reserve(kMaxCrcField + BytesFieldSize(size));
  PutBytesHeader(file, 2, size);
  const std::size_t start = file.size();
  PutBytesHeader(file, 1, sealed);
  SWARM_RETURN_IF_ERROR(sealer.Seal(file, snapshot.head, snapshot.tail));
  PutBytes(file, 2, position);
  SWARM_CHECK(file.size() - start == size, "the size of a sealed record is known beforehand");
  std::string crc;
  PutNumber(crc, 1, ExtendCrc(0, std::string_view(file).substr(start)));
  file.replace(0, kMaxCrcField, crc);
  return file;
}

Result<Snapshot> DecodeSnapshot(std::string_view file, Unsealer& unsealer) {
  std::uint64_t crc = 0;
  std::string_view body;
  FieldReader frame(file);
  while (frame.Next()) {
    if (frame.IsNumber(1)) crc = frame.number();
    if (frame.IsBytes(2)) body = frame.bytes();
  }
  if (!frame.ok() || body.empty()) return Damaged("not a snapshot file");
  if (crc == 0 || crc != ExtendCrc(0, body)) return Damaged("wrong checksum");
  Snapshot snapshot;
  std::string_view sealed;
  FieldReader reader(body);
  while (reader.Next()) {
    if (reader.IsBytes(1)) sealed = reader.bytes();
    if (reader.IsBytes(2) && !ParsePosition(reader.bytes(), snapshot)) {
      return Damaged("malformed position");
    }
  }
  if (!reader.ok()) return Damaged("not a snapshot");
  SWARM_ASSIGN_OR_RETURN(snapshot.data, unsealer.Unseal(sealed));
  return snapshot;
}

Result<std::vector<SnapshotMark>> SnapshotFiles::List() {
  SWARM_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(directory_));
  std::vector<SnapshotMark> marks;
  for (const std::string& name : names) {
    if (const std::optional<SnapshotMark> mark = ParseSnapshotFileName(name)) {
      marks.push_back(*mark);
    }
  }
  std::sort(marks.begin(), marks.end(), [](const SnapshotMark& a, const SnapshotMark& b) {
    return std::pair(a.term, a.index) > std::pair(b.term, b.index);
  });
  return marks;
}

Result<std::optional<Snapshot>> SnapshotFiles::Load(Unsealer& unsealer,
                                                    std::vector<std::string>& broken) {
  SWARM_ASSIGN_OR_RETURN(const std::vector<SnapshotMark> marks, List());
  for (const SnapshotMark& mark : marks) {
    const std::string path = PathOf(SnapshotFileName(mark));
    SWARM_ASSIGN_OR_RETURN(const std::string bytes, ReadAll(files_, path));
    Result<Snapshot> snapshot = DecodeSnapshot(bytes, unsealer);
    if (snapshot.ok()) return std::optional<Snapshot>(*std::move(snapshot));
    if (snapshot.status().code() != Code::kDataLoss) {
      return snapshot.status().WithContext("snapshot " + path);
    }
    broken.push_back(path + std::string(kBrokenSuffix));
    SWARM_RETURN_IF_ERROR(files_.Rename(path, broken.back()));
  }
  return std::optional<Snapshot>();
}

Status SnapshotFiles::Save(const SnapshotView& snapshot, const std::function<bool()>& stop) {
  SWARM_ASSIGN_OR_RETURN(const std::string bytes, EncodeSnapshot(snapshot, *sealer_));
  const std::string path = PathOf(SnapshotFileName(snapshot.mark));
  Status status = Write(path, bytes, stop);
  if (status.ok()) return files_.SyncDirectory(directory_);
  // What is left of it would only be found to be damaged at the next start.
  static_cast<void>(files_.Remove(path));
  return status;
}

Status SnapshotFiles::Write(const std::string& path, std::string_view bytes,
                            const std::function<bool()>& stop) {
  SWARM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                         files_.Open(path, {.mode = OpenMode::kCreate, .permissions = 0600}));
  SWARM_RETURN_IF_ERROR(file->Truncate(0));
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    if (stop && stop()) return Status(Code::kCancelled, "snapshot " + path + ": stopped");
    SWARM_RETURN_IF_ERROR(file->Write(at, bytes.substr(at, kPiece)));
  }
  return file->Sync();
}

Result<Index> SnapshotFiles::CollectGarbage(const SnapshotMark& current, std::size_t keep) {
  SWARM_ASSIGN_OR_RETURN(const std::vector<SnapshotMark> marks, List());
  const auto found = std::find(marks.begin(), marks.end(), current);
  if (found == marks.end()) return Index(0);
  const auto older = static_cast<std::size_t>(found - marks.begin()) + 1;
  const std::size_t left = std::min(marks.size(), older + keep);
  for (std::size_t i = left; i < marks.size(); ++i) {
    SWARM_RETURN_IF_ERROR(files_.Remove(PathOf(SnapshotFileName(marks[i]))));
  }
  return marks[left - 1].index;
}

}  // namespace swarm::wal
