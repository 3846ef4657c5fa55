// swarmctl service: ls, inspect, ps, logs, create, update, rollback, remove.
#include <google/protobuf/util/message_differencer.h>

#include <map>
#include <set>

#include "command.h"
#include "filters.h"
#include "listing.h"
#include "logs.h"
#include "resolve.h"
#include "service_flags.h"
#include "service_summary.h"
#include "table.h"
#include "task_table.h"
#include "wait.h"

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
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  pb::ListServicesRequest request;
  auto keys = CommonFilters(request.mutable_filters());
  keys.push_back(TextFilter("runtime", request.mutable_filters()->mutable_runtimes()));
  SWARM_RETURN_IF_ERROR(ReadFilters(run, keys));
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         run.client.Call<pb::ListServicesResponse>("ListServices", request));
  Counts running;
  if (form == Form::kText) {
    SWARM_ASSIGN_OR_RETURN(running, CountRunning(run.client));
  }
  ShowObjects(run, form, found.services(), ListTable(), {"ID", "Name", "Image", "Replicas"},
              [&running](const pb::Service& service) {
                return std::vector<std::string>{service.id(), service.spec().annotations().name(),
                                                service.spec().task().container().image(),
                                                Replicas(service, running)};
              });
  return Status::Ok();
}

Status Inspect(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("service ID missing", "inspect command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  SWARM_ASSIGN_OR_RETURN(const pb::Service service, FindService(run.client, text));
  if (form == Form::kJson) {
    run.out += ToJson(service) + "\n";
    return Status::Ok();
  }
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

Status Tasks(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("service ID missing", "ps command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Service service, FindService(run.client, text));
  pb::ListTasksRequest request;
  request.mutable_filters()->add_service_ids(service.id());
  return ShowTasks(run, std::move(request));
}

Status Logs(Invocation& run) {
  if (run.arguments.empty()) return run.Misused("missing service IDs");
  pb::LogSelector selector;
  for (const std::string& text : run.arguments) {
    SWARM_ASSIGN_OR_RETURN(const pb::Service service, FindService(run.client, text));
    selector.add_service_ids(service.id());
  }
  return ShowLogs(run, selector);
}

// What went wrong in reading flags is about the command line; anything else is not.
Status Apply(Invocation& run, pb::ServiceSpec* spec) {
  const Status status = ApplyServiceFlags(run.flags, run.client, spec);
  if (status.code() == Code::kInvalidArgument) return run.Misused(status.message());
  return status;
}

// Prints the id, which scripts read, before anything takes time.
Status Written(Invocation& run, const pb::Service& service, Aim aim, bool fresh) {
  run.out += service.id() + "\n";
  if (!ShallWait(run)) return Status::Ok();
  run.Flush();
  return AwaitService(run, service, aim, fresh);
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
  return Written(run, response.service(), Aim::kSpec, true);
}

pb::UpdateServiceRequest UpdateOf(const pb::Service& service) {
  pb::UpdateServiceRequest request;
  request.set_service_id(service.id());
  *request.mutable_service_version() = service.meta().version();
  *request.mutable_spec() = service.spec();
  return request;
}

Status Update(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("service ID missing", "update command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Service service, FindService(run.client, text));
  pb::UpdateServiceRequest request = UpdateOf(service);
  SWARM_RETURN_IF_ERROR(Apply(run, request.mutable_spec()));
  if (google::protobuf::util::MessageDifferencer::Equals(request.spec(), service.spec())) {
    return {Code::kFailedPrecondition, "no changes detected"};
  }
  SWARM_ASSIGN_OR_RETURN(const auto response,
                         run.client.Call<pb::UpdateServiceResponse>("UpdateService", request));
  return Written(run, response.service(), Aim::kSpec, false);
}

Status Rollback(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("service ID missing", "rollback command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Service service, FindService(run.client, text));
  pb::UpdateServiceRequest request = UpdateOf(service);
  request.set_rollback(pb::UpdateServiceRequest::PREVIOUS);
  SWARM_ASSIGN_OR_RETURN(const auto response,
                         run.client.Call<pb::UpdateServiceResponse>("UpdateService", request));
  return Written(run, response.service(), Aim::kRollback, false);
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
  if (!ShallWait(run)) return Status::Ok();
  run.Flush();
  return AwaitRemoval(run, service);
}

std::vector<FlagSpec> WithWaiting(std::vector<FlagSpec> flags) {
  for (FlagSpec& flag : WaitFlags()) flags.push_back(std::move(flag));
  return flags;
}

constexpr const char* kCreateAbout =
    "For example:\n"
    "  swarmctl service create --name web --image nginx --replicas 3 --ports http:80:8080 --wait\n"
    "  swarmctl service create --name job --image alpine --mode replicated-job --args date\n"
    "A flag that takes strings takes them separated by commas, and may be repeated; a value with "
    "a\n"
    "comma in it stands in double quotes: --tmpfs '\"/tmp:size=1m,ro\"'.";
constexpr const char* kUpdateAbout =
    "What no flag names stays as it is. --label, --env, --args and other lists replace what there "
    "is;\nmounts are added.";

}  // namespace

Command ServiceCommands() {
  constexpr auto kNames = Completes::kServices;
  return {
      "service",
      {"svc"},
      "",
      "Service management",
      {},
      {{"create",
        {},
        "",
        "Create a service",
        WithWaiting(ServiceFlags(ServiceVerb::kCreate)),
        {},
        Create,
        Completes::kNothing,
        kCreateAbout},
       {"inspect",
        {},
        "<service ID>",
        "Inspect a service",
        {AllTasksFlag(), FormatFlag()},
        {},
        Inspect,
        kNames},
       {"logs",
        {"log"},
        "<service ID...>",
        "Obtain log output of services",
        LogFlags(),
        {},
        Logs,
        kNames,
        kLogsAbout},
       {"ls",
        {},
        "",
        "List services",
        ListFlags(std::string(kCommonFilters) + ", runtime"),
        {},
        List},
       {"ps",
        {},
        "<service ID>",
        "List the tasks of a service",
        TaskListFlags(),
        {},
        Tasks,
        kNames},
       {"remove", {"rm"}, "<service ID>", "Remove a service", WithWaiting({}), {}, Remove, kNames},
       {"rollback",
        {},
        "<service ID>",
        "Return a service to what it was before its last update",
        WithWaiting({}),
        {},
        Rollback,
        kNames},
       {"update",
        {},
        "<service ID>",
        "Update a service",
        WithWaiting(ServiceFlags(ServiceVerb::kUpdate)),
        {},
        Update,
        kNames,
        kUpdateAbout}},
      nullptr};
}

}  // namespace swarm::ctl
