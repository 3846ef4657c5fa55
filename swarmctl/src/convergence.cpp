#include "convergence.h"

#include <algorithm>
#include <utility>

#include "words.h"

namespace swarm::ctl {
namespace {

bool IsJob(const pb::ServiceSpec& spec) {
  return spec.has_replicated_job() || spec.has_global_job();
}

bool PerNode(const pb::ServiceSpec& spec) { return spec.has_global() || spec.has_global_job(); }

std::string SlotName(const pb::Service& service, const pb::Task& task) {
  return service.spec().annotations().name() + "." +
         (PerNode(service.spec()) ? task.node_id() : std::to_string(task.slot()));
}

std::pair<std::int64_t, std::int32_t> Created(const pb::Task& task) {
  return {task.meta().created_at().seconds(), task.meta().created_at().nanos()};
}

bool Ended(const pb::Task& task) { return task.status().state() > pb::RUNNING; }

bool Broken(const pb::Task& task) {
  return task.status().state() == pb::FAILED || task.status().state() == pb::REJECTED;
}

// The error, or the message where that is what tells.
std::string Reason(const pb::Task& task) {
  const pb::TaskStatus& status = task.status();
  if (!status.err().empty()) return status.err();
  return status.message().empty() ? Lower(pb::TaskState_Name(status.state())) : status.message();
}

bool OfThisIteration(const pb::Service& service, const pb::Task& task) {
  return service.job_status().job_iteration().index() == task.job_iteration().index();
}

}  // namespace

Progress Judge::Assess(const Observation& seen) {
  const pb::ServiceSpec& spec = seen.service.spec();
  Progress out;
  out.word = IsJob(spec) ? "completed" : "running";
  Slots slots;
  for (const pb::Task& task : seen.tasks) {
    if (IsJob(spec) && !OfThisIteration(seen.service, task)) continue;
    slots[SlotName(seen.service, task)].push_back(&task);
  }
  // The newest of a slot tells how it stands.
  for (auto& [name, tasks] : slots) {
    std::stable_sort(tasks.begin(), tasks.end(), [](const pb::Task* a, const pb::Task* b) {
      return Created(*a) > Created(*b);
    });
  }
  Count(seen, slots, &out);
  ReadUpdate(seen.service, &out);
  CountFailures(seen, slots, &out);
  first_ = false;
  return out;
}

void Judge::Count(const Observation& seen, const Slots& slots, Progress* out) {
  const pb::ServiceSpec& spec = seen.service.spec();
  const bool job = IsJob(spec);
  std::uint64_t active = 0;
  std::string dead;
  for (const auto& [name, tasks] : slots) {
    CountSlot(seen, tasks, job, out);
    const bool alive = std::any_of(tasks.begin(), tasks.end(), [job](const pb::Task* t) {
      return job ? !Broken(*t) : t->desired_state() <= pb::RUNNING;
    });
    active += alive ? 1 : 0;
    const pb::Task& newest = *tasks.front();
    if (!alive && Ended(newest) && newest.desired_state() <= pb::SHUTDOWN) {
      dead = name + ": " + Reason(newest);
    }
    const bool pending = newest.status().state() == pb::PENDING && !newest.status().err().empty();
    if (Broken(newest) || pending) out->troubles.push_back(name + ": " + Reason(newest));
    // While its successor waits to be started, the one before tells why.
    if (tasks.size() > 1 && !Ended(newest) && newest.status().state() < pb::RUNNING &&
        Broken(*tasks[1]) && !pending) {
      out->troubles.push_back(name + ": " + Reason(*tasks[1]));
    }
  }
  out->wanted = PerNode(spec) ? active
                : job         ? spec.replicated_job().total_completions()
                              : spec.replicated().replicas();
  out->missing = out->wanted > active ? out->wanted - active : 0;
  out->reached = out->done == out->wanted && out->leftover == 0;
  if (out->missing > 0 && !dead.empty()) {
    out->stuck = dead + " (its restart policy does not start it again)";
  }
}

void Judge::CountSlot(const Observation& seen, const std::vector<const pb::Task*>& tasks, bool job,
                      Progress* out) {
  bool counted = false;
  for (const pb::Task* task : tasks) {
    const pb::TaskState state = task->status().state();
    const bool current = seen.up_to_date.contains(task->id());
    const bool lives = state <= pb::RUNNING && !task->node_id().empty() &&
                       !seen.down_nodes.contains(task->node_id());
    if (job) {
      if (counted || Broken(*task)) continue;
      counted = true;
      ++out->states[state];
      out->done += state == pb::COMPLETE ? 1 : 0;
    } else if (task->desired_state() <= pb::RUNNING && current && !counted) {
      counted = true;
      ++out->states[state];
      out->done += state == pb::RUNNING ? 1 : 0;
    } else if (lives) {
      ++out->leftover;
    }
  }
}

void Judge::CountFailures(const Observation& seen, const Slots& slots, Progress* out) {
  for (const auto& [name, tasks] : slots) {
    auto& failed = failures_[name];
    std::string reason;
    for (const pb::Task* task : tasks) {
      // What failed before the last change says nothing about what comes.
      if (!Broken(*task) || !seen.up_to_date.contains(task->id())) continue;
      if (first_) before_.insert(task->id());
      if (before_.contains(task->id())) continue;
      failed.insert(task->id());
      if (reason.empty()) reason = Reason(*task);
    }
    const bool runs = std::any_of(tasks.begin(), tasks.end(), [](const pb::Task* t) {
      return t->status().state() == pb::RUNNING;
    });
    if (most_failures_ != 0 && failed.size() >= most_failures_ && !runs && !reason.empty()) {
      out->failed = name + " failed " + std::to_string(failed.size()) + " times: " + reason;
    }
  }
}

void Judge::ReadUpdate(const pb::Service& service, Progress* out) const {
  using Update = pb::UpdateStatus;
  if (!service.has_update_status()) return;
  const Update& status = service.update_status();
  const std::string why = status.message().empty() ? "" : ": " + status.message();
  switch (status.state()) {
    case Update::UPDATING:
      out->reached = false;
      break;
    case Update::ROLLBACK_STARTED:
      out->reached = false;
      if (aim_ == Aim::kSpec) out->troubles.push_back("rolling back" + why);
      break;
    case Update::COMPLETED:
      out->sure = out->reached;
      break;
    case Update::PAUSED:
      out->failed = "the update is paused" + why;
      break;
    case Update::ROLLBACK_PAUSED:
      out->failed = "the rollback is paused" + why;
      break;
    case Update::ROLLBACK_COMPLETED:
      out->sure = out->reached;
      if (aim_ == Aim::kSpec) out->failed = "the service was rolled back" + why;
      break;
    default:
      break;
  }
}

std::string ProgressText(const Progress& progress) {
  std::vector<std::string> parts;
  const auto count = [&parts](std::uint64_t number, const std::string& what) {
    if (number > 0) parts.push_back(std::to_string(number) + " " + what);
  };
  if (!progress.word.empty()) {
    parts.push_back(std::to_string(progress.done) + "/" + std::to_string(progress.wanted) + " " +
                    progress.word);
  }
  const pb::TaskState done = progress.word == "completed" ? pb::COMPLETE : pb::RUNNING;
  // Those that are nearest to their aim first.
  for (auto it = progress.states.rbegin(); it != progress.states.rend(); ++it) {
    if (it->first != done) count(it->second, Lower(pb::TaskState_Name(it->first)));
  }
  count(progress.missing, "to be created");
  count(progress.leftover, "to be stopped");
  return parts.empty() ? "nothing left to stop" : Join(parts, ", ");
}

}  // namespace swarm::ctl
