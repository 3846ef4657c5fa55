// The rules of changing the store: what is refused, what meta says, what events tell.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "root.h"
#include "swarm/store.h"

namespace swarm::store {

struct Stamp {
  std::uint64_t version = 0;
  TaskTime now;
};

// [loop] One atomic change of a draft.
class StoreTransaction final : public RootReader<Transaction> {
 public:
  // With a stamp: a change of this leader, which fills meta and checks sequences. Without: changes
  // as the log tells them. One at a time on a draft.
  StoreTransaction(Draft& draft, std::optional<Stamp> stamp);

  Status CreateMessage(Table table,
                       std::shared_ptr<google::protobuf::Message> object) noexcept override;
  Status UpdateMessage(Table table,
                       std::shared_ptr<google::protobuf::Message> object) noexcept override;
  Status CreateTask(std::shared_ptr<Task> task) noexcept override;
  Status UpdateTask(std::shared_ptr<Task> task) noexcept override;
  Status Delete(Table table, std::string_view id) noexcept override;

  // Puts an object without any check, as a snapshot does.
  void Restore(Table table, ObjectPtr object);
  void Discard(Table table, std::string_view id);

  // From the log: a create or an update of `object`.
  Status ApplyCreate(Table table, ObjectPtr object);
  Status ApplyUpdate(Table table, ObjectPtr object);

  const std::vector<Event>& events() const { return events_; }
  std::vector<Event> TakeEvents() { return std::move(events_); }
  // What it gave the objects as their version.
  std::uint64_t version() const { return stamp_ ? stamp_->version : 0; }
  // Makes everything as it was before the transaction, which may go on.
  void RollBack();
  // Meta of the objects as their owner handed them over, so that a change that is run again
  // finds them as they were.
  struct Undo {
    Table table;
    std::shared_ptr<void> object;
    MetaValue meta;
  };
  static void PutBack(std::vector<Undo>& undo);
  std::vector<Undo> TakeUndo() { return std::move(undo_); }

 private:
  Status CheckCreate(Table table, const void* object) const;
  Status CheckUpdate(Table table, const void* object) const;
  Status CheckDelete(Table table, const void* object) const;
  void Fill(Table table, const std::shared_ptr<void>& object);
  void Record(Table table, Change change, const ObjectPtr& object, const ObjectPtr& before);

  Draft& draft_;
  const std::optional<Stamp> stamp_;
  std::vector<Event> events_;
  std::vector<Undo> undo_;
};

// Makes the changes that `events` tell of once more, in another draft of the same content.
void Repeat(const std::vector<Event>& events, Draft& draft);

}  // namespace swarm::store
