#include "wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <unordered_set>
#include <utility>

#include "swarm/store_errors.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/snapshot.pb.h"

namespace swarm::store {
namespace {

using google::protobuf::Message;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

constexpr std::uint32_t kBytesType = 2;  // wire type of messages
constexpr std::size_t kMostParts = 4096;

// The tables in the order of StoreSnapshot's fields 1 to 10.
constexpr Table kSnapshotTables[] = {
    Table::kNode,   Table::kService,  Table::kNetwork,   Table::kTask,   Table::kCluster,
    Table::kSecret, Table::kResource, Table::kExtension, Table::kConfig, Table::kVolume};

std::uint32_t Tag(int field) { return static_cast<std::uint32_t>(field) << 3 | kBytesType; }

std::size_t SizeOfField(int field, std::size_t content) {
  return CodedOutputStream::VarintSize32(Tag(field)) + CodedOutputStream::VarintSize64(content) +
         content;
}

// `message` must have its size cached.
void WriteField(int field, const Message& message, std::size_t size, CodedOutputStream& out) {
  out.WriteTag(Tag(field));
  out.WriteVarint64(size);
  message.SerializeWithCachedSizes(&out);
}

int KindOf(Change change) {
  switch (change) {
    case Change::kCreate:
      return pb::STORE_ACTION_CREATE;
    case Change::kUpdate:
      return pb::STORE_ACTION_UPDATE;
    case Change::kRemove:
      break;
  }
  return pb::STORE_ACTION_REMOVE;
}

void AppendAction(Change change, Table table, const Message& object, std::string& out) {
  const std::size_t size = object.ByteSizeLong();
  // StoreAction.action is field 1, a number below 128; InternalRaftRequest.action is field 2.
  const std::size_t action = 2 + SizeOfField(ActionField(table), size);
  StringOutputStream stream(&out);
  CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  coded.WriteTag(Tag(2));
  coded.WriteVarint64(action);
  coded.WriteTag(1 << 3);
  coded.WriteVarint32(static_cast<std::uint32_t>(KindOf(change)));
  WriteField(ActionField(table), object, size, coded);
}

std::string ToBytes(const Message& message) {
  std::string out;
  StringOutputStream stream(&out);
  CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return out;
}

// The object of the action, and its table; null when this build does not know it.
std::pair<Table, ObjectPtr> TargetOf(pb::StoreAction& action, Sharing& sharing) {
  const auto take = [](Table table, auto* message) -> std::pair<Table, ObjectPtr> {
    using M = std::remove_pointer_t<decltype(message)>;
    return {table, ToObject(MessagePtr(std::make_shared<const M>(std::move(*message))))};
  };
  switch (action.target_case()) {
    case pb::StoreAction::kNode:
      return take(Table::kNode, action.mutable_node());
    case pb::StoreAction::kService:
      return take(Table::kService, action.mutable_service());
    case pb::StoreAction::kTask:
      return {Table::kTask, ToObject(sharing.Read(action.task()))};
    case pb::StoreAction::kNetwork:
      return take(Table::kNetwork, action.mutable_network());
    case pb::StoreAction::kCluster:
      return take(Table::kCluster, action.mutable_cluster());
    case pb::StoreAction::kSecret:
      return take(Table::kSecret, action.mutable_secret());
    case pb::StoreAction::kResource:
      return take(Table::kResource, action.mutable_resource());
    case pb::StoreAction::kExtension:
      return take(Table::kExtension, action.mutable_extension());
    case pb::StoreAction::kConfig:
      return take(Table::kConfig, action.mutable_config());
    case pb::StoreAction::kVolume:
      return take(Table::kVolume, action.mutable_volume());
    case pb::StoreAction::TARGET_NOT_SET:
      break;
  }
  return {Table::kCluster, nullptr};
}

Status Apply(pb::StoreAction& action, Sharing& sharing, StoreTransaction& tx) {
  const auto [table, object] = TargetOf(action, sharing);
  if (!object) return store_errors::Make("unrecognized action type");
  const std::string id(IdOf(table, object.get()));
  Status status;
  switch (action.action()) {
    case pb::STORE_ACTION_CREATE:
      status = tx.ApplyCreate(table, object);
      break;
    case pb::STORE_ACTION_UPDATE:
      status = tx.ApplyUpdate(table, object);
      break;
    case pb::STORE_ACTION_REMOVE:
      status = tx.Delete(table, id);
      break;
    default:
      status = store_errors::Make("unrecognized action type");
  }
  return status.WithContext(std::string(TableName(table)) + " " + id);
}

}  // namespace

void AppendChange(const Event& event, std::string& out) {
  if (event.table == Table::kTask) {
    AppendAction(event.change, event.table, TaskToProto(*event.task), out);
  } else {
    AppendAction(event.change, event.table, *event.object, out);
  }
}

std::string EncodeChanges(const std::vector<Event>& events) {
  std::string out;
  for (const Event& event : events) AppendChange(event, out);
  return out;
}

template <class M>
void Sharing::Share(std::shared_ptr<const M>& part,
                    std::unordered_map<std::string, std::weak_ptr<const M>>& known) {
  if (!part) return;
  if (known.size() >= kMostParts) {
    std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
    if (known.size() >= kMostParts) known.clear();
  }
  std::weak_ptr<const M>& place = known[ToBytes(*part)];
  if (auto same = place.lock()) {
    part = std::move(same);
  } else {
    place = part;
  }
}

TaskPtr Sharing::Read(const pb::Task& message) {
  auto task = std::make_shared<Task>(TaskFromProto(message));
  Share(task->spec, specs_);
  Share(task->service_annotations, annotations_);
  Share(task->endpoint, endpoints_);
  return task;
}

Status ApplyChanges(std::string_view data, Sharing& sharing, StoreTransaction& tx) {
  pb::InternalRaftRequest request;
  if (!request.ParseFromArray(data.data(), static_cast<int>(data.size()))) {
    return {Code::kDataLoss, "the log entry is not a store change"};
  }
  for (pb::StoreAction& action : *request.mutable_action()) {
    SWARM_RETURN_IF_ERROR(Apply(action, sharing, tx));
  }
  return Status::Ok();
}

namespace {

// Makes one table what the snapshot says.
template <class Repeated>
void ReplaceTable(Table table, Repeated* objects, Sharing& sharing, StoreTransaction& tx) {
  std::unordered_set<std::string> kept;
  for (auto& message : *objects) {
    kept.insert(message.id());
    using M = std::remove_cvref_t<decltype(message)>;
    if constexpr (std::is_same_v<M, pb::Task>) {
      tx.Restore(table, ToObject(sharing.Read(message)));
    } else {
      tx.Restore(table, ToObject(MessagePtr(std::make_shared<const M>(std::move(message)))));
    }
  }
  std::vector<std::string> gone;
  const auto note = [&](const std::string& id) {
    if (!kept.contains(id)) gone.push_back(id);
    return true;
  };
  Status found;
  if (table == Table::kTask) {
    found = tx.FindTasks(By::All(), [&](const TaskPtr& task) { return note(task->id); });
  } else {
    found = tx.FindMessages(table, By::All(), [&](const MessagePtr& message) {
      return note(std::string(IdOf(table, ToObject(message).get())));
    });
  }
  SWARM_CHECK(found.ok(), "every table can be walked");
  for (const std::string& id : gone) tx.Discard(table, id);
}

}  // namespace

Status ApplySnapshot(std::string_view data, Sharing& sharing, StoreTransaction& tx) {
  pb::StoreSnapshot snapshot;
  if (!snapshot.ParseFromArray(data.data(), static_cast<int>(data.size()))) {
    return {Code::kDataLoss, "the snapshot is not a store snapshot"};
  }
  ReplaceTable(Table::kCluster, snapshot.mutable_clusters(), sharing, tx);
  ReplaceTable(Table::kConfig, snapshot.mutable_configs(), sharing, tx);
  ReplaceTable(Table::kExtension, snapshot.mutable_extensions(), sharing, tx);
  ReplaceTable(Table::kNetwork, snapshot.mutable_networks(), sharing, tx);
  ReplaceTable(Table::kNode, snapshot.mutable_nodes(), sharing, tx);
  ReplaceTable(Table::kResource, snapshot.mutable_resources(), sharing, tx);
  ReplaceTable(Table::kSecret, snapshot.mutable_secrets(), sharing, tx);
  ReplaceTable(Table::kService, snapshot.mutable_services(), sharing, tx);
  ReplaceTable(Table::kTask, snapshot.mutable_tasks(), sharing, tx);
  ReplaceTable(Table::kVolume, snapshot.mutable_volumes(), sharing, tx);
  return Status::Ok();
}

bool SnapshotWriter::Write(std::size_t count) {
  StringOutputStream stream(&out_);
  CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  for (; table_ < std::size(kSnapshotTables); ++table_, begun_ = false) {
    const Table table = kSnapshotTables[table_];
    const int field = SnapshotField(table);
    bool more = false;
    root_.table(table).VisitFrom(begun_ ? last_id_ : "", [&](const ObjectPtr& object) {
      const std::string_view id = IdOf(table, object.get());
      if (begun_ && id == last_id_) return true;
      if (count == 0) {
        more = true;
        return false;
      }
      --count;
      pb::Task task;
      if (table == Table::kTask) TaskToProto(AsTask(object.get()), &task);
      const Message& message = table == Table::kTask ? task : AsMessage(object.get());
      WriteField(field, message, message.ByteSizeLong(), coded);
      last_id_ = id;
      begun_ = true;
      return true;
    });
    if (more) return true;
  }
  return false;
}

}  // namespace swarm::store
