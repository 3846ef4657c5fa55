// The files of a log: their names, and reading one of them record by record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/files.h"
#include "swarm/ids.h"
#include "swarm/status.h"
#include "wal/record.h"

namespace swarm::wal {

// "%016x-%016x.wal": number of the file in the log, and the index of the first entry it may hold.
struct SegmentName {
  std::uint64_t sequence = 0;
  Index first;

  std::string ToString() const;
  static std::optional<SegmentName> Parse(std::string_view name);
  friend bool operator==(const SegmentName&, const SegmentName&) = default;
};

// The segments in a folder, in order.
Result<std::vector<SegmentName>> ListSegments(FileSystem& files, std::string_view directory);

// Those that a reader needs to see all entries after `index`. DataLoss when the log begins later,
// or when a file between is missing.
Result<std::vector<SegmentName>> SegmentsAfter(FileSystem& files, std::string_view directory,
                                               Index index);

// Removes the segments without entries after `index`, but for the one that may end with it.
// Those that somebody has locked stay.
Status RemoveSegments(FileSystem& files, std::string_view directory, Index index);

// Reads the records of one file in pieces.
class SegmentReader {
 public:
  // `file` is borrowed; `path` is for messages. `last`: nothing follows it in the log, so its end
  // may be torn.
  SegmentReader(File& file, std::string path, bool last)
      : file_(file), path_(std::move(path)), last_(last) {}

  // The next record, valid until the next call; none at the end of the data. `crc` is the running
  // checksum, carried from file to file. DataLoss names file, offset and reason; after it torn()
  // tells whether cutting the file at offset() mends it.
  Result<std::optional<Record>> Next(std::uint32_t& crc);

  bool torn() const { return torn_; }
  // Of the record that Next will read, or could not read.
  std::uint64_t offset() const { return offset_; }

 private:
  // What lies at `offset_`; at least `size` bytes unless the file ends before.
  Result<std::string_view> Peek(std::uint64_t size);
  Status Bad(std::uint64_t frame_size, std::string_view reason);
  Result<bool> OnlyZerosFrom(std::uint64_t offset);

  File& file_;
  const std::string path_;
  const bool last_;
  bool torn_ = false;
  std::uint64_t offset_ = 0;
  std::string buffer_;  // the file from buffer_start_ on
  std::uint64_t buffer_start_ = 0;
  bool reached_end_ = false;
};

}  // namespace swarm::wal
