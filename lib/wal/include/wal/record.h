// The log's records as bytes: framing, checksums, and what of a broken end is a torn write. No
// files here.
//
// A frame is a little-endian length word (low 56 bits: size of the record; top byte: 0x80 | padding
// when there is padding), the serialised walpb.Record, and padding to a multiple of 8. The CRC of a
// record covers the data of all records before it and its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "swarm/status.h"
#include "wal/cipher.h"
#include "wal/types.h"

namespace swarm::wal {

enum class RecordType : std::uint8_t {
  kMetadata = 1,
  kEntry = 2,
  kHardState = 3,
  kCrc = 4,
  kSnapshot = 5,
};

// Builds frames in a buffer. Threading: one user at a time.
class RecordEncoder {
 public:
  explicit RecordEncoder(std::uint32_t crc = 0) : crc_(crc) {}

  // The running checksum; kCrc records store it without changing it.
  std::uint32_t crc() const { return crc_; }
  void set_crc(std::uint32_t crc) { crc_ = crc; }

  void AddCrc(std::string& out);
  void AddMetadata(std::string& out, std::string_view metadata);
  void AddHardState(std::string& out, const HardState& state);
  // `voters`: the configuration at the snapshot, as newer readers demand where index > 0.
  void AddSnapshotMark(std::string& out, const SnapshotMark& mark,
                       std::span<const RaftId> voters = {});
  // Internal when sealing fails; `out` and the checksum are then as before.
  Status AddEntry(std::string& out, const EntryView& entry, Sealer& sealer);

 private:
  void Add(std::string& out, RecordType type, std::string_view data);
  std::size_t Begin(std::string& out, RecordType type, std::size_t data_size);
  void Finish(std::string& out, std::size_t start, std::size_t data_at);

  std::uint32_t crc_;
};

struct Record {
  RecordType type;
  std::uint32_t crc = 0;
  std::string_view data;
  std::size_t frame_size = 0;
};

enum class ParseOutcome : std::uint8_t {
  kRecord,
  kEnd,         // a zero length word, or nothing left: the data ends here
  kIncomplete,  // `bytes` ends inside the frame
  kBad,         // no record can be read here
};

struct Parsed {
  ParseOutcome outcome;
  Record record;                 // kRecord: points into the parsed bytes
  std::uint64_t frame_size = 0;  // kIncomplete: bytes the frame needs; kBad: what it claims, or 0
  const char* reason = "";       // kBad
};

// Reads the frame at the beginning of `bytes`. Checks the form, not the checksum.
Parsed ParseRecord(std::string_view bytes);

// Whether `record` continues a log whose running checksum is `crc`, and moves `crc` on. A kCrc
// record begins a file: it must repeat the checksum unless that is 0.
bool CheckCrc(const Record& record, std::uint32_t& crc);

// Whether an unreadable frame is what a write cut short by a crash leaves: a sector of zeros in it,
// or zeros from some byte of it on, or the end of the file inside it. Damage of another kind, and a
// whole record inside of the frame (so its length word is wrong), are not.
//   frame: the bytes its length word claims, as many as the file has.
//   offset: where it lies in the file.
//   zeros_follow: nothing but zeros, or nothing, comes after `frame`.
bool LooksTorn(std::string_view frame, std::uint64_t offset, bool zeros_follow);

// Of a kEntry record; its data is still sealed.
Result<Entry> DecodeEntry(std::string_view data);
Result<HardState> DecodeHardState(std::string_view data);
Result<SnapshotMark> DecodeSnapshotMark(std::string_view data);

}  // namespace swarm::wal
