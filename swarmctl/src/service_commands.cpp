// swarmctl service: ls, inspect, create, update, remove.
#include <google/protobuf/util/message_differencer.h>

#include <map>
#include <set>

#include "command.h"
#include "service_flags.h"
#include "service_summary.h"
#include "table.h"
#include "task_table.h"

namespace swarm::ctl {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

// Tasks that run on nodes that are not down, by service.
Result<Counts> CountRunning(Client& client) {
  SWARM_ASSIGN_OR_RETURN(const auto nodes,
                         client.Call<pb::ListNodesResponse>("ListNodes", pb::ListNodesRequest()));
  std::set<std::string> up;
  for (const pb::Node& node : nodes.nodes()) {
    if (node.status().state() != pb::NodeStatus::DOWN) up.insert(node.id());
  }
  SWARM_ASSIGN_OR_RETURN(const auto tasks, ListTasks(client, {}));
  Counts out;
  for (const pb::Task& task : tasks) {
    if (task.status().state() == pb::RUNNING && up.count(task.node_id()) != 0) {
      ++out[task.service_id()];
    }
  }
  return out;
}

std::string Replicas(const pb::Service& service, Counts& running) {
  const pb::ServiceSpec& spec = service.spec();
  if (spec.has_global()) return "global";
  if (!spec.has_replicated()) return "";
  return std::to_string(running[service.id()]) + "/" + std::to_string(spec.replicated().replicas());
}

Status List(Invocation& run) {
  SWARM_RETURN_IF_ERROR(run.NoArguments("ls"));
  SWARM_ASSIGN_OR_RETURN(const auto found, run.client.Call<pb::ListServicesResponse>(
                                               "ListServices", pb::ListServicesRequest()));
  if (run.flags.Bool("quiet")) {
    for (const pb::Service& service : found.services()) run.out += service.id() + "\n";
    return Status::Ok();
  }
  SWARM_ASSIGN_OR_RETURN(Counts running, CountRunning(run.client));
  Table table = ListTable();
  table.Header({"ID", "Name", "Image", "Replicas"});
  for (const pb::Service& service : found.services()) {
    table.Row({service.id(), service.spec().annotations().name(),
               service.spec().task().container().image(), Replicas(service, running)});
  }
  run.out += table.Text();
  return Status::Ok();
}

Status Inspect(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("service ID missing", "inspect command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Service service, FindService(run.client, text));
  pb::ListTasksRequest::Filters filters;
  filters.add_service_ids(service.id());
  SWARM_ASSIGN_OR_RETURN(auto tasks, ListTasks(run.client, filters));
  std::uint64_t running = 0;
  for (const pb::Task& task : tasks) running += task.status().state() == pb::RUNNING ? 1 : 0;
  run.out += ServiceSummary(service, running, run.now);
  if (!tasks.empty()) {
    run.out += "\n" + TaskTable(run.client, std::move(tasks), run.flags.Bool("all"), run.now);
  }
  return Status::Ok();
}

// What went wrong in reading flags is about the command line; anything else is not.
Status Apply(Invocation& run, pb::ServiceSpec* spec) {
  const Status status = ApplyServiceFlags(run.flags, run.client, spec);
  if (status.code() == Code::kInvalidArgument) return run.Misused(status.message());
  return status;
}

Status Create(Invocation& run) {
  if (!run.arguments.empty()) return run.Misused("create command takes no arguments");
  if (!run.flags.Given("name") || !run.flags.Given("image")) {
    return run.Misused("--name and --image are mandatory");
  }
  pb::CreateServiceRequest request;
  request.mutable_spec()->mutable_replicated()->set_replicas(1);
  SWARM_RETURN_IF_ERROR(Apply(run, request.mutable_spec()));
  SWARM_ASSIGN_OR_RETURN(const auto response,
                         run.client.Call<pb::CreateServiceResponse>("CreateService", request));
  run.out += response.service().id() + "\n";
  return Status::Ok();
}

Status Update(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("service ID missing", "update command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Service service, FindService(run.client, text));
  pb::UpdateServiceRequest request;
  request.set_service_id(service.id());
  *request.mutable_service_version() = service.meta().version();
  *request.mutable_spec() = service.spec();
  SWARM_RETURN_IF_ERROR(Apply(run, request.mutable_spec()));
  if (google::protobuf::util::MessageDifferencer::Equals(request.spec(), service.spec())) {
    return {Code::kFailedPrecondition, "no changes detected"};
  }
  SWARM_ASSIGN_OR_RETURN(const auto response,
                         run.client.Call<pb::UpdateServiceResponse>("UpdateService", request));
  run.out += response.service().id() + "\n";
  return Status::Ok();
}

Status Remove(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("service ID missing", "remove command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Service service, FindService(run.client, text));
  pb::RemoveServiceRequest request;
  request.set_service_id(service.id());
  SWARM_RETURN_IF_ERROR(
      run.client.Call<pb::RemoveServiceResponse>("RemoveService", request).status());
  run.out += text + "\n";
  return Status::Ok();
}

}  // namespace

Command ServiceCommands() {
  const FlagSpec all{"all", 'a', FlagKind::kBool, "",
                     "Show all tasks (default shows just running)"};
  const FlagSpec quiet{"quiet", 'q', FlagKind::kBool, "", "Only display IDs"};
  return {"service",
          {"svc"},
          "",
          "Service management",
          {},
          {{"create", {}, "", "Create a service", ServiceFlags(ServiceVerb::kCreate), {}, Create},
           {"inspect", {}, "<service ID>", "Inspect a service", {all}, {}, Inspect},
           {"ls", {}, "", "List services", {quiet}, {}, List},
           {"remove", {"rm"}, "<service ID>", "Remove a service", {}, {}, Remove},
           {"update",
            {},
            "<service ID>",
            "Update a service",
            ServiceFlags(ServiceVerb::kUpdate),
            {},
            Update}},
          nullptr};
}

}  // namespace swarm::ctl
