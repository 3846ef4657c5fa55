// What a consensus log is made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "swarm/ids.h"

namespace swarm::wal {

// As in raftpb.EntryType.
enum class EntryType : std::uint8_t { kNormal = 0, kConfChange = 1, kConfChangeV2 = 2 };

struct Entry {
  Term term;
  Index index;
  EntryType type = EntryType::kNormal;
  std::string data;  // empty: none

  friend bool operator==(const Entry&, const Entry&) = default;
};

// An entry to be written; borrows its data, which is `head` followed by `tail`.
struct EntryView {
  Term term;
  Index index;
  EntryType type = EntryType::kNormal;
  std::string_view head;
  std::string_view tail;
};

struct HardState {
  Term term;
  RaftId vote;
  Index commit;

  bool empty() const { return *this == HardState(); }
  friend bool operator==(const HardState&, const HardState&) = default;
};

// Position of a snapshot; both 0 when there is none.
struct SnapshotMark {
  Index index;
  Term term;

  friend bool operator==(const SnapshotMark&, const SnapshotMark&) = default;
};

}  // namespace swarm::wal
