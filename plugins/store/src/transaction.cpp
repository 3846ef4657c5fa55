#include "transaction.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "swarm/store_errors.h"

namespace swarm::store {
namespace {

using google::protobuf::Message;
using store_errors::Make;

Status NotForTasks(Table table) {
  if (table != Table::kTask) return Status::Ok();
  return {Code::kInvalidArgument, "tasks are written with CreateTask and UpdateTask"};
}

Status NeedsId(Table table, const void* object) {
  if (!IdOf(table, object).empty()) return Status::Ok();
  return {Code::kInvalidArgument, "a " + std::string(TableName(table)) + " needs an id"};
}

Status CheckKind(const Root& root, const void* resource) {
  const auto kind = LowerCase(As<pb::Resource>(resource).kind());
  if (!root.table(Table::kExtension).OwnerOfName(kind).empty()) return Status::Ok();
  return Make(store_errors::kNoKind);
}

Status CheckIndexed(Table table, const void* object) {
  if (table != Table::kVolume || As<pb::Volume>(object).spec().has_driver()) return Status::Ok();
  return Make("missing value for index 'driver'");
}

// A stored task is never without these.
void Complete(Task& task) {
  if (!task.spec) task.spec = std::make_shared<const pb::TaskSpec>();
  if (!task.service_annotations) {
    task.service_annotations = std::make_shared<const pb::Annotations>();
  }
}

ObjectPtr ObjectOf(const Event& event) {
  return event.table == Table::kTask ? ToObject(event.task) : ToObject(event.object);
}

ObjectPtr OldObjectOf(const Event& event) {
  return event.table == Table::kTask ? ToObject(event.old_task) : ToObject(event.old_object);
}

}  // namespace

StoreTransaction::StoreTransaction(Draft& draft, std::optional<Stamp> stamp)
    : RootReader(draft.root()), draft_(draft), stamp_(stamp) {}

Status StoreTransaction::CheckCreate(Table table, const void* object) const {
  SWARM_RETURN_IF_ERROR(NeedsId(table, object));
  if (table == Table::kResource) SWARM_RETURN_IF_ERROR(CheckKind(root_, object));
  if (HasUniqueNames(table)) {
    std::string name;
    NameKey(table, object, name);
    if (!root_.table(table).OwnerOfName(name).empty()) return Make(store_errors::kNameConflict);
  }
  if (table == Table::kExtension) {
    const std::string& name = As<pb::Extension>(object).annotations().name();
    if (std::ranges::any_of(kTables, [&](Table t) { return TableName(t) == name; })) {
      return Make(store_errors::kNameConflict);
    }
  }
  if (root_.table(table).Peek(IdOf(table, object))) return Make(store_errors::kExist);
  return CheckIndexed(table, object);
}

Status StoreTransaction::CheckUpdate(Table table, const void* object) const {
  if (table == Table::kExtension) return Make(store_errors::kExtensionImmutable);
  if (table == Table::kResource) {
    SWARM_RETURN_IF_ERROR(CheckKind(root_, object));
  } else if (HasUniqueNames(table)) {
    std::string name;
    NameKey(table, object, name);
    const std::string_view owner = root_.table(table).OwnerOfName(name);
    if (!owner.empty() && owner != IdOf(table, object)) return Make(store_errors::kNameConflict);
  }
  const ObjectPtr* stored = root_.table(table).Peek(IdOf(table, object));
  if (!stored) return Make(store_errors::kNotExist);
  if (stamp_ && VersionOf(table, stored->get()) != VersionOf(table, object)) {
    return Make(store_errors::kSequenceConflict);
  }
  return CheckIndexed(table, object);
}

Status StoreTransaction::CheckDelete(Table table, const void* object) const {
  if (table != Table::kExtension) return Status::Ok();
  const std::string& name = As<pb::Extension>(object).annotations().name();
  if (!root_.table(Table::kResource).HasValue(IndexId::kKind, name)) return Status::Ok();
  return Make("cannot delete extension because objects of this type exist in the data store");
}

void StoreTransaction::Fill(Table table, const std::shared_ptr<void>& object) {
  MetaValue meta = MetaOf(table, object.get());
  undo_.push_back({table, object, meta});
  meta.has_meta = true;
  meta.has_version = true;
  meta.version = stamp_->version;
  meta.updated_at = stamp_->now;
  if (!meta.created_at.present) meta.created_at = stamp_->now;
  SetMeta(table, object.get(), meta);
}

void StoreTransaction::PutBack(std::vector<Undo>& undo) {
  for (Undo& u : undo | std::views::reverse) SetMeta(u.table, u.object.get(), u.meta);
  undo.clear();
}

void StoreTransaction::RollBack() {
  for (const Event& event : events_ | std::views::reverse) {
    ObjectPtr before = event.change == Change::kRemove ? ObjectOf(event) : OldObjectOf(event);
    if (before) {
      draft_.Put(event.table, std::move(before));
    } else {
      draft_.Erase(event.table, IdOf(event.table, ObjectOf(event).get()));
    }
  }
  events_.clear();
  PutBack(undo_);
}

void StoreTransaction::Record(Table table, Change change, const ObjectPtr& object,
                              const ObjectPtr& before) {
  Event event;
  event.table = table;
  event.change = change;
  if (table == Table::kTask) {
    event.task = ToTask(object);
    event.old_task = ToTask(before);
  } else {
    event.object = ToMessage(object);
    event.old_object = ToMessage(before);
  }
  events_.push_back(std::move(event));
}

Status StoreTransaction::ApplyCreate(Table table, ObjectPtr object) {
  SWARM_RETURN_IF_ERROR(CheckCreate(table, object.get()));
  Record(table, Change::kCreate, object, nullptr);
  draft_.Put(table, std::move(object));
  return Status::Ok();
}

Status StoreTransaction::ApplyUpdate(Table table, ObjectPtr object) {
  SWARM_RETURN_IF_ERROR(CheckUpdate(table, object.get()));
  Record(table, Change::kUpdate, object, root_.table(table).Get(IdOf(table, object.get())));
  draft_.Put(table, std::move(object));
  return Status::Ok();
}

Status StoreTransaction::CreateMessage(Table table, std::shared_ptr<Message> object) noexcept {
  SWARM_RETURN_IF_ERROR(NotForTasks(table));
  SWARM_RETURN_IF_ERROR(CheckCreate(table, object.get()));
  if (stamp_) Fill(table, object);
  Record(table, Change::kCreate, ToObject(MessagePtr(object)), nullptr);
  draft_.Put(table, ToObject(MessagePtr(std::move(object))));
  return Status::Ok();
}

Status StoreTransaction::UpdateMessage(Table table, std::shared_ptr<Message> object) noexcept {
  SWARM_RETURN_IF_ERROR(NotForTasks(table));
  SWARM_RETURN_IF_ERROR(CheckUpdate(table, object.get()));
  const ObjectPtr before = root_.table(table).Get(IdOf(table, object.get()));
  if (stamp_) Fill(table, object);
  Record(table, Change::kUpdate, ToObject(MessagePtr(object)), before);
  draft_.Put(table, ToObject(MessagePtr(std::move(object))));
  return Status::Ok();
}

Status StoreTransaction::CreateTask(std::shared_ptr<Task> task) noexcept {
  Complete(*task);
  SWARM_RETURN_IF_ERROR(CheckCreate(Table::kTask, task.get()));
  if (stamp_) Fill(Table::kTask, task);
  Record(Table::kTask, Change::kCreate, ToObject(TaskPtr(task)), nullptr);
  draft_.Put(Table::kTask, ToObject(TaskPtr(std::move(task))));
  return Status::Ok();
}

Status StoreTransaction::UpdateTask(std::shared_ptr<Task> task) noexcept {
  Complete(*task);
  SWARM_RETURN_IF_ERROR(CheckUpdate(Table::kTask, task.get()));
  const ObjectPtr before = root_.table(Table::kTask).Get(task->id);
  if (stamp_) Fill(Table::kTask, task);
  Record(Table::kTask, Change::kUpdate, ToObject(TaskPtr(task)), before);
  draft_.Put(Table::kTask, ToObject(TaskPtr(std::move(task))));
  return Status::Ok();
}

Status StoreTransaction::Delete(Table table, std::string_view id) noexcept {
  const ObjectPtr object = root_.table(table).Get(id);
  if (!object) return Make(store_errors::kNotExist);
  SWARM_RETURN_IF_ERROR(CheckDelete(table, object.get()));
  Discard(table, id);
  return Status::Ok();
}

void StoreTransaction::Restore(Table table, ObjectPtr object) {
  const ObjectPtr before = root_.table(table).Get(IdOf(table, object.get()));
  Record(table, before ? Change::kUpdate : Change::kCreate, object, before);
  draft_.Put(table, std::move(object));
}

void StoreTransaction::Discard(Table table, std::string_view id) {
  const ObjectPtr object = root_.table(table).Get(id);
  Record(table, Change::kRemove, object, nullptr);
  draft_.Erase(table, id);
}

void Repeat(const std::vector<Event>& events, Draft& draft) {
  for (const Event& event : events) {
    ObjectPtr object = ObjectOf(event);
    if (event.change == Change::kRemove) {
      draft.Erase(event.table, IdOf(event.table, object.get()));
    } else {
      draft.Put(event.table, std::move(object));
    }
  }
}

}  // namespace swarm::store
