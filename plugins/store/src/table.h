// One table: its objects by id, by name, and by the values of its indices. Copying it costs little
// and leaves the original untouched by later changes.
#pragma once

#include <endian.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "index.h"
#include "object.h"
#include "ref.h"
#include "tree.h"

namespace swarm::store {

// The first bytes of a text as a number: where two differ, they are in the order of the texts.
inline std::uint64_t Prefix(std::string_view text) {
  std::uint64_t bytes = 0;
  if (!text.empty()) std::memcpy(&bytes, text.data(), std::min(text.size(), sizeof(bytes)));
  return be64toh(bytes);
}
inline int Order(std::uint64_t a, std::uint64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

struct ByIdPolicy {
  // Copying an entry touches two counters that nothing else has in the cache.
  static constexpr std::size_t kLeafWidth = 8;
  struct Entry {
    Ref<Anchor> anchor;
    ObjectPtr object;
  };
  using Handle = const Anchor*;
  using Probe = std::string_view;  // an id
  static Handle ToHandle(const Entry& entry) { return entry.anchor.get(); }
  static Probe ToProbe(Handle handle) { return handle->id(); }
  using Hint = std::uint64_t;
  static Hint HintOf(Handle handle) { return Prefix(handle->id()); }
  static Hint HintOf(Probe probe) { return Prefix(probe); }
  static int Compare(Handle handle, Probe probe) { return handle->id().compare(probe); }
  static int Compare(Handle handle, Hint hint, Probe probe, Hint probe_hint) {
    return hint != probe_hint ? Order(hint, probe_hint) : Compare(handle, probe);
  }
  static void Join(Entry&, const Entry*, const Entry*) {}
};

// Anchors in the other trees are borrowed from the tree by id of the same version of the table.
struct ByNamePolicy {
  static constexpr std::size_t kLeafWidth = 32;
  using Entry = const Anchor*;
  using Handle = const Anchor*;
  struct Probe {
    std::string_view name;
    std::string_view id;
  };
  static Handle ToHandle(Entry entry) { return entry; }
  static Probe ToProbe(Handle handle) { return {handle->name(), handle->id()}; }
  static int Compare(Handle handle, const Probe& probe) {
    const int by_name = handle->name().compare(probe.name);
    return by_name != 0 ? by_name : handle->id().compare(probe.id);
  }
  using Hint = std::uint64_t;
  static Hint HintOf(Handle handle) { return Prefix(handle->name()); }
  static Hint HintOf(const Probe& probe) { return Prefix(probe.name); }
  static int Compare(Handle handle, Hint hint, const Probe& probe, Hint probe_hint) {
    return hint != probe_hint ? Order(hint, probe_hint) : Compare(handle, probe);
  }
  static void Join(Entry&, const Entry*, const Entry*) {}
};

struct ByValuePolicy {
  static constexpr std::size_t kLeafWidth = 16;
  struct Entry {
    Ref<KeyBlock> value;
    const Anchor* anchor = nullptr;
  };
  struct Handle {
    const KeyBlock* value;
    const Anchor* anchor;
  };
  struct Probe {
    std::string_view value;
    std::uint64_t slot = 0;  // 0 in all indices but the slot's
    std::string_view id;
    bool with_slot = false;
  };
  static Handle ToHandle(const Entry& entry) { return {entry.value.get(), entry.anchor}; }
  static Probe ToProbe(const Handle& handle) {
    return {handle.value->text(), 0, handle.anchor->id(), false};
  }
  static int Compare(const Handle& handle, const Probe& probe) {
    const int by_value = CompareValue(handle, probe);
    return by_value != 0 ? by_value : handle.anchor->id().compare(probe.id);
  }
  struct Hint {
    std::uint64_t value;
    std::uint64_t id;
  };
  static Hint HintOf(const Handle& handle) {
    return {Prefix(handle.value->text()), Prefix(handle.anchor->id())};
  }
  static Hint HintOf(const Probe& probe) { return {Prefix(probe.value), Prefix(probe.id)}; }
  static int Compare(const Handle& handle, const Hint& hint, const Probe& probe,
                     const Hint& probe_hint) {
    if (hint.value != probe_hint.value) return Order(hint.value, probe_hint.value);
    if (const int by_value = CompareValue(handle, probe)) return by_value;
    if (hint.id != probe_hint.id) return Order(hint.id, probe_hint.id);
    return handle.anchor->id().compare(probe.id);
  }
  static int CompareValue(const Handle& handle, const Probe& probe) {
    const std::string_view text = handle.value->text();
    // Most comparisons are within one value, whose entries share its block.
    if (text.data() == probe.value.data()) return 0;
    return text.compare(probe.value);
  }
  static void Join(Entry& added, const Entry* before, const Entry* after) {
    for (const Entry* neighbour : {before, after}) {
      if (!neighbour || neighbour->value->text() != added.value->text()) continue;
      added.value = neighbour->value;
      return;
    }
  }
};

struct BySlotPolicy : ByValuePolicy {
  static Probe ToProbe(const Handle& handle) {
    return {handle.value->text(), handle.anchor->slot, handle.anchor->id(), true};
  }
  static int Compare(const Handle& handle, const Probe& probe) {
    const int by_value = CompareValue(handle, probe);
    if (by_value != 0) return by_value;
    if (handle.anchor->slot != probe.slot) return Order(handle.anchor->slot, probe.slot);
    return handle.anchor->id().compare(probe.id);
  }
  static int Compare(const Handle& handle, const Hint& hint, const Probe& probe,
                     const Hint& probe_hint) {
    if (hint.value != probe_hint.value) return Order(hint.value, probe_hint.value);
    return Compare(handle, probe);
  }
};

class TableData {
 public:
  explicit TableData(Table table) : table_(table), by_value_(IndicesOf(table).size()) {}

  std::size_t size() const { return objects_.size(); }
  // Null when there is none.
  ObjectPtr Get(std::string_view id) const;
  const ObjectPtr* Peek(std::string_view id) const;
  // The id of an object of this (lower-cased) name; empty when there is none.
  std::string_view OwnerOfName(std::string_view name) const;
  bool HasValue(IndexId index, std::string_view value) const;

  // Adds the object or replaces the one with its id. `edit`: see Tree.
  void Put(ObjectPtr object, std::uint64_t edit);
  void Erase(std::string_view id, std::uint64_t edit);

  // Calls `visit` with each object found, in order, until it returns false. InvalidArgument when
  // the table has no such index.
  using Visit = Function<bool(const ObjectPtr&)>;
  Status Find(const By& by, Visit visit) const;
  // The objects whose id is not before `id`, in order.
  void VisitFrom(std::string_view id, Visit visit) const;

 private:
  class Search;
  void AddToIndices(const Anchor* anchor, const void* object, std::uint64_t edit);
  void RemoveFromIndices(const Anchor* anchor, const void* object, std::uint64_t edit);
  void MoveInIndices(const Anchor* anchor, const void* before, const void* after,
                     std::uint64_t edit);
  void AddValue(std::size_t position, std::string_view value, const Anchor* anchor,
                std::uint64_t edit);
  void RemoveValue(std::size_t position, std::string_view value, const Anchor* anchor,
                   std::uint64_t edit);

  Table table_;
  Tree<ByIdPolicy> objects_;
  Tree<ByNamePolicy> names_;
  std::vector<Tree<ByValuePolicy>> by_value_;  // as IndicesOf; the slot's place stays empty
  Tree<BySlotPolicy> slots_;
};

}  // namespace swarm::store
