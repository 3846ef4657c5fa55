#include "script_cluster.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "arithmetic_scripts.h"

namespace swarm::raft::testing {
namespace {

std::vector<RaftId> Ids(const std::vector<std::uint64_t>& numbers) {
  std::vector<RaftId> ids;
  for (const std::uint64_t number : numbers) ids.push_back(RaftId(number));
  return ids;
}

ScriptMessage WorkerMessage(const char* type, RaftId from, RaftId to) {
  ScriptMessage out;
  out.type = type;
  out.message.from = from;
  out.message.to = to;
  return out;
}

ScriptMessage AppendWork(RaftId id, const Ready& ready) {
  ScriptMessage work = WorkerMessage("MsgStorageAppend", id, kAppendThread);
  work.message.term = ready.hard_state.term;
  work.message.commit = ready.hard_state.commit;
  work.vote = ready.hard_state.vote;
  work.message.entries = ready.entries;
  work.message.snapshot = ready.snapshot;
  for (const Message& message : ready.messages_after_write)
    work.responses.push_back(FromPeer(message));
  if (!ready.mark.empty()) {
    ScriptMessage done = WorkerMessage("MsgStorageAppendResp", kAppendThread, id);
    done.message.term = ready.mark.term;
    done.message.log_term = ready.mark.last.term;
    done.message.index = ready.mark.last.index;
    done.message.snapshot = ready.snapshot;
    done.mark = ready.mark;
    work.responses.push_back(std::move(done));
  }
  return work;
}

ScriptMessage ApplyWork(RaftId id, const Ready& ready) {
  ScriptMessage work = WorkerMessage("MsgStorageApply", id, kApplyThread);
  work.message.entries = ready.committed;
  ScriptMessage done = WorkerMessage("MsgStorageApplyResp", kApplyThread, id);
  done.message.entries = ready.committed;
  work.responses.push_back(std::move(done));
  return work;
}

std::optional<std::string> ErrorText(StepResult result) {
  switch (result) {
    case StepResult::kOk:
      return std::nullopt;
    case StepResult::kProposalDropped:
      return "raft proposal dropped";
    case StepResult::kUnknownPeer:
      return "raft: cannot step as peer not found";
    case StepResult::kMalformed:
      return "malformed";
    case StepResult::kBroken:
      return "broken";
  }
  return std::nullopt;
}

}  // namespace

std::string ScriptCluster::Run(const Directive& directive) {
  output_.clear();
  const Error error = Dispatch(directive);
  if (silent_) return error ? *error + "\n" : "ok\n";
  if (error) output_ += *error;
  if (output_.empty()) return "ok\n";
  if (!output_.ends_with('\n')) output_ += '\n';
  return output_;
}

ScriptCluster::Error ScriptCluster::Dispatch(const Directive& directive) {
  const std::string& command = directive.command;
  if (command == "log-level") {
    std::string level = directive.arguments.at(0).key;
    std::transform(level.begin(), level.end(), level.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    silent_ = level == "none";
    return std::nullopt;
  }
  if (command == "add-nodes") return AddNodes(directive);
  if (command == "deliver-msgs") return DeliverMessages(directive);
  if (command == "stabilize") return Stabilize(directive);
  if (command == "process-ready")
    return ForEach(directive, "handling Ready", &ScriptCluster::ProcessReady);
  if (command == "process-append-thread")
    return ForEach(directive, "processing append thread", &ScriptCluster::ProcessAppendThread);
  if (command == "process-apply-thread")
    return ForEach(directive, "processing apply thread", &ScriptCluster::ProcessApplyThread);
  if (command == "raft-state") {
    PrintStates();
    return std::nullopt;
  }
  return DispatchToCore(directive);
}

ScriptCluster::Error ScriptCluster::DispatchToCore(const Directive& directive) {
  const std::string& command = directive.command;
  if (command == "transfer-leadership") {
    NodeOf(RaftId(directive.Number("from", 1)))
        .raft->TransferLeadership(RaftId(directive.Number("to", 0)));
    return std::nullopt;
  }
  const std::vector<std::uint64_t> numbers = directive.Numbers();
  if (numbers.empty()) return "unknown command";
  Node& node = NodeOf(RaftId(numbers.front()));
  Raft& raft = *node.raft;
  const std::uint64_t second = numbers.size() > 1 ? numbers[1] : 0;
  if (command == "campaign") {
    raft.Campaign();
  } else if (command == "propose") {
    return ErrorText(raft.Propose({MakePayload(directive.arguments.at(1).key)}).result);
  } else if (command == "propose-conf-change") {
    return ProposeConfChange(directive);
  } else if (command == "tick-heartbeat") {
    raft.Tick();
  } else if (command == "tick-election") {
    for (int i = 0; i < 3; ++i) raft.Tick();
  } else if (command == "compact") {
    node.store.Compact(Index(second));
    PrintLog(node);
  } else if (command == "raft-log") {
    PrintLog(node);
  } else if (command == "status") {
    PrintStatus(node);
  } else if (command == "send-snapshot") {
    return SendSnapshot(node, RaftId(second));
  } else if (command == "report-unreachable") {
    raft.ReportUnreachable(RaftId(second));
  } else if (command == "forget-leader") {
    raft.ForgetLeader();
  } else if (command == "set-randomized-election-timeout") {
    raft.SetElectionTimeoutForTest(static_cast<int>(directive.Number("timeout", 3)));
  } else {
    return "unknown command";
  }
  return std::nullopt;
}

ScriptCluster::Error ScriptCluster::ForEach(const Directive& directive, const char* what,
                                            Error (ScriptCluster::*act)(Node&)) {
  const std::vector<Node*> nodes = Targets(directive);
  if (nodes.size() == 1) return (this->*act)(*nodes.front());
  for (Node* node : nodes) {
    Error error;
    Indented(*node, what, [&] { error = (this->*act)(*node); });
    if (error) return error;
  }
  return std::nullopt;
}

ScriptCluster::Error ScriptCluster::AddNodes(const Directive& directive) {
  Snapshot first;
  first.position.index = Index(directive.Number("index", 0));
  first.conf_state.voters = Ids(directive.NumberList("voters"));
  first.conf_state.learners = Ids(directive.NumberList("learners"));
  if (const Argument* content = directive.Find("content"))
    first.data = MakePayload(content->values.front());
  const bool bootstrap = first.position.index > Index() || !first.conf_state.voters.empty() ||
                         !first.conf_state.learners.empty() || first.data;
  if (bootstrap && first.position.index <= Index(1))
    return "index must be specified as > 1 due to bootstrap";
  if (bootstrap) first.position.term = Term(1);

  Options options;
  options.election_ticks = 3;
  options.max_append_bytes = kUnlimited;
  options.max_inflight_appends = directive.Number("inflight", 0x7fffffff);
  options.max_applying_bytes = directive.Number("max-committed-size-per-ready", kUnlimited);
  options.check_quorum = directive.Flag("checkquorum");
  options.pre_vote = directive.Flag("prevote");
  options.apply_written_only = directive.Flag("async-storage-writes");
  options.check_conf_changes = !directive.Flag("disable-conf-change-validation");
  options.step_down_on_removal = directive.Flag("step-down-on-removal");
  options.current_members_in_snapshots = false;
  if (const Argument* reads = directive.Find("read-only"))
    options.lease_reads = reads->values.front() == "lease-based";
  // Nobody stands for election unless the script says so.
  options.random = [](std::uint64_t bound) { return bound - 1; };

  for (std::uint64_t n = directive.Numbers().at(0); n > 0; --n) {
    auto node = std::make_unique<Node>();
    const auto snapshot = std::make_shared<const Snapshot>(first);
    if (bootstrap) node->store.Reset(snapshot);
    node->store.history.push_back(snapshot);
    node->async = options.apply_written_only;
    options.id = RaftId(nodes_.size() + 1);
    node->raft = std::make_unique<Raft>(
        options, node->store,
        Saved{.conf_state = first.conf_state, .applied = first.position.index});
    nodes_.push_back(std::move(node));
  }
  return std::nullopt;
}

ScriptCluster::Error ScriptCluster::ProposeConfChange(const Directive& directive) {
  Raft& raft = *NodeOf(RaftId(directive.Numbers().at(0))).raft;
  const std::vector<ConfChangeStep> steps = ParseSteps(directive.input);
  if (directive.Flag("v1")) {
    if (steps.size() != 1) return "v1 conf change can only have one operation and no transition";
    const ConfChange change{0, steps.front().type, steps.front().member, ""};
    return ErrorText(raft.ProposeConfChange(change).result);
  }
  ConfChangeV2 change{Transition::kAuto, steps, ""};
  if (const Argument* transition = directive.Find("transition")) {
    if (transition->values.front() == "implicit") change.transition = Transition::kJointImplicit;
    if (transition->values.front() == "explicit") change.transition = Transition::kJointExplicit;
  }
  return ErrorText(raft.ProposeConfChange(change).result);
}

ScriptCluster::Error ScriptCluster::ProcessReady(Node& node) {
  Raft& raft = *node.raft;
  const Ready ready = raft.TakeReady();
  std::vector<ScriptMessage> messages;
  for (const Message& message : ready.messages) messages.push_back(FromPeer(message));
  if (node.async) {
    if (!ready.entries.empty() || !ready.hard_state.empty() || ready.snapshot ||
        !ready.messages_after_write.empty()) {
      messages.push_back(AppendWork(raft.id(), ready));
      node.append_work.push_back(messages.back());
    }
    if (!ready.committed.empty()) {
      messages.push_back(ApplyWork(raft.id(), ready));
      node.apply_work.push_back(messages.back());
    }
  } else {
    for (const Message& message : ready.messages_after_write) {
      if (message.to != raft.id()) messages.push_back(FromPeer(message));
    }
  }
  output_ += Describe(ready, messages);
  for (ScriptMessage& message : messages) {
    if (!message.for_worker()) messages_.push_back(std::move(message));
  }
  if (node.async) return std::nullopt;

  Write(node, ready.hard_state, ready.entries, ready.snapshot);
  Apply(node, ready.committed);
  for (const Message& message : ready.messages_after_write) {
    if (message.to == raft.id()) raft.Step(message);
  }
  raft.Written(ready.mark);
  if (!ready.committed.empty()) raft.Applied(ready.committed.back().index);
  if (!raft.fault().empty()) return raft.fault();
  return std::nullopt;
}

ScriptCluster::Error ScriptCluster::ProcessAppendThread(Node& node) {
  if (node.append_work.empty()) return "no append work to perform";
  ScriptMessage work = std::move(node.append_work.front());
  node.append_work.pop_front();
  const std::vector<ScriptMessage> responses = std::exchange(work.responses, {});
  output_ += "Processing:\n" + Describe(work) + "\nResponses:\n";
  Write(node, {work.message.term, work.vote, work.message.commit}, work.message.entries,
        work.message.snapshot);
  for (const ScriptMessage& response : responses) {
    output_ += Describe(response) + "\n";
    messages_.push_back(response);
  }
  return std::nullopt;
}

ScriptCluster::Error ScriptCluster::ProcessApplyThread(Node& node) {
  if (node.apply_work.empty()) return "no apply work to perform";
  ScriptMessage work = std::move(node.apply_work.front());
  node.apply_work.pop_front();
  const std::vector<ScriptMessage> responses = std::exchange(work.responses, {});
  output_ += "Processing:\n" + Describe(work) + "\nResponses:\n";
  Apply(node, work.message.entries);
  for (const ScriptMessage& response : responses) {
    output_ += Describe(response) + "\n";
    messages_.push_back(response);
  }
  return std::nullopt;
}

ScriptCluster::Error ScriptCluster::DeliverMessages(const Directive& directive) {
  std::vector<Recipient> recipients;
  for (const std::uint64_t id : directive.Numbers()) recipients.push_back({RaftId(id), false});
  for (const std::uint64_t id : directive.NumberList("drop"))
    recipients.push_back({RaftId(id), true});
  const Argument* type = directive.Find("type");
  std::size_t delivered = 0;
  for (const Recipient& recipient : recipients)
    delivered += Deliver(recipient, type ? type->values.front() : "");
  if (delivered == 0) output_ += "no messages\n";
  return std::nullopt;
}

std::size_t ScriptCluster::Deliver(const Recipient& recipient, const std::string& type) {
  const auto theirs = [&](const ScriptMessage& message) {
    return message.message.to == recipient.id && !(recipient.drop && message.local()) &&
           (type.empty() || message.type == type);
  };
  std::vector<ScriptMessage> chosen;
  std::copy_if(messages_.begin(), messages_.end(), std::back_inserter(chosen), theirs);
  std::erase_if(messages_, theirs);
  for (const ScriptMessage& message : chosen) {
    output_ += (recipient.drop ? "dropped: " : "") + Describe(message) + "\n";
    if (recipient.drop) continue;
    if (const Error error = Step(NodeOf(recipient.id), message)) output_ += *error + "\n";
  }
  return chosen.size();
}

ScriptCluster::Error ScriptCluster::Stabilize(const Directive& directive) {
  const std::vector<Node*> nodes = Targets(directive);
  while (StabilizeOnce(nodes)) {
    for (const Node* node : nodes) {
      if (!node->raft->fault().empty()) return node->raft->fault();
    }
  }
  return std::nullopt;
}

bool ScriptCluster::StabilizeOnce(const std::vector<Node*>& nodes) {
  bool busy = false;
  for (Node* node : nodes) {
    if (!node->raft->HasReady()) continue;
    Indented(*node, "handling Ready", [&] { ProcessReady(*node); });
    busy = true;
  }
  for (Node* node : nodes) {
    const RaftId id = node->raft->id();
    const bool any = std::any_of(messages_.begin(), messages_.end(),
                                 [&](const auto& message) { return message.message.to == id; });
    if (!any) continue;
    Indented(*node, "receiving messages", [&] { Deliver({id, false}, ""); });
    busy = true;
  }
  for (Node* node : nodes) {
    if (node->append_work.empty()) continue;
    Indented(*node, "processing append thread", [&] {
      while (!node->append_work.empty()) ProcessAppendThread(*node);
    });
    busy = true;
  }
  for (Node* node : nodes) {
    if (node->apply_work.empty()) continue;
    Indented(*node, "processing apply thread", [&] {
      while (!node->apply_work.empty()) ProcessApplyThread(*node);
    });
    busy = true;
  }
  return busy;
}

ScriptCluster::Error ScriptCluster::SendSnapshot(Node& from, RaftId to) {
  Message message{.type = MessageType::kSnapshot, .to = to, .from = from.raft->id()};
  message.term = from.raft->term();
  message.snapshot = from.store.LatestSnapshot();
  messages_.push_back(FromPeer(std::move(message)));
  output_ += Describe(messages_.back());
  return std::nullopt;
}

void ScriptCluster::PrintLog(const Node& node) {
  const Index first = node.store.FirstIndex();
  const Index last = node.store.LastIndex();
  if (last < first) {
    output_ += "log is empty: first index=" + std::to_string(first.value()) +
               ", last index=" + std::to_string(last.value());
    return;
  }
  std::vector<Entry> entries;
  node.store.Read(first, last + 1, kUnlimited, entries);
  output_ += Describe(entries);
}

void ScriptCluster::PrintStates() {
  for (const auto& node : nodes_) {
    const Raft& raft = *node->raft;
    std::ostringstream out;
    out << raft.id() << ": " << RoleName(raft.role())
        << (raft.voter() ? " (Voter)" : " (Non-Voter)") << " Term:" << raft.term()
        << " Lead:" << raft.leader() << '\n';
    output_ += out.str();
  }
}

void ScriptCluster::PrintStatus(const Node& node) {
  if (node.raft->role() != Role::kLeader) return;
  for (const auto& [id, progress] : node.raft->members())
    output_ += std::to_string(id.value()) + ": " + Describe(progress) + "\n";
}

void ScriptCluster::Write(Node& node, const HardState&, const std::vector<Entry>& entries,
                          const SnapshotRef& snapshot) {
  if (snapshot) {
    node.store.Reset(snapshot);
    node.store.history.push_back(snapshot);
  }
  node.store.Append(entries);
}

// The state machine is a string to which every payload is appended.
void ScriptCluster::Apply(Node& node, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    Snapshot next = *node.store.history.back();
    next.position = {entry.index, entry.term};
    std::string content = next.data ? *next.data : "";
    if (IsConfChange(entry)) {
      if (const auto state = node.raft->ApplyConfChange(entry)) next.conf_state = *state;
      if (const auto change = DecodeConfChange(entry)) content += change->context;
    } else if (entry.data) {
      content += *entry.data;
    }
    next.data = MakePayload(std::move(content));
    node.store.history.push_back(std::make_shared<const Snapshot>(std::move(next)));
  }
}

ScriptCluster::Error ScriptCluster::Step(Node& node, const ScriptMessage& message) {
  if (message.message.from == kAppendThread) {
    node.raft->Written(message.mark);
  } else if (message.message.from == kApplyThread) {
    node.raft->Applied(message.message.entries.back().index);
  } else {
    return ErrorText(node.raft->Step(message.message));
  }
  return std::nullopt;
}

std::vector<ScriptCluster::Node*> ScriptCluster::Targets(const Directive& directive) {
  std::vector<Node*> nodes;
  for (const std::uint64_t id : directive.Numbers()) nodes.push_back(&NodeOf(RaftId(id)));
  if (nodes.empty()) {
    for (const auto& node : nodes_) nodes.push_back(node.get());
  }
  return nodes;
}

template <class Body>
void ScriptCluster::Indented(const Node& node, const char* what, Body body) {
  std::string before = std::move(output_);
  before += "> " + std::to_string(node.raft->id().value()) + " " + what + "\n";
  output_.clear();
  body();
  std::istringstream in(std::exchange(output_, std::move(before)));
  for (std::string line; std::getline(in, line);) output_ += "  " + line + "\n";
}

}  // namespace swarm::raft::testing
