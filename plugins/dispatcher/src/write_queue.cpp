#include "write_queue.h"

#include <google/protobuf/util/message_differencer.h>

#include <utility>

namespace swarm::dispatcher {
namespace {

using google::protobuf::util::MessageDifferencer;

TaskTime ToTaskTime(WallTime time) {
  auto nanos = time.time_since_epoch().count();
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {nanos / kSecond, static_cast<std::int32_t>(nanos % kSecond), true};
}

bool SameContainer(const Task& task, const pb::TaskStatus& report) {
  const TaskContainerStatus* have = task.status.container.get();
  if (!have || !report.has_container()) return !have && !report.has_container();
  return have->container_id == report.container().container_id() &&
         have->pid == report.container().pid() && have->exit_code == report.container().exit_code();
}

bool SamePorts(const Task& task, const pb::TaskStatus& report) {
  bool have = task.extras && task.extras->has_port_status;
  if (!have || !report.has_port_status()) return have == report.has_port_status();
  return MessageDifferencer::Equals(task.extras->port_status, report.port_status());
}

}  // namespace

bool SameReport(const Task& task, const pb::TaskStatus& report) {
  return task.status.state == report.state() && task.status.message == report.message() &&
         task.status.err == report.err() && SameContainer(task, report) && SamePorts(task, report);
}

// The reports of one batch, taken to the store's loop; one object an inner step.
struct WriteQueue::Flight {
  std::vector<std::pair<std::string, NodeReport>> nodes;
  std::vector<std::pair<std::string, pb::TaskStatus>> tasks;
  std::vector<std::pair<std::string, std::unordered_set<std::string>>> volumes;
  std::size_t next = 0;
  std::string leader_node_id;
  TaskTime now;

  explicit Flight(Pending* pending) {
    for (auto& entry : pending->nodes) nodes.emplace_back(entry.first, std::move(entry.second));
    for (auto& entry : pending->tasks) tasks.emplace_back(entry.first, std::move(entry.second));
    for (auto& entry : pending->volumes) volumes.emplace_back(entry.first, std::move(entry.second));
  }

  Result<bool> Step(Transaction& tx) {
    std::size_t i = next++;
    if (i < nodes.size()) {
      SWARM_RETURN_IF_ERROR(WriteNode(tx, nodes[i].first, nodes[i].second));
    } else if (i -= nodes.size(); i < tasks.size()) {
      SWARM_RETURN_IF_ERROR(WriteTask(tx, tasks[i].first, tasks[i].second));
    } else if (i -= tasks.size(); i < volumes.size()) {
      SWARM_RETURN_IF_ERROR(WriteVolume(tx, volumes[i].first, volumes[i].second));
    } else {
      return false;
    }
    return true;
  }

  static Status WriteNode(Transaction& tx, const std::string& id, const NodeReport& report) {
    auto stored = tx.Get<pb::Node>(id);
    if (!stored) return {};
    auto node = std::make_shared<pb::Node>(*stored);
    pb::NodeStatus* status = node->mutable_status();
    status->set_state(report.state);
    status->set_message(report.message);
    if (!report.address.empty()) status->set_addr(report.address);
    if (report.description) *node->mutable_description() = *report.description;
    if (MessageDifferencer::Equals(*node, *stored)) return {};
    return tx.Update(std::move(node));
  }

  // The state only rises: an older report that arrives late changes nothing.
  Status WriteTask(Transaction& tx, const std::string& id, const pb::TaskStatus& report) const {
    TaskPtr stored = tx.GetTask(id);
    if (!stored || stored->status.state > report.state() || SameReport(*stored, report)) return {};
    auto task = std::make_shared<Task>(*stored);
    task->status = StatusFromProto(report);
    task->status.applied_by = leader_node_id;
    task->status.applied_at = now;
    if (!SamePorts(*stored, report)) {
      auto extras = task->extras ? std::make_shared<TaskExtras>(*task->extras)
                                 : std::make_shared<TaskExtras>();
      extras->port_status = report.port_status();
      extras->has_port_status = report.has_port_status();
      task->extras = std::move(extras);
    }
    return tx.UpdateTask(std::move(task));
  }

  static Status WriteVolume(Transaction& tx, const std::string& id,
                            const std::unordered_set<std::string>& nodes) {
    auto stored = tx.Get<pb::Volume>(id);
    if (!stored) return {};
    auto volume = std::make_shared<pb::Volume>(*stored);
    for (auto& status : *volume->mutable_publish_status()) {
      if (nodes.contains(status.node_id())) {
        status.set_state(pb::VolumePublishStatus::PENDING_UNPUBLISH);
      }
    }
    return tx.Update(std::move(volume));
  }
};

void WriteQueue::ReportNode(const std::string& node_id, NodeReport report, Durable done) {
  if (stopped_) return;
  NodeReport& slot = pending_.nodes[node_id];
  if (report.address.empty()) report.address = std::move(slot.address);
  if (!report.description) report.description = std::move(slot.description);
  slot = std::move(report);
  if (done) pending_.waiting.push_back(std::move(done));
  Schedule();
}

void WriteQueue::ReportTask(const std::string& task_id, pb::TaskStatus status) {
  if (stopped_) return;
  auto [slot, fresh] = pending_.tasks.try_emplace(task_id, std::move(status));
  if (!fresh && status.state() >= slot->second.state()) slot->second = std::move(status);
  Schedule();
}

void WriteQueue::ReportUnpublished(const std::string& volume_id, const std::string& node_id) {
  if (stopped_) return;
  pending_.volumes[volume_id].insert(node_id);
  Schedule();
}

void WriteQueue::Schedule() {
  if (busy_ || timer_ || pending_.empty()) return;
  Duration wait{};
  if (last_flush_) wait = *last_flush_ + parts_.interval - parts_.clock.SteadyNow();
  if (wait <= Duration::zero()) return Flush();
  timer_ = parts_.loop.After(wait, [this] {
    auto fired = std::move(timer_);
    Flush();
  });
}

void WriteQueue::Flush() {
  auto flight = std::make_shared<Flight>(&pending_);
  flight->leader_node_id = parts_.leader_node_id;
  flight->now = ToTaskTime(parts_.clock.Now());
  in_flight_ = std::move(pending_.waiting);
  pending_ = {};
  busy_ = true;
  last_flush_ = parts_.clock.SteadyNow();
  parts_.writer->Batch([flight](Transaction& tx) { return flight->Step(tx); },
                       [weak = weak_from_this(), post = parts_.post](Result<Index> result) {
                         post([weak, status = result.ok() ? Status() : result.status()] {
                           if (auto self = weak.lock()) self->OnFlushed(status);
                         });
                       });
}

void WriteQueue::OnFlushed(const Status& status) {
  if (stopped_) return;
  busy_ = false;
  if (!status.ok()) parts_.log.Warn("Writing node reports failed", {{"error", status.ToString()}});
  auto waiting = std::exchange(in_flight_, {});
  for (Durable& done : waiting) done(status);
  Schedule();
}

void WriteQueue::Stop(const Status& why) {
  if (std::exchange(stopped_, true)) return;
  timer_.reset();
  auto waiting = std::move(in_flight_);
  for (Durable& done : pending_.waiting) waiting.push_back(std::move(done));
  pending_ = {};
  for (Durable& done : waiting) done(why);
}

}  // namespace swarm::dispatcher
