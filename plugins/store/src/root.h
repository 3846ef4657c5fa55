// One version of everything, and the view of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "swarm/store.h"
#include "table.h"

namespace swarm::store {

struct Root {
  std::array<std::shared_ptr<const TableData>, kTableCount> tables;
  Index index;

  static Root Empty() {
    Root root;
    for (const Table t : kTables) root.tables[Place(t)] = std::make_shared<const TableData>(t);
    return root;
  }
  static std::size_t Place(Table t) { return static_cast<std::size_t>(t); }
  const TableData& table(Table t) const { return *tables[Place(t)]; }
};

// The reading half of views and transactions.
template <class Interface>
class RootReader : public Interface {
 public:
  // `root` need not be there yet, but stays as long as the reader does.
  explicit RootReader(const Root& root) : root_(root) {}
  RootReader(const RootReader&) = delete;
  RootReader& operator=(const RootReader&) = delete;

  MessagePtr GetMessage(Table table, std::string_view id) const noexcept override {
    return table == Table::kTask ? nullptr : ToMessage(root_.table(table).Get(id));
  }
  TaskPtr GetTask(std::string_view id) const noexcept override {
    return ToTask(root_.table(Table::kTask).Get(id));
  }
  Status FindMessages(Table table, const By& by,
                      Function<bool(const MessagePtr&)> visit) const noexcept override {
    if (table == Table::kTask) return {Code::kInvalidArgument, "tasks are found with FindTasks"};
    return root_.table(table).Find(
        by, [&visit](const ObjectPtr& object) { return visit(ToMessage(object)); });
  }
  Status FindTasks(const By& by, Function<bool(const TaskPtr&)> visit) const noexcept override {
    return root_.table(Table::kTask).Find(by, [&visit](const ObjectPtr& object) {
      return visit(ToTask(object));
    });
  }
  std::size_t Count(Table table) const noexcept override { return root_.table(table).size(); }

 protected:
  const Root& root_;
};

class StoreView final : public RootReader<View> {
 public:
  explicit StoreView(Root root) : RootReader(own_), own_(std::move(root)) {}
  Index index() const noexcept override { return own_.index; }

 private:
  const Root own_;
};

// A version in the making: what a run of transactions leaves, each on top of the one before.
class Draft {
 public:
  // `edit`: see Tree.
  Draft(Root base, std::uint64_t edit) : root_(std::move(base)), edit_(edit) {}

  const Root& root() const { return root_; }
  void Put(Table table, ObjectPtr object) { Own(table).Put(std::move(object), edit_); }
  void Erase(Table table, std::string_view id) { Own(table).Erase(id, edit_); }
  // What it has become; the draft is of no use afterwards.
  Root Take() { return std::move(root_); }

 private:
  TableData& Own(Table table) {
    auto& own = own_[Root::Place(table)];
    if (!own) {
      own = std::make_shared<TableData>(root_.table(table));
      root_.tables[Root::Place(table)] = own;
    }
    return *own;
  }

  Root root_;
  const std::uint64_t edit_;
  std::array<std::shared_ptr<TableData>, kTableCount> own_;  // those that have changed
};

}  // namespace swarm::store
