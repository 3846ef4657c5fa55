// The secondary indices: which a table has, and an object's values in each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "object.h"

namespace swarm::store {

enum class IndexId : std::uint8_t {
  kCustom,
  kRuntime,
  kNetwork,
  kSecret,
  kConfig,
  kService,
  kNode,
  kSlot,  // of the service id; the slot itself is in the anchor
  kDesiredState,
  kTaskState,
  kVolumeAttachment,
  kRole,
  kMembership,
  kKind,
  kVolumeGroup,
  kDriver,
};

// In the order in which a Table keeps them.
std::span<const IndexId> IndicesOf(Table table);
// Position of the index among IndicesOf(table), or -1.
int PositionOf(Table table, IndexId index);

// The object's values in `index`, without repetitions.
std::vector<std::string> ValuesOf(Table table, IndexId index, const void* object);
// False when both have the same values; may say true though they have.
bool MayDiffer(Table table, IndexId index, const void* before, const void* after);

}  // namespace swarm::store
