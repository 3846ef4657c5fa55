#include "spec_check.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace swarm::executor_docker {
namespace {

Status Invalid(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

bool IsAbsolute(std::string_view path) {
  if (path.starts_with('/')) return true;
  // "c:\..." and "\\server\..." of Windows engines.
  const bool drive = path.size() > 2 && path[1] == ':' && (path[2] == '\\' || path[2] == '/');
  return drive || path.starts_with("\\\\");
}

Status CheckMount(const pb::Mount& mount) {
  if (mount.type() != pb::Mount::NPIPE && !IsAbsolute(mount.target())) {
    return Invalid("invalid mount target, must be an absolute path: " + mount.target());
  }
  switch (mount.type()) {
    case pb::Mount::BIND:
      if (IsAbsolute(mount.source())) return {};
      return Invalid("invalid bind mount source, must be an absolute path: " + mount.source());
    case pb::Mount::VOLUME:
      if (!IsAbsolute(mount.source())) return {};
      return Invalid("invalid volume mount source, must not be an absolute path: " +
                     mount.source());
    case pb::Mount::TMPFS:
      if (mount.source().empty()) return {};
      return Invalid("invalid tmpfs source, source must be empty");
    case pb::Mount::NPIPE:
      if (!mount.source().empty()) return {};
      return Invalid("invalid npipe source, source must not be empty");
    case pb::Mount::CLUSTER:
      return {
          Code::kUnimplemented,
          "cluster volumes are not supported by the docker executor: mount at " + mount.target()};
    default:
      return Invalid("invalid mount type: " + std::to_string(mount.type()));
  }
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.size() < 11 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Empty is root.
Status CheckFile(const pb::FileTarget& file, const char* kind) {
  for (const std::string* owner : {&file.uid(), &file.gid()}) {
    if (owner->empty() || IsNumber(*owner)) continue;
    return Invalid(std::string(kind) + " " + file.name() + ": the owner \"" + *owner +
                   "\" must be a number, since names are known only inside the image");
  }
  if (file.name().empty()) return Invalid(std::string("a ") + kind + " has a target with no name");
  return {};
}

Status CheckFiles(const pb::ContainerSpec& spec) {
  for (const auto& secret : spec.secrets()) {
    if (secret.has_file()) SWARM_RETURN_IF_ERROR(CheckFile(secret.file(), "secret"));
  }
  for (const auto& config : spec.configs()) {
    if (config.has_file()) SWARM_RETURN_IF_ERROR(CheckFile(config.file(), "config"));
  }
  return {};
}

Status CheckPrivileges(const pb::Privileges& privileges) {
  if (privileges.has_seccomp()) {
    const auto& seccomp = privileges.seccomp();
    const bool custom = seccomp.mode() == pb::Privileges::SeccompOpts::CUSTOM;
    if (custom && seccomp.profile().empty()) return Invalid("a custom seccomp profile is empty");
    if (!custom && !seccomp.profile().empty()) {
      return Invalid("a seccomp profile is given, but its mode is not custom");
    }
  }
  return {};
}

}  // namespace

Status CheckTask(const pb::Task& task) {
  if (!task.spec().has_container()) {
    return {Code::kUnimplemented,
            "exec: unsupported runtime: the docker executor runs containers only"};
  }
  const pb::ContainerSpec& spec = task.spec().container();
  if (spec.image().empty()) return Invalid("dockerexec: image required");
  for (const pb::Mount& mount : spec.mounts()) SWARM_RETURN_IF_ERROR(CheckMount(mount));
  SWARM_RETURN_IF_ERROR(CheckFiles(spec));
  return CheckPrivileges(spec.privileges());
}

}  // namespace swarm::executor_docker
