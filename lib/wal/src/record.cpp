#include "wal/record.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "wal/crc32c.h"
#include "wal/wire.h"

namespace swarm::wal {
namespace {

constexpr std::size_t kWordSize = 8;
constexpr std::size_t kAlignment = 8;
constexpr std::size_t kSectorSize = 512;  // what a disk writes wholly or not at all
constexpr std::uint64_t kLengthMask = (1ULL << 56) - 1;
// Longest checksum as a varint; the frame is laid out with it before the checksum is known.
constexpr std::size_t kMaxCrcSize = 5;

static_assert(std::endian::native == std::endian::little);

std::uint64_t LoadWord(std::string_view bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes.data(), kWordSize);
  return word;
}

std::size_t PaddingOf(std::size_t size) { return (kAlignment - size % kAlignment) % kAlignment; }

struct Frame {
  std::uint64_t payload;
  std::uint64_t padding;
  std::uint64_t size() const { return kWordSize + payload + padding; }
};

std::optional<Frame> ParseWord(std::uint64_t word) {
  const std::uint64_t top = word >> 56;
  const Frame frame{word & kLengthMask, (top & 0x80) != 0 ? top & 7 : 0};
  if ((top & 0x78) != 0 || ((top & 0x80) == 0 && top != 0)) return std::nullopt;
  if (frame.payload == 0 || (frame.payload + frame.padding) % kAlignment != 0) return std::nullopt;
  return frame;
}

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// A torn write has no whole record inside of the frame it broke; a damaged length word has.
bool ContainsRecord(std::string_view frame) {
  for (std::size_t at = kAlignment; at + 2 * kWordSize <= frame.size(); at += kAlignment) {
    const std::optional<Frame> inner = ParseWord(LoadWord(frame.substr(at)));
    if (!inner || inner->size() > frame.size() - at) continue;
    if (ParseRecord(frame.substr(at)).outcome == ParseOutcome::kRecord) return true;
  }
  return false;
}

}  // namespace

std::size_t RecordEncoder::Begin(std::string& out, RecordType type, std::size_t data_size) {
  const std::size_t start = out.size();
  out.append(kWordSize, '\0');
  PutNumber(out, 1, static_cast<std::uint64_t>(type));
  out.append(1 + kMaxCrcSize, '\0');
  if (type != RecordType::kCrc) PutBytesHeader(out, 3, data_size);
  return start;
}

void RecordEncoder::Finish(std::string& out, std::size_t start, std::size_t data_at) {
  crc_ = ExtendCrc(crc_, std::string_view(out).substr(data_at));
  std::string crc;
  PutNumber(crc, 2, crc_);
  const std::size_t crc_at = start + kWordSize + 2;
  out.replace(crc_at, 1 + kMaxCrcSize, crc);
  const std::size_t size = out.size() - start - kWordSize;
  const std::size_t padding = PaddingOf(size);
  out.append(padding, '\0');
  const std::uint64_t word = size | (padding != 0 ? (0x80ULL | padding) << 56 : 0);
  std::memcpy(out.data() + start, &word, kWordSize);
}

void RecordEncoder::Add(std::string& out, RecordType type, std::string_view data) {
  const std::size_t start = Begin(out, type, data.size());
  const std::size_t data_at = out.size();
  out.append(data);
  Finish(out, start, data_at);
}

void RecordEncoder::AddCrc(std::string& out) { Add(out, RecordType::kCrc, {}); }

void RecordEncoder::AddMetadata(std::string& out, std::string_view metadata) {
  Add(out, RecordType::kMetadata, metadata);
}

void RecordEncoder::AddHardState(std::string& out, const HardState& state) {
  std::string data;
  PutNumber(data, 1, state.term.value());
  PutNumber(data, 2, state.vote.value());
  PutNumber(data, 3, state.commit.value());
  Add(out, RecordType::kHardState, data);
}

void RecordEncoder::AddSnapshotMark(std::string& out, const SnapshotMark& mark,
                                    std::span<const RaftId> voters) {
  std::string data;
  PutNumber(data, 1, mark.index.value());
  PutNumber(data, 2, mark.term.value());
  if (mark.index.value() > 0) {
    std::string configuration;
    for (const RaftId voter : voters) PutNumber(configuration, 1, voter.value());
    PutNumber(configuration, 5, 0);
    PutBytes(data, 3, configuration);
  }
  Add(out, RecordType::kSnapshot, data);
}

Status RecordEncoder::AddEntry(std::string& out, const EntryView& entry, Sealer& sealer) {
  const std::size_t sealed = sealer.SealedSize(entry.head.size() + entry.tail.size());
  const std::size_t data_size = 2 + 1 + VarintSize(entry.term.value()) + 1 +
                                VarintSize(entry.index.value()) + BytesFieldSize(sealed);
  const std::size_t start = Begin(out, RecordType::kEntry, data_size);
  const std::size_t data_at = out.size();
  PutNumber(out, 1, static_cast<std::uint64_t>(entry.type));
  PutNumber(out, 2, entry.term.value());
  PutNumber(out, 3, entry.index.value());
  PutBytesHeader(out, 4, sealed);
  if (Status status = sealer.Seal(out, entry.head, entry.tail); !status.ok()) {
    out.resize(start);
    return status;
  }
  SWARM_CHECK(out.size() - data_at == data_size, "the size of a sealed record is known beforehand");
  Finish(out, start, data_at);
  return Status::Ok();
}

Parsed ParseRecord(std::string_view bytes) {
  const auto bad = [](std::uint64_t size, const char* reason) {
    return Parsed{ParseOutcome::kBad, {}, size, reason};
  };
  if (bytes.empty()) return {ParseOutcome::kEnd, {}, 0, ""};
  if (bytes.size() < kWordSize) return {ParseOutcome::kIncomplete, {}, kWordSize, ""};
  const std::uint64_t word = LoadWord(bytes);
  if (word == 0) return {ParseOutcome::kEnd, {}, 0, ""};
  const std::optional<Frame> frame = ParseWord(word);
  if (!frame) {
    const std::uint64_t claimed = word & kLengthMask;
    return bad(kWordSize + claimed + PaddingOf(claimed), "impossible length word");
  }
  if (frame->size() > bytes.size()) return {ParseOutcome::kIncomplete, {}, frame->size(), ""};

  Record record{RecordType::kMetadata, 0, {}, frame->size()};
  std::uint64_t type = 0;
  FieldReader reader(bytes.substr(kWordSize, frame->payload));
  while (reader.Next()) {
    if (reader.IsNumber(1)) type = reader.number();
    if (reader.IsNumber(2)) record.crc = static_cast<std::uint32_t>(reader.number());
    if (reader.IsBytes(3)) record.data = reader.bytes();
  }
  if (!reader.ok()) return bad(frame->size(), "not a record");
  if (type < 1 || type > 5) return bad(frame->size(), "unknown type of record");
  record.type = static_cast<RecordType>(type);
  return {ParseOutcome::kRecord, record, frame->size(), ""};
}

bool CheckCrc(const Record& record, std::uint32_t& crc) {
  if (record.type == RecordType::kCrc) {
    if (crc != 0 && record.crc != crc) return false;
    crc = record.crc;
    return true;
  }
  crc = ExtendCrc(crc, record.data);
  return crc == record.crc;
}

bool LooksTorn(std::string_view frame, std::uint64_t offset, bool zeros_follow) {
  if (frame.size() <= kWordSize) return zeros_follow;
  if (ContainsRecord(frame)) return false;
  const std::uint64_t claimed = LoadWord(frame) & kLengthMask;
  std::string_view payload = frame.substr(kWordSize);
  // The file ends inside the frame, if only inside its padding.
  if (claimed + PaddingOf(claimed) > payload.size()) return zeros_follow;
  payload = payload.substr(0, claimed);
  // The write stopped at some byte.
  if (payload.empty() || (zeros_follow && payload.back() == '\0')) return zeros_follow;
  std::uint64_t at = offset + kWordSize;
  while (!payload.empty()) {
    const std::size_t part = std::min<std::size_t>(payload.size(), kSectorSize - at % kSectorSize);
    if (AllZero(payload.substr(0, part))) return true;
    payload.remove_prefix(part);
    at += part;
  }
  return false;
}

Result<Entry> DecodeEntry(std::string_view data) {
  Entry entry;
  std::uint64_t type = 0;
  FieldReader reader(data);
  while (reader.Next()) {
    if (reader.IsNumber(1)) type = reader.number();
    if (reader.IsNumber(2)) entry.term = Term(reader.number());
    if (reader.IsNumber(3)) entry.index = Index(reader.number());
    if (reader.IsBytes(4)) entry.data = reader.bytes();
  }
  if (!reader.ok() || type > 2) return Status(Code::kDataLoss, "not a log entry");
  entry.type = static_cast<EntryType>(type);
  return entry;
}

Result<HardState> DecodeHardState(std::string_view data) {
  HardState state;
  FieldReader reader(data);
  while (reader.Next()) {
    if (reader.IsNumber(1)) state.term = Term(reader.number());
    if (reader.IsNumber(2)) state.vote = RaftId(reader.number());
    if (reader.IsNumber(3)) state.commit = Index(reader.number());
  }
  if (!reader.ok()) return Status(Code::kDataLoss, "not a hard state");
  return state;
}

Result<SnapshotMark> DecodeSnapshotMark(std::string_view data) {
  SnapshotMark mark;
  FieldReader reader(data);
  while (reader.Next()) {
    if (reader.IsNumber(1)) mark.index = Index(reader.number());
    if (reader.IsNumber(2)) mark.term = Term(reader.number());
  }
  if (!reader.ok()) return Status(Code::kDataLoss, "not a snapshot mark");
  return mark;
}

}  // namespace swarm::wal
