// swarmctl node: ls, inspect, ps, update, remove, and the changes of availability and role.
#include <map>

#include "command.h"
#include "filters.h"
#include "listing.h"
#include "node_summary.h"
#include "resolve.h"
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
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  pb::ListNodesRequest request;
  auto* filters = request.mutable_filters();
  auto keys = CommonFilters(filters);
  keys.push_back(LabelFilter("node.label", filters->mutable_node_labels()));
  keys.push_back(WordFilter("role", *pb::NodeRole_descriptor(), filters->mutable_roles()));
  keys.push_back(WordFilter("membership", *pb::NodeSpec::Membership_descriptor(),
                            filters->mutable_memberships()));
  SWARM_RETURN_IF_ERROR(ReadFilters(run, keys));
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         run.client.Call<pb::ListNodesResponse>("ListNodes", request));
  ShowObjects(run, form, found.nodes(), ListTable(),
              {"ID", "Name", "Membership", "Status", "Availability", "Manager Status"},
              [](const pb::Node& node) {
                return std::vector<std::string>{
                    node.id(),
                    ShownName(node),
                    pb::NodeSpec::Membership_Name(node.spec().membership()),
                    pb::NodeStatus::State_Name(node.status().state()),
                    pb::NodeSpec::Availability_Name(node.spec().availability()),
                    ShownManagerStatus(node)};
              });
  return Status::Ok();
}

Status Inspect(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("node ID missing", "inspect command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  SWARM_ASSIGN_OR_RETURN(const pb::Node node, FindNode(run.client, text));
  if (form == Form::kJson) {
    run.out += ToJson(node) + "\n";
    return Status::Ok();
  }
  pb::ListTasksRequest::Filters filters;
  filters.add_node_ids(node.id());
  SWARM_ASSIGN_OR_RETURN(auto tasks, ListTasks(run.client, filters));
  run.out += NodeSummary(node);
  if (!tasks.empty()) {
    run.out += "\n" + TaskTable(run.client, std::move(tasks), run.flags.Bool("all"), run.now);
  }
  return Status::Ok();
}

Status Tasks(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(const std::string text,
                         run.OneArgument("node ID missing", "ps command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Node node, FindNode(run.client, text));
  pb::ListTasksRequest request;
  request.mutable_filters()->add_node_ids(node.id());
  return ShowTasks(run, std::move(request));
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
  return {std::move(name),  {}, "<node ID>", std::move(summary), {}, {}, std::move(fn),
          Completes::kNodes};
}

}  // namespace

Command NodeCommands() {
  const FlagSpec force{"force", 'f', FlagKind::kBool, "", "Force remove a node"};
  const FlagSpec label{"label", 0, FlagKind::kStrings, "",
                       "Labels of the node, key=value; they replace those it has"};
  constexpr auto kNames = Completes::kNodes;
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
       {"inspect",
        {},
        "<node ID>",
        "Inspect a node",
        {AllTasksFlag(), FormatFlag()},
        {},
        Inspect,
        kNames},
       {"ls",
        {},
        "",
        "List nodes",
        ListFlags(std::string(kCommonFilters) + ", node.label, role, membership"),
        {},
        List},
       Change(
           "pause", "Pause a node",
           [](Invocation& run) { return SetAvailability(run, Spec::PAUSE, "was already paused"); }),
       Change("promote", "Promote a node to a manager",
              [](Invocation& run) { return SetRole(run, pb::MANAGER, "is already a manager"); }),
       {"ps", {}, "<node ID>", "List the tasks of a node", TaskListFlags(), {}, Tasks, kNames},
       {"remove", {"rm"}, "<node ID>", "Remove a node", {force}, {}, Remove, kNames},
       {"update", {}, "<node ID>", "Update a node", {label}, {}, Update, kNames}},
      nullptr};
}

}  // namespace swarm::ctl
