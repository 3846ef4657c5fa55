#include "process_core.h"

#include <fcntl.h>
#include <stdio.h>

#include <utility>

#include "groups.h"
#include "system.h"

namespace swarm::executor_process {
namespace {

std::string ReadWhole(const char* path) {
  const Descriptor file(open(path, O_RDONLY | O_CLOEXEC));
  return file ? ReadAll(file.get()) : "";
}

// The same for the same folder in every process: FNV-1a.
std::string ShortHash(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ULL;
  char out[17];
  snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(hash));
  return std::string(out, 8);
}

}  // namespace

ProcessCore::ProcessCore(Runtime& runtime, Logger logger, NodeRules rules, Duration orphans_after)
    : logger_(std::move(logger)),
      files_(runtime.files()),
      rules_(std::move(rules)),
      orphans_after_(orphans_after),
      watcher_(runtime),
      loop_(runtime.NewLoop("executor-process", LoopKind::kBlocking)) {}

Status ProcessCore::Start(const std::string& configured_helper) {
  SWARM_ASSIGN_OR_RETURN(helper_, FindHelper(files_, configured_helper));
  SWARM_RETURN_IF_ERROR(files_.CreateDirectory(rules_.state_dir, 0711));
  SWARM_RETURN_IF_ERROR(files_.CreateDirectory(rules_.state_dir + "/tasks", 0711));
  SWARM_RETURN_IF_ERROR(files_.CreateDirectory(rules_.state_dir + "/volumes", 0711));
  rules_.permissions = OwnPermissions();
  rules_.group_suffix = "." + ShortHash(rules_.state_dir);
  rules_.groups = ControlGroups::Detect(ReadWhole("/proc/self/mountinfo"), rules_.cgroup_parent);
  logger_.Debug("control groups", {{"found", rules_.groups.Describe()}});
  SWARM_RETURN_IF_ERROR(watcher_.Start());
  loop_->Post([this] { RemoveEmptyGroups(); });
  if (orphans_after_ > Duration::zero()) {
    sweep_ = loop_->After(orphans_after_, [this] { SweepOrphans(); });
  }
  return Status::Ok();
}

void ProcessCore::Stop() {
  if (std::exchange(stopped_, true)) return;
  loop_->Stop();
  watcher_.Stop();
  // They are on their way to the background; not to leave zombies.
  for (auto& [pid, launching] : launching_) {
    launching.watch.reset();
    (void)Finish(std::move(launching.helper));
  }
  launching_.clear();
  sweep_.reset();
  rules_.groups.RemoveParents();
}

void ProcessCore::Claim(const std::string& task_id) {
  const std::lock_guard lock(mutex_);
  if (!swept_) claimed_.insert(task_id);
}

ProcessView ProcessCore::Look(const HandlePtr& handle) {
  ProcessView view = handle->folder.Inspect();
  std::optional<pb::ContainerStatus> status;
  std::unique_ptr<pb::PortStatus> ports;
  const bool running = view.state == ProcessState::kRunning;
  if (running || view.state == ProcessState::kExited || view.state == ProcessState::kLost) {
    status.emplace();
    status->set_container_id(handle->task_id);
    if (running) status->set_pid(view.record.process);
    if (view.state == ProcessState::kExited) status->set_exit_code(view.exit.code);
  }
  if (running && !handle->manners.ports.empty()) {
    ports = std::make_unique<pb::PortStatus>();
    for (const pb::PortConfig& port : handle->manners.ports) *ports->add_ports() = port;
  }
  // It is started once at most.
  if (view.state > ProcessState::kStarting) handle->beginning.reset();
  const std::lock_guard lock(handle->mutex);
  handle->status = std::move(status);
  handle->ports = std::move(ports);
  return view;
}

Result<std::string> ProcessCore::PlanWithFiles(const Handle::Beginning& beginning) const {
  if (beginning.sources.empty()) return beginning.plan;
  std::optional<Plan> plan = DecodePlan(beginning.plan);
  SWARM_CHECK(plan && plan->files.size() == beginning.sources.size(), "a plan is read as written");
  for (std::size_t i = 0; i < beginning.sources.size(); ++i) {
    const TaskSetup::Source& source = beginning.sources[i];
    if (!beginning.dependencies) {
      return Status(Code::kNotFound,
                    (source.secret ? "secret " : "config ") + source.id + " not found");
    }
    if (source.secret) {
      SWARM_ASSIGN_OR_RETURN(const auto secret, beginning.dependencies->Secret(source.id));
      plan->files[i].data = secret->spec().data();
    } else {
      SWARM_ASSIGN_OR_RETURN(const auto config, beginning.dependencies->Config(source.id));
      plan->files[i].data = config->spec().data();
    }
  }
  return EncodePlan(*plan);
}

Status ProcessCore::StartHelper(const HandlePtr& handle) {
  if (!handle->beginning) return {Code::kInternal, "the task was started before"};
  SWARM_ASSIGN_OR_RETURN(const std::string plan, PlanWithFiles(*handle->beginning));
  SWARM_ASSIGN_OR_RETURN(LaunchedHelper helper, Launch(helper_, handle->folder.path(), plan));
  handle->launching = true;
  const std::int32_t pid = helper.pid;
  auto watch = watcher_.Exit(pid, 0, [weak = weak_from_this(), pid] {
    const auto self = weak.lock();
    if (!self) return;
    self->loop_->Post([weak, pid] {
      if (const auto self = weak.lock()) self->OnHelperEnded(pid);
    });
  });
  const bool watched = watch != nullptr;
  launching_[pid] = {handle, std::move(helper), std::move(watch)};
  // Short of descriptors: it takes a moment only.
  if (!watched) loop_->Post([this, pid] { OnHelperEnded(pid); });
  return Status::Ok();
}

void ProcessCore::OnHelperEnded(std::int32_t pid) {
  auto entry = launching_.extract(pid);
  if (entry.empty()) return;
  const HandlePtr handle = entry.mapped().handle;
  const std::string words = Finish(std::move(entry.mapped().helper));
  handle->launching = false;
  if (handle->launched) std::exchange(handle->launched, nullptr)(words);
}

void ProcessCore::EndGroups(const std::string& task_id) {
  const auto groups = rules_.groups.All(task_id + rules_.group_suffix);
  KillGroups(groups);
  RemoveGroups(groups);
}

// --- what no task owns ---

// Those of tasks whose folder is gone; groups with processes refuse to go.
void ProcessCore::RemoveEmptyGroups() {
  for (const std::string& name : rules_.groups.Names(rules_.group_suffix)) {
    const std::string task_id = name.substr(0, name.size() - rules_.group_suffix.size());
    if (!files_.Exists(FolderOf(task_id))) EndGroups(task_id);
  }
}

void ProcessCore::SweepOrphans() {
  std::set<std::string> claimed;
  {
    const std::lock_guard lock(mutex_);
    swept_ = true;
    claimed.swap(claimed_);
  }
  const auto folders = files_.List(rules_.state_dir + "/tasks");
  if (!folders.ok()) return;
  for (const std::string& task_id : *folders) {
    if (!claimed.contains(task_id)) SweepOrphan(task_id);
  }
}

void ProcessCore::SweepOrphan(const std::string& task_id) {
  logger_.Warn("Removing a task that nobody knows", {{"task.id", task_id}});
  auto handle = std::make_shared<Handle>(task_id, TaskFolder(files_, FolderOf(task_id)));
  Shutdown(handle, [weak = weak_from_this(), handle](const StepResult&) {
    const auto self = weak.lock();
    if (!self) return;
    self->Remove(handle, [logger = self->logger_, handle](const StepResult& result) {
      if (result.status.ok()) return;
      logger.Warn("Removing a task that nobody knows failed",
                  {{"task.id", handle->task_id}, {"error", result.status.ToString()}});
    });
  });
}

}  // namespace swarm::executor_process
