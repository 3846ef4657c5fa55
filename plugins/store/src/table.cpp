#include "table.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "swarm/check.h"
#include "swarm/store_errors.h"

namespace swarm::store {
namespace {

Status InvalidSelector() {
  return {Code::kInvalidArgument, std::string(store_errors::kInvalidFindBy)};
}

// The index behind a selector that asks for one value of one index.
std::optional<IndexId> IndexBehind(By::Kind kind) {
  switch (kind) {
    case By::Kind::kCustom:
    case By::Kind::kCustomPrefix:
      return IndexId::kCustom;
    case By::Kind::kRuntime:
      return IndexId::kRuntime;
    case By::Kind::kReferencedNetwork:
      return IndexId::kNetwork;
    case By::Kind::kReferencedSecret:
      return IndexId::kSecret;
    case By::Kind::kReferencedConfig:
      return IndexId::kConfig;
    case By::Kind::kNode:
      return IndexId::kNode;
    case By::Kind::kService:
      return IndexId::kService;
    case By::Kind::kSlot:
      return IndexId::kSlot;
    case By::Kind::kDesiredState:
      return IndexId::kDesiredState;
    case By::Kind::kTaskState:
      return IndexId::kTaskState;
    case By::Kind::kVolumeAttachment:
      return IndexId::kVolumeAttachment;
    case By::Kind::kRole:
      return IndexId::kRole;
    case By::Kind::kMembership:
      return IndexId::kMembership;
    case By::Kind::kKind:
      return IndexId::kKind;
    case By::Kind::kVolumeGroup:
      return IndexId::kVolumeGroup;
    case By::Kind::kDriver:
      return IndexId::kDriver;
    case By::Kind::kAll:
    case By::Kind::kOr:
    case By::Kind::kName:
    case By::Kind::kNamePrefix:
    case By::Kind::kIdPrefix:
      break;
  }
  return std::nullopt;
}

bool IsNumeric(By::Kind kind) {
  return kind == By::Kind::kDesiredState || kind == By::Kind::kTaskState ||
         kind == By::Kind::kRole || kind == By::Kind::kMembership;
}

Status CheckSelector(Table table, const By& by) {
  if (const auto index = IndexBehind(by.kind)) {
    return PositionOf(table, *index) < 0 ? InvalidSelector() : Status::Ok();
  }
  if (by.kind == By::Kind::kNamePrefix && table == Table::kExtension) return InvalidSelector();
  for (const By& branch : by.any) SWARM_RETURN_IF_ERROR(CheckSelector(table, branch));
  return Status::Ok();
}

}  // namespace

// One look-up under way.
class TableData::Search {
 public:
  Search(const TableData& table, Visit visit) : table_(table), visit_(std::move(visit)) {}

  void Run(const By& by) {
    switch (by.kind) {
      case By::Kind::kAll:
        return ById("");
      case By::Kind::kIdPrefix:
        return ById(by.text);
      case By::Kind::kName:
        return ByName(LowerCase(by.text), false);
      case By::Kind::kNamePrefix:
        return ByName(LowerCase(by.text), true);
      case By::Kind::kCustom:
        return ByValue(IndexId::kCustom, by.text + "|" + by.value, false);
      case By::Kind::kCustomPrefix:
        once_ = true;
        return ByValue(IndexId::kCustom, by.text + "|" + by.value, true);
      case By::Kind::kSlot:
        return BySlot(by.text, by.number);
      case By::Kind::kOr:
        once_ = true;
        for (const By& branch : by.any) {
          if (!stopped_) Run(branch);
        }
        return;
      default:
        return ByValue(*IndexBehind(by.kind),
                       IsNumeric(by.kind) ? std::to_string(by.number) : by.text, false);
    }
  }

 private:
  // Whether to go on.
  bool Hit(const Anchor* anchor, const ObjectPtr& object) {
    if (once_ && !seen_.insert(anchor).second) return true;
    stopped_ = !visit_(object);
    return !stopped_;
  }
  bool Hit(const Anchor* anchor) {
    const ObjectPtr* object = table_.Peek(anchor->id());
    SWARM_CHECK(object, "indices hold only objects of the table");
    return Hit(anchor, *object);
  }

  void ById(std::string_view prefix) {
    table_.objects_.WalkFrom(prefix, [&](const ByIdPolicy::Entry& entry) {
      return entry.anchor->id().starts_with(prefix) && Hit(entry.anchor.get(), entry.object);
    });
  }
  void ByName(const std::string& name, bool prefix) {
    table_.names_.WalkFrom({name, ""}, [&](const Anchor* anchor) {
      const bool match = prefix ? anchor->name().starts_with(name) : anchor->name() == name;
      return match && Hit(anchor);
    });
  }
  void ByValue(IndexId index, const std::string& value, bool prefix) {
    const auto& tree = table_.by_value_[static_cast<std::size_t>(PositionOf(table_.table_, index))];
    tree.WalkFrom({value, 0, "", false}, [&](const ByValuePolicy::Entry& entry) {
      const std::string_view text = entry.value->text();
      return (prefix ? text.starts_with(value) : text == value) && Hit(entry.anchor);
    });
  }
  void BySlot(const std::string& service, std::uint64_t slot) {
    table_.slots_.WalkFrom({service, slot, "", true}, [&](const BySlotPolicy::Entry& entry) {
      return entry.anchor->slot == slot && entry.value->text() == service && Hit(entry.anchor);
    });
  }

  const TableData& table_;
  Visit visit_;
  bool once_ = false;
  bool stopped_ = false;
  std::unordered_set<const Anchor*> seen_;
};

const ObjectPtr* TableData::Peek(std::string_view id) const {
  const ByIdPolicy::Entry* entry = objects_.Find(id);
  return entry ? &entry->object : nullptr;
}

ObjectPtr TableData::Get(std::string_view id) const {
  const ObjectPtr* object = Peek(id);
  return object ? *object : nullptr;
}

std::string_view TableData::OwnerOfName(std::string_view name) const {
  std::string_view owner;
  names_.WalkFrom({name, ""}, [&](const Anchor* anchor) {
    if (anchor->name() == name) owner = anchor->id();
    return false;
  });
  return owner;
}

bool TableData::HasValue(IndexId index, std::string_view value) const {
  bool found = false;
  by_value_[static_cast<std::size_t>(PositionOf(table_, index))].WalkFrom(
      {value, 0, "", false}, [&](const ByValuePolicy::Entry& entry) {
        found = entry.value->text() == value;
        return false;
      });
  return found;
}

void TableData::AddValue(std::size_t position, std::string_view value, const Anchor* anchor,
                         std::uint64_t edit) {
  if (IndicesOf(table_)[position] == IndexId::kSlot) {
    slots_.Put({KeyBlock::Make(value), anchor}, edit);
  } else {
    by_value_[position].Put({KeyBlock::Make(value), anchor}, edit);
  }
}

void TableData::RemoveValue(std::size_t position, std::string_view value, const Anchor* anchor,
                            std::uint64_t edit) {
  const bool removed = IndicesOf(table_)[position] == IndexId::kSlot
                           ? slots_.Erase({value, anchor->slot, anchor->id(), true}, edit)
                           : by_value_[position].Erase({value, 0, anchor->id(), false}, edit);
  SWARM_CHECK(removed, "an index has every value of every object");
}

void TableData::AddToIndices(const Anchor* anchor, const void* object, std::uint64_t edit) {
  if (anchor->has_name) names_.Put(anchor, edit);
  const auto indices = IndicesOf(table_);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    for (const std::string& v : ValuesOf(table_, indices[i], object)) AddValue(i, v, anchor, edit);
  }
}

void TableData::RemoveFromIndices(const Anchor* anchor, const void* object, std::uint64_t edit) {
  if (anchor->has_name) names_.Erase({anchor->name(), anchor->id()}, edit);
  const auto indices = IndicesOf(table_);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    for (const std::string& v : ValuesOf(table_, indices[i], object)) {
      RemoveValue(i, v, anchor, edit);
    }
  }
}

void TableData::MoveInIndices(const Anchor* anchor, const void* before, const void* after,
                              std::uint64_t edit) {
  const auto indices = IndicesOf(table_);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (!MayDiffer(table_, indices[i], before, after)) continue;
    const auto was = ValuesOf(table_, indices[i], before);
    const auto is = ValuesOf(table_, indices[i], after);
    for (const std::string& v : was) {
      if (!std::ranges::binary_search(is, v)) RemoveValue(i, v, anchor, edit);
    }
    for (const std::string& v : is) {
      if (!std::ranges::binary_search(was, v)) AddValue(i, v, anchor, edit);
    }
  }
}

void TableData::Put(ObjectPtr object, std::uint64_t edit) {
  const void* now = object.get();
  const ByIdPolicy::Entry* found = objects_.Find(IdOf(table_, now));
  if (!found) {
    Ref<Anchor> anchor = MakeAnchor(table_, now);
    const Anchor* borrowed = anchor.get();
    objects_.Put({std::move(anchor), std::move(object)}, edit);
    AddToIndices(borrowed, now, edit);
    return;
  }
  // Kept until the indices have let go of it.
  const ByIdPolicy::Entry before = *found;
  if (FitsAnchor(table_, now, *before.anchor)) {
    objects_.Put({before.anchor, std::move(object)}, edit);
    MoveInIndices(before.anchor.get(), before.object.get(), now, edit);
    return;
  }
  RemoveFromIndices(before.anchor.get(), before.object.get(), edit);
  Ref<Anchor> anchor = MakeAnchor(table_, now);
  const Anchor* borrowed = anchor.get();
  objects_.Put({std::move(anchor), std::move(object)}, edit);
  AddToIndices(borrowed, now, edit);
}

void TableData::Erase(std::string_view id, std::uint64_t edit) {
  const ByIdPolicy::Entry* found = objects_.Find(id);
  if (!found) return;
  const ByIdPolicy::Entry before = *found;
  RemoveFromIndices(before.anchor.get(), before.object.get(), edit);
  objects_.Erase(before.anchor->id(), edit);
}

void TableData::VisitFrom(std::string_view id, Visit visit) const {
  objects_.WalkFrom(id, [&](const ByIdPolicy::Entry& entry) { return visit(entry.object); });
}

Status TableData::Find(const By& by, Visit visit) const {
  SWARM_RETURN_IF_ERROR(CheckSelector(table_, by));
  Search(*this, std::move(visit)).Run(by);
  return Status::Ok();
}

}  // namespace swarm::store
