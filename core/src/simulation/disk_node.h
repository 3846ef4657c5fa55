// A file or folder of a virtual disk: as programs see it, and as a crash would leave it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simulation/disk_content.h"
#include "simulation/seeded_random.h"

namespace swarm::simulation {

struct DiskCounters {
  std::uint64_t torn = 0;
  std::uint64_t lost = 0;
};

// A write (with data) or a change of size (without).
struct FileChange {
  bool resize = false;
  std::uint64_t position = 0;  // offset, or the new size
  std::string data;
};

class DiskNode;
using NodePtr = std::shared_ptr<DiskNode>;

class DiskNode {
 public:
  explicit DiskNode(bool is_directory) : directory(is_directory) {}

  const bool directory;

  // Files.
  const DiskContent& content() const { return live_; }
  void Apply(FileChange change);
  // What was changed since the last sync becomes durable.
  void Sync();
  // It becomes durable wholly, partly or not at all; what programs see stays.
  void LoseUnsynced(SeededRandom& random, DiskCounters& counters);
  // Programs see what is durable.
  void Revert() { live_ = synced_; }
  // On the medium itself.
  void Corrupt(std::uint64_t offset, std::string_view bytes);
  bool locked = false;
  bool linked = false;  // has a name, so that it counts as used space

  // Folders: names now, and names as they would be after a crash.
  std::map<std::string, NodePtr, std::less<>> names;
  std::map<std::string, NodePtr, std::less<>> synced_names;

 private:
  enum class Fate : unsigned char { kKept, kTorn, kLost };
  void Tear(const FileChange& change, SeededRandom& random);

  DiskContent live_;
  DiskContent synced_;
  std::vector<FileChange> pending_;
};

}  // namespace swarm::simulation
