// What nodes do when a script lets them: the work that their cores hand out, messages, and both
// until there is nothing left.
#include <sstream>
#include <utility>

#include "script_cluster.h"

namespace swarm::raft::testing {
namespace {

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

}  // namespace

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

template <class Body>
void ScriptCluster::Indented(const Node& node, const char* what, Body body) {
  std::string before = std::move(output_);
  before += "> " + std::to_string(node.raft->id().value()) + " " + what + "\n";
  output_.clear();
  body();
  std::istringstream in(std::exchange(output_, std::move(before)));
  for (std::string line; std::getline(in, line);) output_ += "  " + line + "\n";
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

}  // namespace swarm::raft::testing
