#include "raft_folder.h"

#include <google/protobuf/message.h>

#include <vector>

#include "consensus/membership.h"
#include "pki/key_file.h"
#include "pki/pem.h"
#include "runtime/production.h"
#include "support/process.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/snapshot.pb.h"
#include "wal/storage.h"

namespace swarm::test {
namespace {

namespace pb = ::docker::swarmkit::v1;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

Status Lost(const std::string& what) { return {Code::kDataLoss, what}; }

// Whether everything in it, however deep, has a field of ours.
bool AllKnown(const Message& message) {
  const auto& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return false;
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (!AllKnown(reflection.GetMessage(message, field))) return false;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (!AllKnown(reflection.GetRepeatedMessage(message, field, i))) return false;
    }
  }
  return true;
}

Result<std::string> LogKey(const std::string& state_dir) {
  SWARM_ASSIGN_OR_RETURN(
      const pki::KeyFile file,
      pki::KeyFile::Parse(ReadText(state_dir + "/certificates/swarm-node.key"), ""));
  const auto header = file.headers.find(std::string(pki::kRaftDekHeader));
  if (header == file.headers.end()) return Lost("the node's key carries no key of the log");
  SWARM_ASSIGN_OR_RETURN(const std::string bytes, pki::DecodeBase64(header->second));
  pb::MaybeEncryptedRecord record;
  if (!record.ParseFromString(bytes)) return Lost("the log's key is garbled");
  return record.data();
}

std::string IdOf(const Message& object) {
  const FieldDescriptor* id = object.GetDescriptor()->FindFieldByName("id");
  return object.GetReflection()->GetString(object, id);
}

Status Take(RaftFolder& folder, const wal::Entry& entry) {
  const std::string place = "entry " + std::to_string(entry.index.value()) + ": ";
  pb::InternalRaftRequest request;
  if (!request.ParseFromString(entry.data)) return Lost(place + "no request");
  if (!AllKnown(request)) return Lost(place + "unknown fields");
  for (const pb::StoreAction& action : request.action()) {
    const FieldDescriptor* target = action.GetReflection()->GetOneofFieldDescriptor(
        action, action.GetDescriptor()->FindOneofByName("target"));
    if (target == nullptr) return Lost(place + "an action without an object");
    const Message& object = action.GetReflection()->GetMessage(action, target);
    const std::pair key(target->name(), IdOf(object));
    const bool exists = folder.objects.contains(key);
    if (exists == (action.action() == pb::STORE_ACTION_CREATE)) {
      return Lost(place + target->name() + " " + key.second + (exists ? " exists" : " is missing"));
    }
    if (action.action() == pb::STORE_ACTION_REMOVE) {
      folder.objects.erase(key);
    } else {
      folder.objects[key] = object.SerializeAsString();
    }
  }
  return Status::Ok();
}

Status TakeSnapshot(RaftFolder& folder, const std::string& data) {
  SWARM_ASSIGN_OR_RETURN(const consensus::SnapshotParts parts, consensus::SplitSnapshot(data));
  pb::StoreSnapshot store;
  if (!store.ParseFromString(std::string(parts.store))) return Lost("snapshot: no store");
  if (!AllKnown(store)) return Lost("snapshot: unknown fields");
  std::vector<const FieldDescriptor*> tables;
  store.GetReflection()->ListFields(store, &tables);
  for (const FieldDescriptor* table : tables) {
    // "services" is the table of what actions call "service".
    const std::string kind = table->name().substr(0, table->name().size() - 1);
    for (int i = 0; i < store.GetReflection()->FieldSize(store, table); ++i) {
      const Message& object = store.GetReflection()->GetRepeatedMessage(store, table, i);
      folder.objects[{kind, IdOf(object)}] = object.SerializeAsString();
      ++folder.snapshot_objects;
    }
  }
  return Status::Ok();
}

}  // namespace

Result<RaftFolder> ReadRaftFolder(const std::string& state_dir) {
  const auto runtime = MakeRuntime();
  wal::StorageOptions options;
  options.directory = state_dir + "/raft";
  SWARM_ASSIGN_OR_RETURN(options.key, LogKey(state_dir));
  SWARM_ASSIGN_OR_RETURN(const wal::Storage storage, wal::OpenStorage(*runtime, options));
  RaftFolder folder;
  consensus::Membership membership;
  if (storage.snapshot) {
    SWARM_RETURN_IF_ERROR(TakeSnapshot(folder, storage.snapshot->data));
    for (const RaftId voter : storage.snapshot->voters) membership.voters.insert(voter.value());
  }
  for (const wal::Entry& entry : storage.contents.entries) {
    if (entry.index > storage.contents.hard_state.commit) break;
    SWARM_RETURN_IF_ERROR(membership.Apply(entry));
    ++folder.entries;
    if (entry.type == wal::EntryType::kNormal && !entry.data.empty()) {
      SWARM_RETURN_IF_ERROR(Take(folder, entry));
    }
  }
  folder.voters = membership.voters.size();
  return folder;
}

}  // namespace swarm::test
