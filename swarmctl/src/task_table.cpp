#include "task_table.h"

#include <algorithm>
#include <tuple>

#include "filters.h"
#include "listing.h"
#include "resolve.h"
#include "table.h"
#include "words.h"

namespace swarm::ctl {
namespace {

// Services and nodes are named as everywhere else.
FilterKey ServiceFilter(Client& client, pb::ListTasksRequest::Filters* filters) {
  return {"service", [&client, filters](const std::string& text) {
            SWARM_ASSIGN_OR_RETURN(const pb::Service service, FindService(client, text));
            filters->add_service_ids(service.id());
            return Status::Ok();
          }};
}

FilterKey NodeFilter(Client& client, pb::ListTasksRequest::Filters* filters) {
  return {"node", [&client, filters](const std::string& text) {
            SWARM_ASSIGN_OR_RETURN(const pb::Node node, FindNode(client, text));
            filters->add_node_ids(node.id());
            return Status::Ok();
          }};
}

FilterKey UpToDateFilter(pb::ListTasksRequest::Filters* filters) {
  return {"up-to-date", [filters](const std::string& text) {
            if (text != "true") {
              return Status(Code::kInvalidArgument, "\"" + text + "\" is not true");
            }
            filters->set_up_to_date(true);
            return Status::Ok();
          }};
}

Status ReadTaskFilters(Invocation& run, pb::ListTasksRequest::Filters* filters) {
  auto keys = CommonFilters(filters);
  keys.push_back(ServiceFilter(run.client, filters));
  keys.push_back(NodeFilter(run.client, filters));
  keys.push_back(
      WordFilter("desired-state", *pb::TaskState_descriptor(), filters->mutable_desired_states()));
  keys.push_back(TextFilter("runtime", filters->mutable_runtimes()));
  keys.push_back(UpToDateFilter(filters));
  return ReadFilters(run, keys);
}

}  // namespace

std::vector<FlagSpec> TaskListFlags() {
  auto out = ListFlags(std::string(kCommonFilters) +
                       ", service, node, desired-state, runtime, up-to-date");
  out.push_back(AllTasksFlag());
  return out;
}

Status ShowTasks(Invocation& run, pb::ListTasksRequest request) {
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  SWARM_RETURN_IF_ERROR(ReadTaskFilters(run, request.mutable_filters()));
  SWARM_ASSIGN_OR_RETURN(auto tasks, ListTasks(run.client, request.filters()));
  // Who asks for a state wants to see it.
  if (!run.flags.Bool("all") && request.filters().desired_states().empty()) {
    std::erase_if(tasks, [](const pb::Task& t) { return t.desired_state() > pb::RUNNING; });
  }
  ShowObjects(run, form, tasks, ListTable(),
              {"ID", "Service", "Desired State", "Last State", "Node"}, [&run](const pb::Task& t) {
                return std::vector<std::string>{
                    t.id(), run.client.ServiceName(t.service_id()) + "." + std::to_string(t.slot()),
                    pb::TaskState_Name(t.desired_state()), LastState(t, run.now),
                    run.client.NodeName(t.node_id())};
              });
  return Status::Ok();
}

std::string LastState(const pb::Task& task, WallTime now) {
  std::string out = pb::TaskState_Name(task.status().state()) + " ";
  if (task.status().has_timestamp()) out += RelativeTime(task.status().timestamp(), now);
  return out;
}

std::string TaskTable(Client& client, std::vector<pb::Task> tasks, bool all, WallTime now) {
  const auto created = [](const pb::Task& t) {
    return std::pair(t.meta().created_at().seconds(), t.meta().created_at().nanos());
  };
  std::stable_sort(tasks.begin(), tasks.end(), [&](const pb::Task& a, const pb::Task& b) {
    return a.slot() != b.slot() ? a.slot() < b.slot() : created(a) > created(b);
  });
  Table table = InnerTable();
  table.Header({"Task ID", "Service", "Slot", "Image", "Desired State", "Last State", "Node"});
  for (const pb::Task& task : tasks) {
    if (!all && task.desired_state() > pb::RUNNING) continue;
    table.Row({task.id(), task.service_annotations().name(), std::to_string(task.slot()),
               task.spec().container().image(), pb::TaskState_Name(task.desired_state()),
               LastState(task, now), client.NodeName(task.node_id())});
  }
  return table.Text();
}

}  // namespace swarm::ctl
