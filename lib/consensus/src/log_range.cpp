#include "consensus/log_range.h"

#include "wal/wire.h"

namespace swarm::consensus {
namespace {

Status OutOfRange(const char* text) { return {Code::kOutOfRange, text}; }

}  // namespace

Status CheckRange(Index from, Index to, Index commit, Index compacted) {
  if (from > to) return OutOfRange("versions are out of order");
  if (to > commit) return OutOfRange("last version is out of bounds");
  if (from < compacted) return OutOfRange("requested index is unavailable due to compaction");
  return Status::Ok();
}

bool HasActions(std::string_view request) {
  wal::FieldReader reader(request);
  while (reader.Next()) {
    if (reader.IsBytes(2)) return true;
  }
  return false;
}

}  // namespace swarm::consensus
