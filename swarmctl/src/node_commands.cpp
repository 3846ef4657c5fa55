// swarmctl node: ls, inspect, update, remove, and the changes of availability and role.
#include <algorithm>
#include <map>
#include <set>

#include "command.h"
#include "node_summary.h"
#include "table.h"
#include "task_table.h"
#include "words.h"

namespace swarm::ctl {
namespace {

std::string ShownName(const pb::Node& node) {
  const std::string& name = node.spec().annotations().name();
  return name.empty() ? node.description().hostname() : name;
}

std::string ShownManagerStatus(const pb::Node& node) {
  if (node.has_manager_status()) {
    return pb::RaftMemberStatus::Reachability_Name(node.manager_status().reachability()) +
           (node.manager_status().leader() ? " *" : "");
  }
  return node.spec().desired_role() == pb::MANAGER ? "UNKNOWN" : "";
}

Status List(Invocation& run) {
  SWARM_RETURN_IF_ERROR(run.NoArguments("ls"));
  SWARM_ASSIGN_OR_RETURN(const auto found, run.client.Call<pb::ListNodesResponse>(
                                               "ListNodes", pb::ListNodesRequest()));
  Table table = ListTable();
  table.Header({"ID", "Name", "Membership", "Status", "Availability", "Manager Status"});
  for (const pb::Node& node : found.nodes()) {
    if (run.flags.Bool("quiet")) {
      run.out += node.id() + "\n";
      continue;
    }
    table.Row({node.id(), ShownName(node), pb::NodeSpec::Membership_Name(node.spec().membership()),
               pb::NodeStatus::State_Name(node.status().state()),
               pb::NodeSpec::Availability_Name(node.spec().availability()),
               ShownManagerStatus(node)});
  }
  if (!run.flags.Bool("quiet")) run.out += table.Text();
  return Status::Ok();
}

Status Inspect(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("node ID missing", "inspect command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Node node, FindNode(run.client, text));
  pb::ListTasksRequest::Filters filters;
  filters.add_node_ids(node.id());
  SWARM_ASSIGN_OR_RETURN(auto tasks, ListTasks(run.client, filters));
  run.out += NodeSummary(node);
  if (!tasks.empty()) {
    run.out += "\n" + TaskTable(run.client, std::move(tasks), run.flags.Bool("all"), run.now);
  }
  return Status::Ok();
}

Status Write(Invocation& run, const pb::Node& read, const pb::NodeSpec& spec) {
  pb::UpdateNodeRequest request;
  request.set_node_id(read.id());
  *request.mutable_node_version() = read.meta().version();
  *request.mutable_spec() = spec;
  return run.client.Call<pb::UpdateNodeResponse>("UpdateNode", request).status();
}

Status SetAvailability(Invocation& run, pb::NodeSpec::Availability availability,
                       std::string_view already) {
  SWARM_ASSIGN_OR_RETURN(const std::string text,
                         run.OneArgument("missing node ID", "command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Node node, FindNode(run.client, text));
  if (node.spec().availability() == availability) {
    return {Code::kFailedPrecondition, "Node " + text + " " + std::string(already)};
  }
  pb::NodeSpec spec = node.spec();
  spec.set_availability(availability);
  return Write(run, node, spec);
}

Status SetRole(Invocation& run, pb::NodeRole role, std::string_view already) {
  SWARM_ASSIGN_OR_RETURN(const std::string text,
                         run.OneArgument("missing node ID", "command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Node node, FindNode(run.client, text));
  if (node.spec().desired_role() == role) {
    return {Code::kFailedPrecondition, "Node " + text + " " + std::string(already)};
  }
  pb::NodeSpec spec = node.spec();
  spec.set_desired_role(role);
  return Write(run, node, spec);
}

std::string Trim(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);
}

Status Update(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("node ID missing", "update command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Node node, FindNode(run.client, text));
  pb::NodeSpec spec = node.spec();
  if (run.flags.Given("label")) {
    auto* labels = spec.mutable_annotations()->mutable_labels();
    labels->clear();
    for (const std::string& label : run.flags.Strings("label")) {
      const auto equal = label.find('=');
      if (equal == std::string::npos) {
        return run.Misused("malformed label for node " + label);
      }
      (*labels)[Trim(label.substr(0, equal))] = Trim(label.substr(equal + 1));
    }
  }
  const auto sorted = [](const pb::NodeSpec& s) {
    return std::map<std::string, std::string>(s.annotations().labels().begin(),
                                              s.annotations().labels().end());
  };
  if (sorted(spec) == sorted(node.spec())) {
    return {Code::kFailedPrecondition, "No change for node " + text};
  }
  return Write(run, node, spec);
}

Status Remove(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("missing node ID", "remove command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Node node, FindNode(run.client, text));
  pb::RemoveNodeRequest request;
  request.set_node_id(node.id());
  request.set_force(run.flags.Bool("force"));
  return run.client.Call<pb::RemoveNodeResponse>("RemoveNode", request).status();
}

Command Change(std::string name, std::string summary, std::function<Status(Invocation&)> fn) {
  return {std::move(name), {}, "<node ID>", std::move(summary), {}, {}, std::move(fn)};
}

}  // namespace

Command NodeCommands() {
  const FlagSpec all{"all", 'a', FlagKind::kBool, "",
                     "Show all tasks (default shows just running)"};
  const FlagSpec quiet{"quiet", 'q', FlagKind::kBool, "", "Only display IDs"};
  const FlagSpec force{"force", 'f', FlagKind::kBool, "", "Force remove a node"};
  const FlagSpec label{"label", 0, FlagKind::kStrings, "", "Labels of the node, key=value"};
  using Spec = pb::NodeSpec;
  return {
      "node",
      {},
      "",
      "Node management",
      {},
      {Change(
           "activate", "Activate a node",
           [](Invocation& run) { return SetAvailability(run, Spec::ACTIVE, "is already active"); }),
       Change("demote", "Demote a node from a manager to a worker",
              [](Invocation& run) { return SetRole(run, pb::WORKER, "is already a worker"); }),
       Change("drain", "Drain a node",
              [](Invocation& run) {
                return SetAvailability(run, Spec::DRAIN, "was already drained");
              }),
       {"inspect", {}, "<node ID>", "Inspect a node", {all}, {}, Inspect},
       {"ls", {}, "", "List nodes", {quiet}, {}, List},
       Change(
           "pause", "Pause a node",
           [](Invocation& run) { return SetAvailability(run, Spec::PAUSE, "was already paused"); }),
       Change("promote", "Promote a node to a manager",
              [](Invocation& run) { return SetRole(run, pb::MANAGER, "is already a manager"); }),
       {"remove", {"rm"}, "<node ID>", "Remove a node", {force}, {}, Remove},
       {"update", {}, "<node ID>", "Update a node", {label}, {}, Update}},
      nullptr};
}

}  // namespace swarm::ctl
