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

std::vector<ScriptCluster::Node*> ScriptCluster::Targets(const Directive& directive) {
  std::vector<Node*> nodes;
  for (const std::uint64_t id : directive.Numbers()) nodes.push_back(&NodeOf(RaftId(id)));
  if (nodes.empty()) {
    for (const auto& node : nodes_) nodes.push_back(node.get());
  }
  return nodes;
}

}  // namespace swarm::raft::testing
