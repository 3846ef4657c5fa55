// HostConfig's Mounts, and the volumes to be made before.
#include <array>
#include <string>
#include <utility>

#include "create_body.h"

namespace swarm::executor_docker {
namespace {

using nlohmann::json;

// The engine ignores what it does not know, so what it is too old for is refused here.
Status Needs(bool used, const char* option, engine::ApiVersion version, const pb::Mount& mount,
             const CreateContext& context) {
  if (!used || context.api >= version) return {};
  return {Code::kFailedPrecondition, "mount at " + mount.target() + ": the option " + option +
                                         " needs an engine with API " + version.ToString() +
                                         "; this one has " + context.api.ToString()};
}

const char* Propagation(const pb::Mount::BindOptions& options) {
  static constexpr std::array kNames = {"rprivate", "private", "rshared",
                                        "shared",   "rslave",  "slave"};
  const auto index = static_cast<std::size_t>(options.propagation());
  return index < kNames.size() ? kNames[index] : kNames[0];
}

Status AddBindOptions(const pb::Mount& mount, const CreateContext& context, json* out) {
  if (!mount.has_bind_options()) return {};
  const auto& options = mount.bind_options();
  json bind = {{"Propagation", Propagation(options)}};
  if (options.nonrecursive()) bind["NonRecursive"] = true;
  SWARM_RETURN_IF_ERROR(
      Needs(options.createmountpoint(), "create-mountpoint", {1, 42}, mount, context));
  if (options.createmountpoint()) bind["CreateMountpoint"] = true;
  SWARM_RETURN_IF_ERROR(
      Needs(options.readonlynonrecursive(), "readonly-nonrecursive", {1, 44}, mount, context));
  if (options.readonlynonrecursive()) bind["ReadOnlyNonRecursive"] = true;
  SWARM_RETURN_IF_ERROR(
      Needs(options.readonlyforcerecursive(), "readonly-force-recursive", {1, 44}, mount, context));
  if (options.readonlyforcerecursive()) bind["ReadOnlyForceRecursive"] = true;
  (*out)["BindOptions"] = std::move(bind);
  return {};
}

json DriverConfig(const pb::Driver& driver) {
  json options = json::object();
  for (const auto& [key, value] : driver.options()) options[key] = value;
  return {{"Name", driver.name()}, {"Options", std::move(options)}};
}

json Labels(const pb::Mount::VolumeOptions& options) {
  json labels = json::object();
  for (const auto& [key, value] : options.labels()) labels[key] = value;
  return labels;
}

Status AddVolumeOptions(const pb::Mount& mount, const CreateContext& context, json* out) {
  if (!mount.has_volume_options()) return {};
  const auto& options = mount.volume_options();
  json volume = {{"Labels", Labels(options)}};
  if (options.nocopy()) volume["NoCopy"] = true;
  if (options.has_driver_config()) volume["DriverConfig"] = DriverConfig(options.driver_config());
  SWARM_RETURN_IF_ERROR(Needs(!options.subpath().empty(), "subpath", {1, 45}, mount, context));
  if (!options.subpath().empty()) volume["Subpath"] = options.subpath();
  (*out)["VolumeOptions"] = std::move(volume);
  return {};
}

void AddTmpfsOptions(const pb::Mount& mount, json* out) {
  if (!mount.has_tmpfs_options()) return;
  json tmpfs = json::object();
  if (mount.tmpfs_options().size_bytes() > 0) {
    tmpfs["SizeBytes"] = mount.tmpfs_options().size_bytes();
  }
  if (mount.tmpfs_options().mode() != 0) tmpfs["Mode"] = mount.tmpfs_options().mode();
  (*out)["TmpfsOptions"] = std::move(tmpfs);
}

std::string Octal(std::uint32_t mode) {
  std::string out;
  do {
    out.insert(out.begin(), static_cast<char>('0' + mode % 8));
    mode /= 8;
  } while (mode != 0);
  return out;
}

std::string SizeText(std::int64_t bytes) {
  constexpr std::int64_t kStep = 1024;
  const char* suffix = "";
  for (const char* larger : {"k", "m", "g"}) {
    if (bytes % kStep != 0) break;
    bytes /= kStep;
    suffix = larger;
  }
  return std::to_string(bytes) + suffix;
}

// "ro,mode=1777,size=64m,exec"
std::string TmpfsText(const pb::Mount& mount) {
  std::string out;
  const auto add = [&out](const std::string& option) { out += (out.empty() ? "" : ",") + option; };
  const auto& options = mount.tmpfs_options();
  if (mount.readonly()) add("ro");
  if (options.mode() != 0) add("mode=" + Octal(options.mode()));
  if (options.size_bytes() > 0) add("size=" + SizeText(options.size_bytes()));
  add(options.options());
  return out;
}

const char* TypeName(pb::Mount::Type type) {
  if (type == pb::Mount::BIND) return "bind";
  if (type == pb::Mount::TMPFS) return "tmpfs";
  if (type == pb::Mount::NPIPE) return "npipe";
  return "volume";
}

Result<json> MountBody(const pb::Mount& mount, const CreateContext& context) {
  json out = {{"Type", TypeName(mount.type())}, {"Target", mount.target()}};
  if (!mount.source().empty()) out["Source"] = mount.source();
  if (mount.readonly()) out["ReadOnly"] = true;
  if (mount.type() == pb::Mount::BIND) {
    SWARM_RETURN_IF_ERROR(AddBindOptions(mount, context, &out));
  } else if (mount.type() == pb::Mount::VOLUME) {
    SWARM_RETURN_IF_ERROR(AddVolumeOptions(mount, context, &out));
  } else if (mount.type() == pb::Mount::TMPFS) {
    AddTmpfsOptions(mount, &out);
  }
  return out;
}

}  // namespace

Status AddMounts(const pb::ContainerSpec& spec, const CreateContext& context, json* host_config) {
  for (const pb::Mount& mount : spec.mounts()) {
    // Only this older form takes options as text on every engine.
    if (mount.type() == pb::Mount::TMPFS && !mount.tmpfs_options().options().empty()) {
      (*host_config)["Tmpfs"][mount.target()] = TmpfsText(mount);
      continue;
    }
    SWARM_ASSIGN_OR_RETURN(json body, MountBody(mount, context));
    (*host_config)["Mounts"].push_back(std::move(body));
  }
  for (const BoundFile& file : context.files) {
    (*host_config)["Mounts"].push_back(
        {{"Type", "bind"}, {"Source", file.source}, {"Target", file.target}, {"ReadOnly", true}});
  }
  return {};
}

std::vector<json> VolumeBodies(const pb::ContainerSpec& spec) {
  std::vector<json> out;
  for (const pb::Mount& mount : spec.mounts()) {
    const auto& options = mount.volume_options();
    if (mount.type() != pb::Mount::VOLUME || mount.source().empty()) continue;
    if (!options.has_driver_config()) continue;
    const json driver = DriverConfig(options.driver_config());
    out.push_back({{"Name", mount.source()},
                   {"Driver", driver["Name"]},
                   {"DriverOpts", driver["Options"]},
                   {"Labels", Labels(options)}});
  }
  return out;
}

}  // namespace swarm::executor_docker
