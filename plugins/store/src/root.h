// One version of everything, and the view of it.
#pragma once

#include <array>
#include <memory>
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

// The reading half of views and transactions, on what `Interface` has as its root().
template <class Interface>
class RootReader : public Interface {
 public:
  explicit RootReader(Root root) : root_(std::move(root)) {}

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
  Root root_;
};

class StoreView final : public RootReader<View> {
 public:
  using RootReader::RootReader;
  Index index() const noexcept override { return root_.index; }
};

}  // namespace swarm::store
