// What a process finds in its file system beyond the machine's own: mounts, secrets, configs.
#include <linux/capability.h>

#include <charconv>

#include "setup.h"

namespace swarm::executor_process {
namespace {

Status Invalid(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

bool IsAbsolute(const std::string& path) { return path.starts_with('/'); }

// Without "..", so that it cannot lead out of the folder it is appended to.
bool StaysInside(const std::string& path) {
  return !IsAbsolute(path) && ("/" + path + "/").find("/../") == std::string::npos;
}

bool IsVolumeName(const std::string& name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return name.find_first_not_of(kAllowed) == std::string::npos && name.front() != '.' &&
         name.front() != '-';
}

void SetUpBind(const pb::Mount& mount, PlanMount* out) {
  using Options = pb::Mount::BindOptions;
  const Options& options = mount.bind_options();
  out->recursive = !options.nonrecursive();
  out->read_only_recursive = !options.readonlynonrecursive();
  out->create_source = options.createmountpoint();
  switch (options.propagation()) {
    case Options::SHARED:
    case Options::RSHARED:
      out->propagation = PlanMount::Propagation::kShared;
      break;
    case Options::SLAVE:
    case Options::RSLAVE:
      out->propagation = PlanMount::Propagation::kSlave;
      break;
    default:
      out->propagation = PlanMount::Propagation::kPrivate;
  }
  out->propagation_recursive = options.propagation() == Options::RSHARED ||
                               options.propagation() == Options::RSLAVE ||
                               options.propagation() == Options::RPRIVATE;
}

Status SetUpVolume(const pb::Mount& mount, const pb::Task& task, int number, const NodeRules& rules,
                   PlanMount* out) {
  const std::string& name = mount.source();
  if (IsAbsolute(name)) {
    return Invalid("invalid volume mount source, must not be an absolute path: " + name);
  }
  const pb::Driver& driver = mount.volume_options().driver_config();
  if (!driver.name().empty() && driver.name() != "local") {
    return Unsupported("volumes of driver \"" + driver.name() + "\"");
  }
  if (driver.options_size() > 0) return Unsupported("volumes with driver options");
  if (name.empty()) {
    // Nobody else's, and gone with the task.
    out->source = rules.state_dir + "/tasks/" + task.id() + "/volumes/" + std::to_string(number);
  } else if (IsVolumeName(name)) {
    out->source = rules.state_dir + "/volumes/" + name;
  } else {
    return Invalid("\"" + name +
                   "\" is not a volume name: only letters, digits, \"_\", \".\" and \"-\"");
  }
  const std::string& subpath = mount.volume_options().subpath();
  if (subpath.empty()) return Status::Ok();
  if (!StaysInside(subpath))
    return Invalid("volume subpath " + subpath + " leads out of the volume");
  out->source += "/" + subpath;
  return Status::Ok();
}

Status SetUpTmpfs(const pb::Mount& mount, PlanMount* out) {
  if (!mount.source().empty()) return Invalid("invalid tmpfs source, source must be empty");
  const pb::Mount::TmpfsOptions& options = mount.tmpfs_options();
  char mode[16];
  const unsigned bits = options.mode() == 0 ? 01777U : options.mode() & 07777U;
  const auto end = std::to_chars(mode, mode + sizeof mode, bits, 8).ptr;
  out->options = "mode=" + std::string(mode, end);
  if (options.size_bytes() > 0) out->options += ",size=" + std::to_string(options.size_bytes());
  if (options.options() == "exec") {
    out->executable = true;
  } else if (!options.options().empty() && options.options() != "noexec") {
    return Unsupported("tmpfs option \"" + options.options() + "\" (only exec and noexec)");
  }
  return Status::Ok();
}

Status SetUpMount(const pb::Mount& mount, const pb::Task& task, int number, const NodeRules& rules,
                  PlanMount* out) {
  if (!IsAbsolute(mount.target())) {
    return Invalid("invalid mount target, must be an absolute path: " + mount.target());
  }
  out->target = mount.target();
  while (out->target.size() > 1 && out->target.back() == '/') out->target.pop_back();
  if (out->target == "/") {
    return Invalid("invalid mount target, \"/\" is the machine's: choose a folder below");
  }
  out->read_only = mount.readonly();
  switch (mount.type()) {
    case pb::Mount::BIND:
      if (!IsAbsolute(mount.source())) {
        return Invalid("invalid bind mount source, must be an absolute path: " + mount.source());
      }
      out->kind = PlanMount::Kind::kBind;
      out->source = mount.source();
      SetUpBind(mount, out);
      return Status::Ok();
    case pb::Mount::VOLUME:
      out->kind = PlanMount::Kind::kVolume;
      return SetUpVolume(mount, task, number, rules, out);
    case pb::Mount::TMPFS:
      out->kind = PlanMount::Kind::kTmpfs;
      return SetUpTmpfs(mount, out);
    default:
      return Unsupported("mounts of type " + pb::Mount::Type_Name(mount.type()));
  }
}

// Numbers only, as they are on the engines that share the field.
Result<std::int64_t> ParseId(const std::string& text, const std::string& file) {
  std::int64_t out = 0;
  if (text.empty()) return out;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || out < 0) {
    return Status(Code::kInvalidArgument,
                  "\"" + text + "\" is not the number of a user or group, for file " + file);
  }
  return out;
}

Status AddFile(const pb::FileTarget& file, std::string_view folder, TaskSetup::Source source,
               TaskSetup* out) {
  PlanFile plan;
  if (file.name().empty() || (!IsAbsolute(file.name()) && !StaysInside(file.name()))) {
    return Invalid("\"" + file.name() + "\" is not a name for the file of a secret or config");
  }
  plan.target = IsAbsolute(file.name()) ? file.name() : std::string(folder) + file.name();
  SWARM_ASSIGN_OR_RETURN(plan.user, ParseId(file.uid(), file.name()));
  SWARM_ASSIGN_OR_RETURN(plan.group, ParseId(file.gid(), file.name()));
  plan.mode = file.mode() & 07777;
  out->plan.files.push_back(std::move(plan));
  out->sources.push_back(std::move(source));
  return Status::Ok();
}

}  // namespace

Status SetUpMounts(const pb::Task& task, const NodeRules& rules, Plan* plan) {
  const pb::ContainerSpec& container = task.spec().container();
  plan->read_only = container.read_only();
  for (const pb::Mount& mount : container.mounts()) {
    PlanMount out;
    const int number = static_cast<int>(plan->mounts.size());
    SWARM_RETURN_IF_ERROR(SetUpMount(mount, task, number, rules, &out));
    plan->mounts.push_back(std::move(out));
  }
  if (!plan->private_mounts() || rules.permissions.Has(CAP_SYS_ADMIN)) return Status::Ok();
  return NotPermitted(plan->mounts.empty() ? "a read-only root" : "mounts");
}

Status SetUpFiles(const pb::ContainerSpec& container, const NodeRules& rules, TaskSetup* out) {
  for (const auto& secret : container.secrets()) {
    if (!secret.has_file()) continue;
    SWARM_RETURN_IF_ERROR(AddFile(secret.file(), "/run/secrets/", {true, secret.secret_id()}, out));
  }
  for (const auto& config : container.configs()) {
    if (!config.has_file()) continue;
    SWARM_RETURN_IF_ERROR(AddFile(config.file(), "/", {false, config.config_id()}, out));
  }
  if (out->plan.files.empty() || rules.permissions.Has(CAP_SYS_ADMIN)) return Status::Ok();
  return NotPermitted("secrets and configs");
}

}  // namespace swarm::executor_process
