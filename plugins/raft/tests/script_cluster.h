// The small cluster that scripts drive: members, the messages between them, and an owner of each
// that does what its core asks when the script says so.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/raft.h"
#include "core/storage.h"
#include "describe.h"
#include "script.h"

namespace swarm::raft::testing {

class ScriptCluster {
 public:
  // What the script's author sees.
  std::string Run(const Directive& directive);

 private:
  // Gives the newest snapshot of the state machine, which is taken after every entry.
  class Store : public MemoryStorage {
   public:
    SnapshotRef LatestSnapshot() const override { return history.back(); }
    std::vector<SnapshotRef> history;
  };
  struct Node {
    Store store;
    std::unique_ptr<Raft> raft;
    bool async = false;
    std::deque<ScriptMessage> append_work;
    std::deque<ScriptMessage> apply_work;
  };
  struct Recipient {
    RaftId id;
    bool drop = false;
  };

  // An error is shown after the output, even when the output is not shown.
  using Error = std::optional<std::string>;
  Error Dispatch(const Directive& directive);
  Error DispatchToCore(const Directive& directive);
  Error ForEach(const Directive& directive, const char* what, Error (ScriptCluster::*act)(Node&));

  Error AddNodes(const Directive& directive);
  Error ProposeConfChange(const Directive& directive);
  Error ProcessReady(Node& node);
  Error ProcessAppendThread(Node& node);
  Error ProcessApplyThread(Node& node);
  Error DeliverMessages(const Directive& directive);
  std::size_t Deliver(const Recipient& recipient, const std::string& type);
  Error Stabilize(const Directive& directive);
  bool StabilizeOnce(const std::vector<Node*>& nodes);
  Error SendSnapshot(Node& from, RaftId to);
  void PrintLog(const Node& node);
  void PrintStates();
  void PrintStatus(const Node& node);

  void Write(Node& node, const HardState& state, const std::vector<Entry>& entries,
             const SnapshotRef& snapshot);
  void Apply(Node& node, const std::vector<Entry>& entries);
  Error Step(Node& node, const ScriptMessage& message);
  Node& NodeOf(RaftId id) { return *nodes_.at(id.value() - 1); }
  std::vector<Node*> Targets(const Directive& directive);
  // Runs `body` with its output two spaces further in, below a heading.
  template <class Body>
  void Indented(const Node& node, const char* what, Body body);

  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<ScriptMessage> messages_;
  std::string output_;
  bool silent_ = false;
};

// What a script shows when the core refuses something; none: it did not.
std::optional<std::string> ErrorText(StepResult result);

}  // namespace swarm::raft::testing
