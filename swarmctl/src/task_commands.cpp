// swarmctl task: ls, inspect, logs, remove.
#include "command.h"
#include "listing.h"
#include "logs.h"
#include "resolve.h"
#include "table.h"
#include "task_table.h"
#include "words.h"

namespace swarm::ctl {
namespace {

Status List(Invocation& run) {
  SWARM_RETURN_IF_ERROR(run.NoArguments("ls"));
  return ShowTasks(run, {});
}

void PrintStatus(const pb::Task& task, WallTime now, Table& table) {
  const pb::TaskStatus& status = task.status();
  table.Line("Status\t");
  table.Line("  Desired State\t: " + pb::TaskState_Name(task.desired_state()));
  table.Line("  Last State\t: " + pb::TaskState_Name(status.state()));
  if (status.has_timestamp()) {
    table.Line("  Timestamp\t: " + AbsoluteTime(status.timestamp()) + " (" +
               RelativeTime(status.timestamp(), now) + ")");
  }
  if (!status.message().empty()) table.Line("  Message\t: " + status.message());
  if (!status.err().empty()) table.Line("  Error\t: " + status.err());
  if (!status.has_container()) return;
  table.Line("  ContainerID:\t: " + status.container().container_id());
  if (status.container().pid() != 0) {
    table.Line("  Pid\t: " + std::to_string(status.container().pid()));
  }
  if (status.state() > pb::RUNNING) {
    table.Line("  ExitCode\t: " + std::to_string(status.container().exit_code()));
  }
}

void PrintPorts(const pb::Task& task, Table& table) {
  std::vector<std::string> ports;
  for (const auto& port : task.status().port_status().ports()) {
    ports.push_back("0.0.0.0:" + std::to_string(port.published_port()) + "->" +
                    std::to_string(port.target_port()) + "/" +
                    Lower(pb::PortConfig::Protocol_Name(port.protocol())));
  }
  if (!ports.empty()) table.Line("Ports\t: " + Join(ports, ", "));
}

template <class List>
std::string Bracketed(const List& list) {
  return "[" + Join({list.begin(), list.end()}, ", ") + "]";
}

void PrintContainer(const pb::ContainerSpec& spec, Table& table) {
  table.Line("Spec\t");
  table.Line("  Image\t: " + spec.image());
  if (!spec.command().empty()) {
    table.Line("  Command\t: \"" + Join({spec.command().begin(), spec.command().end()}, " ") +
               "\"");
  }
  if (!spec.args().empty()) table.Line("  Args\t: " + Bracketed(spec.args()));
  if (!spec.env().empty()) table.Line("  Env\t: " + Bracketed(spec.env()));
  if (!spec.secrets().empty()) {
    table.Line("  Secrets:");
    for (const auto& r : spec.secrets()) {
      table.Line("    [FILE] " + r.secret_name() + ":" + r.file().name());
    }
  }
  if (!spec.configs().empty()) {
    table.Line("  Configs:");
    for (const auto& r : spec.configs()) {
      table.Line("    [FILE] " + r.config_name() + ":" + r.file().name());
    }
  }
}

Status Inspect(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string id,
      run.OneArgument("task ID missing", "inspect command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  SWARM_ASSIGN_OR_RETURN(const pb::Task task, FindTask(run.client, id));
  if (form == Form::kJson) {
    run.out += ToJson(task) + "\n";
    return Status::Ok();
  }
  pb::ListTasksRequest::Filters filters;
  filters.add_service_ids(task.service_id());
  SWARM_ASSIGN_OR_RETURN(auto siblings, ListTasks(run.client, filters));
  Table table = SummaryTable();
  table.Line("ID\t: " + task.id());
  table.Line("Slot\t: " + std::to_string(task.slot()));
  table.Line("Service\t: " + run.client.ServiceName(task.service_id()));
  PrintStatus(task, run.now, table);
  PrintPorts(task, table);
  table.Line("Node\t: " + run.client.NodeName(task.node_id()));
  if (task.spec().has_container()) PrintContainer(task.spec().container(), table);
  run.out += table.Text();
  std::erase_if(siblings, [&task](const pb::Task& t) { return t.slot() != task.slot(); });
  run.out += "\n===> Task Parents\n" + TaskTable(run.client, siblings, true, run.now);
  return Status::Ok();
}

Status Logs(Invocation& run) {
  if (run.arguments.empty()) return run.Misused("missing task IDs");
  pb::LogSelector selector;
  for (const std::string& text : run.arguments) {
    SWARM_ASSIGN_OR_RETURN(const pb::Task task, FindTask(run.client, text));
    selector.add_task_ids(task.id());
  }
  return ShowLogs(run, selector);
}

Status Remove(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string id,
      run.OneArgument("task ID missing", "remove command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Task task, FindTask(run.client, id));
  pb::RemoveTaskRequest request;
  request.set_task_id(task.id());
  SWARM_RETURN_IF_ERROR(run.client.Call<pb::RemoveTaskResponse>("RemoveTask", request).status());
  run.out += id + "\n";
  return Status::Ok();
}

}  // namespace

Command TaskCommands() {
  constexpr auto kNames = Completes::kTasks;
  return {"task",
          {},
          "",
          "Task management",
          {},
          {{"inspect", {}, "<task ID>", "Inspect a task", {FormatFlag()}, {}, Inspect, kNames},
           {"logs",
            {"log"},
            "<task ID...>",
            "Obtain log output of tasks",
            LogFlags(),
            {},
            Logs,
            kNames,
            kLogsAbout},
           {"ls", {}, "", "List tasks", TaskListFlags(), {}, List},
           {"remove", {"rm"}, "<task ID>", "Remove a task", {}, {}, Remove, kNames}},
          nullptr};
}

}  // namespace swarm::ctl
