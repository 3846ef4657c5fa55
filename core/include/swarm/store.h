// The cluster's state: tables of objects, transactions on them, and events of what changed.
// The store is the only state that components share; they never call each other.
//
// Reading (View) is free: a view is one consistent version, taken in constant time, which neither
// blocks writers nor is blocked by them. Writing is asynchronous: a callback runs on the store's
// loop against the newest state, and its outcome is reported once it is durable.
// Protocol: SwarmKit's memory store; see docs/store.md for the rules that peers rely on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/ids.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "swarm/task.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm {

enum class Table : unsigned char {
  kCluster,
  kConfig,
  kExtension,
  kNetwork,
  kNode,
  kResource,
  kSecret,
  kService,
  kTask,
  kVolume,
};
inline constexpr std::size_t kTableCount = 10;
// "cluster", "config", ...
SWARM_EXPORT std::string_view TableName(Table table);

using MessagePtr = std::shared_ptr<const google::protobuf::Message>;

// The table of a message type, at compile time. Tasks have functions of their own.
template <class M>
struct TableOf;
template <>
struct TableOf<pb::Cluster> {
  static constexpr Table value = Table::kCluster;
};
template <>
struct TableOf<pb::Config> {
  static constexpr Table value = Table::kConfig;
};
template <>
struct TableOf<pb::Extension> {
  static constexpr Table value = Table::kExtension;
};
template <>
struct TableOf<pb::Network> {
  static constexpr Table value = Table::kNetwork;
};
template <>
struct TableOf<pb::Node> {
  static constexpr Table value = Table::kNode;
};
template <>
struct TableOf<pb::Resource> {
  static constexpr Table value = Table::kResource;
};
template <>
struct TableOf<pb::Secret> {
  static constexpr Table value = Table::kSecret;
};
template <>
struct TableOf<pb::Service> {
  static constexpr Table value = Table::kService;
};
template <>
struct TableOf<pb::Volume> {
  static constexpr Table value = Table::kVolume;
};

// Which objects to find. A value; build it with the functions below.
struct By {
  enum class Kind : unsigned char {
    kAll,
    kOr,
    kName,
    kNamePrefix,
    kIdPrefix,
    kCustom,
    kCustomPrefix,
    kRuntime,
    kReferencedNetwork,
    kReferencedSecret,
    kReferencedConfig,
    kNode,
    kService,
    kSlot,
    kDesiredState,
    kTaskState,
    kVolumeAttachment,
    kRole,
    kMembership,
    kKind,
    kVolumeGroup,
    kDriver,
  };
  Kind kind = Kind::kAll;
  std::string text;          // name, prefix, id, kind ...; for kCustom*: the index
  std::string value;         // kCustom*: the value or its prefix
  std::uint64_t number = 0;  // slot, state, role, membership
  std::vector<By> any;       // kOr

  static By All() { return {}; }
  // Branch by branch, an object only once. No branches find nothing.
  static By Or(std::vector<By> branches) {
    By b;
    b.kind = Kind::kOr;
    b.any = std::move(branches);
    return b;
  }
  // Names compare after lower-casing.
  static By Name(std::string name) { return Text(Kind::kName, std::move(name)); }
  static By NamePrefix(std::string prefix) { return Text(Kind::kNamePrefix, std::move(prefix)); }
  static By IdPrefix(std::string prefix) { return Text(Kind::kIdPrefix, std::move(prefix)); }
  static By Custom(std::string index, std::string value) {
    By b = Text(Kind::kCustom, std::move(index));
    b.value = std::move(value);
    return b;
  }
  static By CustomPrefix(std::string index, std::string value) {
    By b = Text(Kind::kCustomPrefix, std::move(index));
    b.value = std::move(value);
    return b;
  }
  static By Runtime(std::string runtime) { return Text(Kind::kRuntime, std::move(runtime)); }
  static By ReferencedNetwork(std::string id) {
    return Text(Kind::kReferencedNetwork, std::move(id));
  }
  static By ReferencedSecret(std::string id) {
    return Text(Kind::kReferencedSecret, std::move(id));
  }
  static By ReferencedConfig(std::string id) {
    return Text(Kind::kReferencedConfig, std::move(id));
  }
  static By Node(std::string id) { return Text(Kind::kNode, std::move(id)); }
  static By Service(std::string id) { return Text(Kind::kService, std::move(id)); }
  static By Slot(std::string service_id, std::uint64_t slot) {
    By b = Text(Kind::kSlot, std::move(service_id));
    b.number = slot;
    return b;
  }
  static By DesiredState(pb::TaskState s) {
    return Num(Kind::kDesiredState, static_cast<std::uint64_t>(s));
  }
  static By TaskState(pb::TaskState s) {
    return Num(Kind::kTaskState, static_cast<std::uint64_t>(s));
  }
  static By VolumeAttachment(std::string id) {
    return Text(Kind::kVolumeAttachment, std::move(id));
  }
  static By Role(pb::NodeRole r) { return Num(Kind::kRole, static_cast<std::uint64_t>(r)); }
  static By Membership(pb::NodeSpec::Membership m) {
    return Num(Kind::kMembership, static_cast<std::uint64_t>(m));
  }
  static By OfKind(std::string kind) { return Text(Kind::kKind, std::move(kind)); }
  static By VolumeGroup(std::string group) { return Text(Kind::kVolumeGroup, std::move(group)); }
  static By Driver(std::string driver) { return Text(Kind::kDriver, std::move(driver)); }

 private:
  static By Text(Kind k, std::string t) {
    By b;
    b.kind = k;
    b.text = std::move(t);
    return b;
  }
  static By Num(Kind k, std::uint64_t n) {
    By b;
    b.kind = k;
    b.number = n;
    return b;
  }
};

// Something to read from: a View, or a Transaction (which sees its own writes).
// Objects are immutable and shared; they outlive the view. Orders are ascending bytes of the
// index key, then of the id.
class SWARM_EXPORT Reader {
 public:
  virtual ~Reader();

  // Null when there is none. Tasks: GetTask.
  virtual MessagePtr GetMessage(Table table, std::string_view id) const noexcept = 0;
  virtual TaskPtr GetTask(std::string_view id) const noexcept = 0;

  // Calls `visit` for each object found until it returns false. InvalidArgument "invalid find
  // argument type" when the table has no such index. `visit` must not write.
  virtual Status FindMessages(Table table, const By& by,
                              Function<bool(const MessagePtr&)> visit) const noexcept = 0;
  virtual Status FindTasks(const By& by, Function<bool(const TaskPtr&)> visit) const noexcept = 0;
  // Number of objects in a table, in constant time.
  virtual std::size_t Count(Table table) const noexcept = 0;

  template <class M>
  std::shared_ptr<const M> Get(std::string_view id) const {
    return std::static_pointer_cast<const M>(GetMessage(TableOf<M>::value, id));
  }
  template <class M>
  Result<std::vector<std::shared_ptr<const M>>> Find(const By& by) const {
    std::vector<std::shared_ptr<const M>> out;
    SWARM_RETURN_IF_ERROR(FindMessages(TableOf<M>::value, by, [&out](const MessagePtr& m) {
      out.push_back(std::static_pointer_cast<const M>(m));
      return true;
    }));
    return out;
  }
  Result<std::vector<TaskPtr>> FindTasks(const By& by) const;
};

// One consistent, committed version. Cheap to copy and keep; keeping one keeps its version alive.
class SWARM_EXPORT View : public Reader {
 public:
  ~View() override;
  // Index of the last entry the version contains.
  virtual Index index() const noexcept = 0;
};
using ViewPtr = std::shared_ptr<const View>;

// Writes of one atomic change. Lives for one call of a callback, on the store's loop.
// Errors carry SwarmKit's texts and the code Unknown, as they reach clients unless a handler
// words them better; store_errors.h tells them apart.
class SWARM_EXPORT Transaction : public Reader {
 public:
  ~Transaction() override;
  // Stores `object`, which the caller must not change afterwards, and fills its meta. The id
  // must be set. A failed write leaves the transaction as it was.
  virtual Status CreateMessage(Table table,
                               std::shared_ptr<google::protobuf::Message> object) noexcept = 0;
  // Refused ("update out of sequence") unless object.meta.version is the stored one.
  virtual Status UpdateMessage(Table table,
                               std::shared_ptr<google::protobuf::Message> object) noexcept = 0;
  virtual Status CreateTask(std::shared_ptr<Task> task) noexcept = 0;
  virtual Status UpdateTask(std::shared_ptr<Task> task) noexcept = 0;
  virtual Status Delete(Table table, std::string_view id) noexcept = 0;

  template <class M>
  Status Create(std::shared_ptr<M> object) {
    return CreateMessage(TableOf<M>::value, std::move(object));
  }
  template <class M>
  Status Update(std::shared_ptr<M> object) {
    return UpdateMessage(TableOf<M>::value, std::move(object));
  }
  template <class M>
  Status Remove(std::string_view id) {
    return Delete(TableOf<M>::value, id);
  }
};

enum class Change : unsigned char { kCreate, kUpdate, kRemove };

struct Event {
  Table table = Table::kCluster;
  Change change = Change::kCreate;
  MessagePtr object;      // null for tasks; the last value for kRemove
  MessagePtr old_object;  // kUpdate: the value before, when known
  TaskPtr task;           // tasks only
  TaskPtr old_task;
};

// What one transaction changed, in its order. Shared by all watchers.
struct Commit {
  std::vector<Event> events;
  // Index of the log entry; absent after a restored snapshot.
  std::optional<Index> index;
};
using CommitPtr = std::shared_ptr<const Commit>;

// Which transactions a watcher hears of: those with an event in one of the tables.
struct WatchOptions {
  std::vector<Table> tables;  // empty: all
};

// Destroying it ends the watch: on the watcher's loop nothing arrives any more.
class SWARM_EXPORT Subscription {
 public:
  virtual ~Subscription();
};

// Runs on the store's loop: no input or output, waits for nothing, calls back into nothing. May
// run again when leadership wavered, so it must not keep what it computed except by assigning.
// An error undoes all it wrote and is the Update's outcome.
using TransactionFn = Function<Status(Transaction&)>;
// `index`: of the entry that made it durable; of the state it read when nothing changed.
using UpdateDone = Function<void(Result<Index>)>;

// The next inner step of a batch, or false when there are no more. An inner step is atomic,
// different ones may land in different transactions: read objects again inside each.
using BatchStep = Function<Result<bool>(Transaction&)>;

// The right to write during one leadership epoch. Once the epoch is over everything is refused
// with Unavailable, also what is under way unless it is known to have committed.
// Threading: [any]; `done` runs on the store's loop, so post before doing much.
class SWARM_EXPORT Writer {
 public:
  virtual ~Writer();
  virtual LeaderEpoch epoch() const noexcept = 0;
  // Many updates share one disk write. Outcomes, also errors and "nothing changed", are reported
  // only once the state they were based on is durable.
  virtual void Update(TransactionFn fn, UpdateDone done) noexcept = 0;
  // For going over many objects: calls `step` until it returns false or an error, and cuts what
  // it wrote into transactions of at most about 200 changes or 1.1 MiB. After an error the parts
  // already committed stay.
  virtual void Batch(BatchStep step, UpdateDone done) noexcept = 0;
};
using WriterPtr = std::shared_ptr<Writer>;

// Threading: [any] unless said otherwise.
class SWARM_EXPORT Store {
 public:
  virtual ~Store();

  virtual ViewPtr Read() const noexcept = 0;

  // Calls `fn` on `loop` for each transaction committed from now on, in order. Nothing that was
  // committed before this call returns is delivered, everything after is.
  virtual std::unique_ptr<Subscription> Watch(WatchOptions options, Loop& loop,
                                              Function<void(CommitPtr)> fn) noexcept = 0;
  // The same, and a view exactly up to which the events have not been delivered.
  virtual std::pair<ViewPtr, std::unique_ptr<Subscription>> ReadAndWatch(
      WatchOptions options, Loop& loop, Function<void(CommitPtr)> fn) noexcept = 0;

  // The current leadership epoch's writer; Unknown "raft: failed to process the request: node
  // lost leader status" when this manager does not lead.
  virtual Result<WriterPtr> CurrentWriter() noexcept = 0;

  // Calls `fn` on `loop` with the epoch each time this manager starts to lead (CurrentWriter then
  // gives that epoch's writer) and with nothing when it stops leading; first, soon after this
  // call, with the present state. The node life cycle starts and stops leader scope by it.
  virtual std::unique_ptr<Subscription> WatchLeadership(
      Loop& loop, Function<void(std::optional<LeaderEpoch>)> fn) noexcept = 0;
};

// Role id and version, as descriptors name them.
inline constexpr std::string_view kStoreRole = "store/1";

}  // namespace swarm
