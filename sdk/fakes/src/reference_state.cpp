#include "reference_state.h"

#include <algorithm>
#include <set>
#include <utility>

#include "reference_keys.h"
#include "swarm/store_errors.h"

namespace swarm::fakes {
namespace {

using google::protobuf::Message;

constexpr Table kTables[] = {Table::kCluster, Table::kConfig,   Table::kExtension, Table::kNetwork,
                             Table::kNode,    Table::kResource, Table::kSecret,    Table::kService,
                             Table::kTask,    Table::kVolume};

// Field numbers of the tables' messages in a StoreAction.
int ActionField(Table table) {
  switch (table) {
    case Table::kNode:
      return 2;
    case Table::kService:
      return 3;
    case Table::kTask:
      return 4;
    case Table::kNetwork:
      return 5;
    case Table::kCluster:
      return 6;
    case Table::kSecret:
      return 7;
    case Table::kResource:
      return 8;
    case Table::kExtension:
      return 9;
    case Table::kConfig:
      return 10;
    case Table::kVolume:
      return 11;
  }
  return 0;
}

// And in a StoreSnapshot, which has networks before tasks.
int SnapshotField(Table table) {
  if (table == Table::kNetwork) return 3;
  if (table == Table::kTask) return 4;
  return ActionField(table) - 1;
}

Message* MutableChild(Message* message, int number) {
  return message->GetReflection()->MutableMessage(
      message, message->GetDescriptor()->FindFieldByNumber(number));
}

std::string IdOf(const Message& message) {
  return message.GetReflection()->GetString(message, message.GetDescriptor()->FindFieldByNumber(1));
}

std::uint64_t VersionOf(const Object& object) {
  if (object.task) return object.task->version;
  return static_cast<const pb::Meta&>(Child(*object.message, 2)).version().index();
}

Object FromMessage(Table table, const Message& message) {
  if (table == Table::kTask) {
    return {nullptr, std::make_shared<Task>(TaskFromProto(static_cast<const pb::Task&>(message)))};
  }
  std::shared_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  return {copy, nullptr};
}

TaskTime ToTaskTime(WallTime now) {
  const std::int64_t ns = now.time_since_epoch().count();
  return {ns / 1'000'000'000, static_cast<std::int32_t>(ns % 1'000'000'000), true};
}

bool HasUniqueNames(Table table) { return table != Table::kNode && table != Table::kTask; }

bool MatchesKey(const By& by, const std::string& key) {
  switch (by.kind) {
    case By::Kind::kAll:
      return true;
    case By::Kind::kIdPrefix:
      return key.starts_with(by.text);
    case By::Kind::kName:
      return key == LowerCase(by.text);
    case By::Kind::kNamePrefix:
      return key.starts_with(LowerCase(by.text));
    case By::Kind::kCustom:
      return key == by.text + "|" + by.value;
    case By::Kind::kCustomPrefix:
      return key.starts_with(by.text + "|" + by.value);
    case By::Kind::kSlot:
      return key == by.text + std::string(1, '\0') + std::to_string(by.number);
    case By::Kind::kDesiredState:
    case By::Kind::kTaskState:
    case By::Kind::kRole:
    case By::Kind::kMembership:
      return key == std::to_string(by.number);
    default:
      return key == by.text;
  }
}

Status CheckSelector(Table table, const By& by) {
  if (!HasIndex(table, by.kind)) {
    return {Code::kInvalidArgument, std::string(store_errors::kInvalidFindBy)};
  }
  for (const By& branch : by.any) SWARM_RETURN_IF_ERROR(CheckSelector(table, branch));
  return Status::Ok();
}

void Collect(const ReferenceState& state, Table table, const By& by, std::set<std::string>& seen,
             std::vector<Object>& out) {
  if (by.kind == By::Kind::kOr) {
    for (const By& branch : by.any) Collect(state, table, branch, seen, out);
    return;
  }
  std::set<std::pair<std::string, std::string>> hits;  // by key, then id
  for (const auto& [id, object] : state.table(table)) {
    const auto keys = Keys(table, object, by.kind);
    for (const std::string& key : *keys) {
      if (MatchesKey(by, key)) hits.emplace(key, id);
    }
  }
  for (const auto& [key, id] : hits) {
    if (seen.insert(id).second) out.push_back(state.table(table).find(id)->second);
  }
}

// Another object, or none, with the same name.
std::optional<std::string> OwnerOfName(const ReferenceState& state, Table table,
                                       const std::string& name) {
  for (const auto& [id, object] : state.table(table)) {
    if (NameKey(table, object) == name) return id;
  }
  return std::nullopt;
}

Status CheckKind(const ReferenceState& state, const Object& object) {
  const auto& kind = static_cast<const pb::Resource&>(*object.message).kind();
  if (OwnerOfName(state, Table::kExtension, LowerCase(kind))) return Status::Ok();
  return store_errors::Make(store_errors::kNoKind);
}

Status CheckDriver(Table table, const Object& object) {
  if (table != Table::kVolume) return Status::Ok();
  if (static_cast<const pb::Volume&>(*object.message).spec().has_driver()) return Status::Ok();
  return store_errors::Make("missing value for index 'driver'");
}

}  // namespace

ReferenceState::ReferenceState() {
  for (auto& t : tables) t = std::make_shared<const Objects>();
}

std::string IdOf(const Object& object) {
  return object.task ? object.task->id : IdOf(*object.message);
}

Result<std::vector<Object>> Select(const ReferenceState& state, Table table, const By& by) {
  SWARM_RETURN_IF_ERROR(CheckSelector(table, by));
  std::set<std::string> seen;
  std::vector<Object> out;
  Collect(state, table, by, seen, out);
  return out;
}

template <class Interface>
Status StateReader<Interface>::FindMessages(
    Table table, const By& by, Function<bool(const MessagePtr&)> visit) const noexcept {
  if (table == Table::kTask) return {Code::kInvalidArgument, "tasks are found with FindTasks"};
  SWARM_ASSIGN_OR_RETURN(const std::vector<Object> found, Select(state_, table, by));
  for (const Object& object : found) {
    if (!visit(object.message)) break;
  }
  return Status::Ok();
}

template <class Interface>
Status StateReader<Interface>::FindTasks(const By& by,
                                         Function<bool(const TaskPtr&)> visit) const noexcept {
  SWARM_ASSIGN_OR_RETURN(const std::vector<Object> found, Select(state_, Table::kTask, by));
  for (const Object& object : found) {
    if (!visit(object.task)) break;
  }
  return Status::Ok();
}

template class StateReader<View>;
template class StateReader<Transaction>;

Status ReferenceTransaction::CheckCreate(Table table, const Object& object) const {
  if (IdOf(object).empty()) {
    return {Code::kInvalidArgument, "a " + std::string(TableName(table)) + " needs an id"};
  }
  if (table == Table::kResource) SWARM_RETURN_IF_ERROR(CheckKind(state_, object));
  if (HasUniqueNames(table) && OwnerOfName(state_, table, *NameKey(table, object))) {
    return store_errors::Make(store_errors::kNameConflict);
  }
  if (table == Table::kExtension) {
    const auto& name = static_cast<const pb::Extension&>(*object.message).annotations().name();
    for (const Table t : kTables) {
      if (TableName(t) == name) return store_errors::Make(store_errors::kNameConflict);
    }
  }
  if (state_.table(table).contains(IdOf(object))) return store_errors::Make(store_errors::kExist);
  return CheckDriver(table, object);
}

Status ReferenceTransaction::CheckUpdate(Table table, const Object& object) const {
  if (table == Table::kExtension) return store_errors::Make(store_errors::kExtensionImmutable);
  if (table == Table::kResource) {
    SWARM_RETURN_IF_ERROR(CheckKind(state_, object));
  } else if (HasUniqueNames(table)) {
    const auto owner = OwnerOfName(state_, table, *NameKey(table, object));
    if (owner && *owner != IdOf(object)) return store_errors::Make(store_errors::kNameConflict);
  }
  const auto stored = state_.table(table).find(IdOf(object));
  if (stored == state_.table(table).end()) return store_errors::Make(store_errors::kNotExist);
  if (version_ && VersionOf(stored->second) != VersionOf(object)) {
    return store_errors::Make(store_errors::kSequenceConflict);
  }
  return CheckDriver(table, object);
}

Status ReferenceTransaction::CheckDelete(Table table, const Object& object) const {
  if (table != Table::kExtension) return Status::Ok();
  const auto& name = static_cast<const pb::Extension&>(*object.message).annotations().name();
  for (const auto& [id, resource] : state_.table(Table::kResource)) {
    if (static_cast<const pb::Resource&>(*resource.message).kind() == name) {
      return store_errors::Make(
          "cannot delete extension because objects of this type exist in the data store");
    }
  }
  return Status::Ok();
}

Objects& ReferenceTransaction::Writable(Table table) {
  auto& own = own_[static_cast<std::size_t>(table)];
  if (!own) {
    own = std::make_shared<Objects>(state_.table(table));
    state_.tables[static_cast<std::size_t>(table)] = own;
  }
  return *own;
}

void ReferenceTransaction::Put(Table table, Object object) {
  const std::string id = IdOf(object);
  Writable(table).insert_or_assign(id, std::move(object));
}

void ReferenceTransaction::Erase(Table table, const std::string& id) { Writable(table).erase(id); }

Status ReferenceTransaction::Create(Table table, Object object,
                                    const std::function<void()>& fill_meta) {
  SWARM_RETURN_IF_ERROR(CheckCreate(table, object));
  fill_meta();
  events_.push_back({table, Change::kCreate, object.message, nullptr, object.task, nullptr});
  Put(table, std::move(object));
  return Status::Ok();
}

Status ReferenceTransaction::Update(Table table, Object object,
                                    const std::function<void()>& fill_meta) {
  SWARM_RETURN_IF_ERROR(CheckUpdate(table, object));
  fill_meta();
  const Object old = state_.table(table).find(IdOf(object))->second;
  events_.push_back({table, Change::kUpdate, object.message, old.message, object.task, old.task});
  Put(table, std::move(object));
  return Status::Ok();
}

namespace {

void FillMeta(Message* object, std::uint64_t version, WallTime now) {
  auto* meta = static_cast<pb::Meta*>(MutableChild(object, 2));
  const TaskTime time = ToTaskTime(now);
  meta->mutable_version()->set_index(version);
  if (!meta->has_created_at()) {
    meta->mutable_created_at()->set_seconds(time.seconds);
    meta->mutable_created_at()->set_nanos(time.nanos);
  }
  meta->mutable_updated_at()->set_seconds(time.seconds);
  meta->mutable_updated_at()->set_nanos(time.nanos);
}

void FillMeta(Task* task, std::uint64_t version, WallTime now) {
  task->version = version;
  task->updated_at = ToTaskTime(now);
  if (!task->created_at.present) task->created_at = task->updated_at;
}

Status NotATaskTable(Table table) {
  if (table != Table::kTask) return Status::Ok();
  return {Code::kInvalidArgument, "tasks are written with CreateTask and UpdateTask"};
}

}  // namespace

Status ReferenceTransaction::CreateMessage(Table table, std::shared_ptr<Message> object) noexcept {
  SWARM_RETURN_IF_ERROR(NotATaskTable(table));
  return Create(table, {object, nullptr}, [&] {
    if (version_) FillMeta(object.get(), *version_, now_);
  });
}

Status ReferenceTransaction::UpdateMessage(Table table, std::shared_ptr<Message> object) noexcept {
  SWARM_RETURN_IF_ERROR(NotATaskTable(table));
  return Update(table, {object, nullptr}, [&] {
    if (version_) FillMeta(object.get(), *version_, now_);
  });
}

Status ReferenceTransaction::CreateTask(std::shared_ptr<Task> task) noexcept {
  if (!task->spec) task->spec = std::make_shared<pb::TaskSpec>();
  if (!task->service_annotations) task->service_annotations = std::make_shared<pb::Annotations>();
  return Create(Table::kTask, {nullptr, task}, [&] {
    if (version_) FillMeta(task.get(), *version_, now_);
  });
}

Status ReferenceTransaction::UpdateTask(std::shared_ptr<Task> task) noexcept {
  if (!task->spec) task->spec = std::make_shared<pb::TaskSpec>();
  if (!task->service_annotations) task->service_annotations = std::make_shared<pb::Annotations>();
  return Update(Table::kTask, {nullptr, task}, [&] {
    if (version_) FillMeta(task.get(), *version_, now_);
  });
}

Status ReferenceTransaction::Delete(Table table, std::string_view id) noexcept {
  const auto found = state_.table(table).find(id);
  if (found == state_.table(table).end()) return store_errors::Make(store_errors::kNotExist);
  const Object object = found->second;
  SWARM_RETURN_IF_ERROR(CheckDelete(table, object));
  Erase(table, std::string(id));
  events_.push_back({table, Change::kRemove, object.message, nullptr, object.task, nullptr});
  return Status::Ok();
}

Status ReferenceTransaction::Apply(const pb::StoreAction& action) {
  for (const Table table : kTables) {
    const auto* field = action.GetDescriptor()->FindFieldByNumber(ActionField(table));
    if (!action.GetReflection()->HasField(action, field)) continue;
    const Object object = FromMessage(table, Child(action, field->number()));
    switch (action.action()) {
      case pb::STORE_ACTION_CREATE:
        return Create(table, object, [] {});
      case pb::STORE_ACTION_UPDATE:
        return Update(table, object, [] {});
      case pb::STORE_ACTION_REMOVE:
        return Delete(table, IdOf(object));
      default:
        break;
    }
  }
  return store_errors::Make("unrecognized action type");
}

void ReferenceTransaction::Replace(const pb::StoreSnapshot& snapshot) {
  for (const Table table : kTables) {
    const auto* field = snapshot.GetDescriptor()->FindFieldByNumber(SnapshotField(table));
    const auto* reflection = snapshot.GetReflection();
    std::set<std::string> kept;
    for (int i = 0; i < reflection->FieldSize(snapshot, field); ++i) {
      Object object = FromMessage(table, reflection->GetRepeatedMessage(snapshot, field, i));
      kept.insert(IdOf(object));
      const auto stored = state_.table(table).find(IdOf(object));
      const bool known = stored != state_.table(table).end();
      const Object old = known ? stored->second : Object{};
      events_.push_back({table, known ? Change::kUpdate : Change::kCreate, object.message,
                         old.message, object.task, old.task});
      Put(table, std::move(object));
    }
    const Objects before = state_.table(table);
    for (const auto& [id, object] : before) {
      if (kept.contains(id)) continue;
      Erase(table, id);
      events_.push_back({table, Change::kRemove, object.message, nullptr, object.task, nullptr});
    }
  }
}

pb::InternalRaftRequest ToRequest(const std::vector<Event>& events) {
  pb::InternalRaftRequest request;
  for (const Event& event : events) {
    pb::StoreAction* action = request.add_action();
    action->set_action(event.change == Change::kCreate   ? pb::STORE_ACTION_CREATE
                       : event.change == Change::kUpdate ? pb::STORE_ACTION_UPDATE
                                                         : pb::STORE_ACTION_REMOVE);
    MutableChild(action, ActionField(event.table))
        ->CopyFrom(*AsMessage(event.table, {event.object, event.task}));
  }
  return request;
}

pb::StoreSnapshot ToSnapshot(const ReferenceState& state) {
  pb::StoreSnapshot snapshot;
  for (const Table table : kTables) {
    const auto* field = snapshot.GetDescriptor()->FindFieldByNumber(SnapshotField(table));
    for (const auto& [id, object] : state.table(table)) {
      snapshot.GetReflection()->AddMessage(&snapshot, field)->CopyFrom(*AsMessage(table, object));
    }
  }
  return snapshot;
}

}  // namespace swarm::fakes
