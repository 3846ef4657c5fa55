#include "simulation/disk_node.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace swarm::simulation {

namespace {

constexpr std::uint64_t kSector = 512;

void ApplyTo(DiskContent& content, const FileChange& change) {
  if (change.resize) {
    content.Truncate(change.position);
  } else {
    content.Write(change.position, change.data);
  }
}

}  // namespace

void DiskNode::Apply(FileChange change) {
  ApplyTo(live_, change);
  pending_.push_back(std::move(change));
}

void DiskNode::Sync() {
  for (const FileChange& change : pending_) ApplyTo(synced_, change);
  pending_.clear();
}

void DiskNode::Corrupt(std::uint64_t offset, std::string_view bytes) {
  live_.Write(offset, bytes);
  synced_.Write(offset, bytes);
}

void DiskNode::LoseUnsynced(SeededRandom& random, DiskCounters& counters) {
  enum { kNothing, kEverything, kBeginning, kAnything, kModes };
  const auto mode = random.Below(kModes);
  const std::uint64_t cut = random.Below(pending_.size() + 1);
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    Fate fate = Fate::kKept;
    if (mode == kNothing) fate = Fate::kLost;
    if (mode == kBeginning && i >= cut) fate = i == cut ? Fate::kTorn : Fate::kLost;
    if (mode == kAnything) {
      fate = random.OneIn(2) ? Fate::kKept : random.OneIn(2) ? Fate::kTorn : Fate::kLost;
    }
    const FileChange& change = pending_[i];
    if (fate == Fate::kTorn && change.resize) fate = Fate::kLost;
    if (fate == Fate::kKept) ApplyTo(synced_, change);
    if (fate == Fate::kTorn) {
      Tear(change, random);
      ++counters.torn;
    }
    if (fate == Fate::kLost) ++counters.lost;
    // The size may reach the disk without the data.
    const std::uint64_t end = change.position + change.data.size();
    if (fate != Fate::kKept && !change.resize && end > synced_.size() && random.OneIn(3)) {
      synced_.Truncate(end);
    }
  }
  pending_.clear();
}

void DiskNode::Tear(const FileChange& change, SeededRandom& random) {
  const std::string_view data = change.data;
  if (data.empty()) return;
  if (random.OneIn(2)) {  // stopped at some byte
    synced_.Write(change.position, data.substr(0, random.Below(data.size())));
    return;
  }
  for (std::uint64_t at = 0; at < data.size();) {  // some sectors, in no order
    const std::uint64_t in_sector = (change.position + at) % kSector;
    const std::uint64_t part = std::min<std::uint64_t>(data.size() - at, kSector - in_sector);
    if (random.OneIn(2)) synced_.Write(change.position + at, data.substr(at, part));
    at += part;
  }
}

}  // namespace swarm::simulation
