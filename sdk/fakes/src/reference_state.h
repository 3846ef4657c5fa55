// The content of the reference store and the rules of changing it.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/store.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/snapshot.pb.h"

namespace swarm::fakes {

// A message, or in the task table a task.
struct Object {
  MessagePtr message;
  TaskPtr task;
};
using Objects = std::map<std::string, Object, std::less<>>;

struct ReferenceState {
  std::array<std::shared_ptr<const Objects>, kTableCount> tables;
  Index index;

  ReferenceState();
  const Objects& table(Table t) const { return *tables[static_cast<std::size_t>(t)]; }
};

// Objects of `table` that `by` selects, in order.
Result<std::vector<Object>> Select(const ReferenceState& state, Table table, const By& by);

// The reading half of a view or a transaction.
template <class Interface>
class StateReader : public Interface {
 public:
  MessagePtr GetMessage(Table table, std::string_view id) const noexcept override {
    if (table == Table::kTask) return nullptr;
    const auto found = state_.table(table).find(id);
    return found == state_.table(table).end() ? nullptr : found->second.message;
  }
  TaskPtr GetTask(std::string_view id) const noexcept override {
    const auto found = state_.table(Table::kTask).find(id);
    return found == state_.table(Table::kTask).end() ? nullptr : found->second.task;
  }
  Status FindMessages(Table table, const By& by,
                      Function<bool(const MessagePtr&)> visit) const noexcept override;
  Status FindTasks(const By& by, Function<bool(const TaskPtr&)> visit) const noexcept override;
  std::size_t Count(Table table) const noexcept override { return state_.table(table).size(); }
  const ReferenceState& state() const { return state_; }

 protected:
  explicit StateReader(ReferenceState state) : state_(std::move(state)) {}
  ReferenceState state_;
};

class ReferenceView final : public StateReader<View> {
 public:
  explicit ReferenceView(ReferenceState state) : StateReader(std::move(state)) {}
  Index index() const noexcept override { return state_.index; }
};

class ReferenceTransaction final : public StateReader<Transaction> {
 public:
  // With a version, meta is filled and sequences are checked; without, the log is applied.
  ReferenceTransaction(ReferenceState base, std::optional<std::uint64_t> version, WallTime now)
      : StateReader(std::move(base)), version_(version), now_(now) {}

  Status CreateMessage(Table table,
                       std::shared_ptr<google::protobuf::Message> object) noexcept override;
  Status UpdateMessage(Table table,
                       std::shared_ptr<google::protobuf::Message> object) noexcept override;
  Status CreateTask(std::shared_ptr<Task> task) noexcept override;
  Status UpdateTask(std::shared_ptr<Task> task) noexcept override;
  Status Delete(Table table, std::string_view id) noexcept override;

  Status Apply(const pb::StoreAction& action);
  // Makes the content that of `snapshot`, with an event for each object.
  void Replace(const pb::StoreSnapshot& snapshot);
  std::vector<Event> TakeEvents() { return std::move(events_); }
  const std::vector<Event>& events() const { return events_; }

 private:
  Status CheckCreate(Table table, const Object& object) const;
  Status CheckUpdate(Table table, const Object& object) const;
  Status CheckDelete(Table table, const Object& object) const;
  Status Create(Table table, Object object, const std::function<void()>& fill_meta);
  Status Update(Table table, Object object, const std::function<void()>& fill_meta);
  // This transaction's copy of the table, made at its first write there.
  Objects& Writable(Table table);
  void Put(Table table, Object object);
  void Erase(Table table, const std::string& id);

  const std::optional<std::uint64_t> version_;
  const WallTime now_;
  std::vector<Event> events_;
  std::array<std::shared_ptr<Objects>, kTableCount> own_;
};

std::string IdOf(const Object& object);
pb::InternalRaftRequest ToRequest(const std::vector<Event>& events);
pb::StoreSnapshot ToSnapshot(const ReferenceState& state);

}  // namespace swarm::fakes
