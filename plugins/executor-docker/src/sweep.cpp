// Comparing all containers of this node with what is known of them.
#include <utility>
#include <vector>

#include "core.h"
#include "names.h"

namespace swarm::executor_docker {
namespace {

constexpr Duration kOrphanGrace = std::chrono::seconds(10);

engine::Request ListOf(const std::string& node_id) {
  engine::Request list = engine::Request::Get("/containers/json");
  list.query.emplace_back("all", "1");
  list.query.emplace_back(
      "filters", engine::Filters({{"label", {std::string(kLabelNodeId) + "=" + node_id}}}));
  return list;
}

Result<std::vector<ContainerRow>> RowsOf(const engine::Reply& reply) {
  if (!reply.ok()) return reply.status;
  SWARM_ASSIGN_OR_RETURN(const nlohmann::json body, reply.Json());
  return ParseContainerList(body);
}

}  // namespace

void Core::Retain(std::set<std::string> tasks) {
  retained_ = std::move(tasks);
  if (events_ && events_->connected() && !sweep_.busy()) sweep_.Run<bool>(Sweep(), [](bool) {});
}

// Only containers with this node's label count, so those of other nodes and clusters on the same
// engine are safe, and so is what its users run.
Flow<bool> Core::Sweep() {
  if (node_id_.empty()) co_return false;
  const std::set<std::string> owned = *retained_;
  engine::Request list = ListOf(node_id_);
  const engine::Reply reply = co_await link_->Ask(std::move(list));
  const auto rows = RowsOf(reply);
  if (!rows.ok()) co_return false;  // again when the engine is back
  bool clean = true;
  for (const ContainerRow& row : *rows) {
    if (row.task_id.empty() || owned.contains(row.task_id)) continue;
    if (handles_.contains(row.task_id)) continue;
    parts_.log.Info("removing a container that no task owns",
                    {{"container.id", row.id}, {"task.id", row.task_id}});
    if (row.state == RunState::kRunning) (void)co_await SendStop(row.id, kOrphanGrace);
    const StepResult removed = co_await SendRemove(row.id);
    clean = clean && removed.status.ok();
  }
  if (parts_.payloads) {
    std::set<std::string> keep = owned;
    for (const auto& [id, handle] : handles_) keep.insert(id);
    parts_.payloads->Retain(node_id_, keep);
  }
  // A newer list may have come meanwhile.
  if (clean && retained_ == owned) retained_.reset();
  co_return clean;
}

Flow<bool> Core::CompareAll() {
  if (node_id_.empty()) co_return false;
  engine::Request list = ListOf(node_id_);
  const engine::Reply reply = co_await link_->Ask(std::move(list));
  if (reply.engine_down()) {
    events_->Distrust();
    co_return false;
  }
  const auto rows = RowsOf(reply);
  if (!rows.ok()) co_return false;
  std::map<std::string, RunState> states;
  for (const ContainerRow& row : *rows) states.emplace(row.id, row.state);
  for (const auto& [id, handle] : handles_) {
    if (handle->container_id.empty()) continue;
    const auto found = states.find(handle->container_id);
    if (found == states.end() || found->second != handle->seen) handle->changed.Raise();
  }
  if (retained_ && !sweep_.busy()) sweep_.Run<bool>(Sweep(), [](bool) {});
  co_return true;
}

}  // namespace swarm::executor_docker
