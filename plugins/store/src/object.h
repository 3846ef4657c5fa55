// What objects of all tables have in common, whatever their type.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ref.h"
#include "swarm/store.h"

namespace swarm::store {

inline constexpr Table kTables[] = {
    Table::kCluster,  Table::kConfig, Table::kExtension, Table::kNetwork, Table::kNode,
    Table::kResource, Table::kSecret, Table::kService,   Table::kTask,    Table::kVolume};

// A stored object: in the task table a Task, elsewhere the table's message (as Message).
using ObjectPtr = std::shared_ptr<const void>;

inline ObjectPtr ToObject(TaskPtr task) { return std::static_pointer_cast<const void>(task); }
inline ObjectPtr ToObject(MessagePtr message) {
  return std::static_pointer_cast<const void>(message);
}
inline TaskPtr ToTask(const ObjectPtr& object) {
  return std::static_pointer_cast<const Task>(object);
}
inline MessagePtr ToMessage(const ObjectPtr& object) {
  return std::static_pointer_cast<const google::protobuf::Message>(object);
}
inline const Task& AsTask(const void* object) { return *static_cast<const Task*>(object); }
inline const google::protobuf::Message& AsMessage(const void* object) {
  return *static_cast<const google::protobuf::Message*>(object);
}
template <class M>
const M& As(const void* object) {
  return static_cast<const M&>(AsMessage(object));
}

// Meta as plain values, to be put back when a write is undone.
struct MetaValue {
  bool has_meta = false;
  bool has_version = false;
  std::uint64_t version = 0;
  TaskTime created_at;
  TaskTime updated_at;
};

std::string_view IdOf(Table table, const void* object);
std::uint64_t VersionOf(Table table, const void* object);
const pb::Annotations& AnnotationsOf(Table table, const void* object);
MetaValue MetaOf(Table table, const void* object);
void SetMeta(Table table, void* object, const MetaValue& meta);
TaskTime ToTaskTime(WallTime time);

// Letters A to Z only: the names the protocol admits.
std::string LowerCase(std::string_view text);
// Whether the table refuses two objects of one name.
bool HasUniqueNames(Table table);
// The lower-cased name; empty and false for a node that has not described itself.
bool NameKey(Table table, const void* object, std::string& out);
Ref<Anchor> MakeAnchor(Table table, const void* object);
// Whether `object` is what `anchor` says.
bool FitsAnchor(Table table, const void* object, const Anchor& anchor);

// Number of the table's field in a StoreAction, and in a StoreSnapshot.
int ActionField(Table table);
int SnapshotField(Table table);

}  // namespace swarm::store
