// What a service's containers see of files: mounts, secrets and configs.
#include <algorithm>
#include <string>
#include <utility>

#include "service_flags.h"
#include "words.h"

namespace swarm::ctl {
namespace {

constexpr std::uint32_t kReadAll = 0444;

Status Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

Status AddPairs(const Flags& flags, const std::string& flag, pb::Mount::Type type,
                pb::ContainerSpec* spec) {
  for (const std::string& text : flags.Strings(flag)) {
    const auto colon = text.find(':');
    if (colon == std::string::npos) return Bad(flag + " format \"" + text + "\" not supported");
    auto* mount = spec->add_mounts();
    mount->set_type(type);
    mount->set_source(text.substr(0, colon));
    mount->set_target(text.substr(colon + 1));
  }
  return Status::Ok();
}

Status ApplyTmpfsOption(const std::string& option, pb::Mount* mount) {
  if (option.starts_with("size=")) {
    const auto size = ParseMemory(option.substr(5));
    if (!size.ok()) return Bad("invalid size format: " + option);
    mount->mutable_tmpfs_options()->set_size_bytes(*size);
    return Status::Ok();
  }
  if (option.starts_with("mode=")) {
    SWARM_ASSIGN_OR_RETURN(const auto mode, ParseUint(option.substr(5), 8, 32));
    mount->mutable_tmpfs_options()->set_mode(static_cast<std::uint32_t>(mode));
    return Status::Ok();
  }
  if (option == "ro") {
    mount->set_readonly(true);
  } else if (option == "rw") {
    mount->set_readonly(false);
  } else if (option == "exec" || option == "noexec") {
    mount->mutable_tmpfs_options()->set_options(option);
  } else {
    return Bad("unsupported flag");
  }
  return Status::Ok();
}

struct NameAndTarget {
  std::string name;
  std::string target;
};

// "name" or "name:target".
Result<NameAndTarget> ParseReference(const std::string& text, const std::string& word) {
  const auto colon = text.find(':');
  NameAndTarget out{text.substr(0, colon), text.substr(0, colon)};
  if (out.name.empty()) return Bad("invalid " + word + " name provided");
  if (colon != std::string::npos) out.target = text.substr(colon + 1);
  if (out.target.empty()) return Bad("invalid presentation name provided");
  return out;
}

// With an owner, since a Docker Engine starts no container without.
void SetFile(const std::string& target, pb::FileTarget* file) {
  file->set_name(target);
  file->set_uid("0");
  file->set_gid("0");
  file->set_mode(kReadAll);
}

Status AddSecret(Client& client, const std::string& text, pb::ContainerSpec* spec) {
  SWARM_ASSIGN_OR_RETURN(const NameAndTarget wanted, ParseReference(text, "secret"));
  pb::ListSecretsRequest request;
  request.mutable_filters()->add_names(wanted.name);
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         client.Call<pb::ListSecretsResponse>("ListSecrets", request));
  if (found.secrets().empty()) return Bad("secret not found: " + wanted.name);
  auto* reference = spec->add_secrets();
  reference->set_secret_id(found.secrets(0).id());
  reference->set_secret_name(wanted.name);
  SetFile(wanted.target, reference->mutable_file());
  return Status::Ok();
}

Status AddConfig(Client& client, const std::string& text, pb::ContainerSpec* spec) {
  SWARM_ASSIGN_OR_RETURN(const NameAndTarget wanted, ParseReference(text, "config"));
  pb::ListConfigsRequest request;
  request.mutable_filters()->add_names(wanted.name);
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         client.Call<pb::ListConfigsResponse>("ListConfigs", request));
  if (found.configs().empty()) return Bad("config not found: " + wanted.name);
  auto* reference = spec->add_configs();
  reference->set_config_id(found.configs(0).id());
  reference->set_config_name(wanted.name);
  SetFile(wanted.target, reference->mutable_file());
  return Status::Ok();
}

}  // namespace

Result<pb::Mount> ParseTmpfs(std::string_view text) {
  const auto colon = text.find(':');
  pb::Mount mount;
  mount.set_type(pb::Mount::TMPFS);
  mount.set_target(std::string(text.substr(0, colon)));
  if (mount.target().empty()) return Bad("invalid mount spec: " + std::string(text));
  if (colon == std::string_view::npos) return mount;
  SWARM_ASSIGN_OR_RETURN(const auto options, ParseCsv(text.substr(colon + 1)));
  for (const std::string& option : options) {
    SWARM_RETURN_IF_ERROR(ApplyTmpfsOption(option, &mount));
  }
  return mount;
}

Status ApplyMounts(const Flags& flags, pb::ContainerSpec* spec) {
  const auto gone = flags.Strings("rm-mount");
  auto* mounts = spec->mutable_mounts();
  mounts->erase(std::remove_if(mounts->begin(), mounts->end(),
                               [&gone](const pb::Mount& m) {
                                 return std::find(gone.begin(), gone.end(), m.target()) !=
                                        gone.end();
                               }),
                mounts->end());
  for (const std::string& text : flags.Strings("mount")) {
    SWARM_ASSIGN_OR_RETURN(*spec->add_mounts(), ParseMount(text));
  }
  SWARM_RETURN_IF_ERROR(AddPairs(flags, "bind", pb::Mount::BIND, spec));
  for (const std::string& target : flags.Strings("volume")) {
    if (target.find(':') != std::string::npos) {
      return Bad("volume format \"" + target + "\" not supported");
    }
    auto* mount = spec->add_mounts();
    mount->set_type(pb::Mount::VOLUME);
    mount->set_target(target);
  }
  for (const std::string& text : flags.Strings("tmpfs")) {
    SWARM_ASSIGN_OR_RETURN(*spec->add_mounts(), ParseTmpfs(text));
  }
  return AddPairs(flags, "npipe", pb::Mount::NPIPE, spec);
}

Status ApplyReferences(const Flags& flags, Client& client, pb::ContainerSpec* spec) {
  const auto without = [](auto* list, const auto& names, const auto& name_of) {
    list->erase(std::remove_if(list->begin(), list->end(),
                               [&](const auto& r) {
                                 return std::find(names.begin(), names.end(), name_of(r)) !=
                                        names.end();
                               }),
                list->end());
  };
  without(spec->mutable_secrets(), flags.Strings("rm-secret"),
          [](const pb::SecretReference& r) { return r.secret_name(); });
  without(spec->mutable_configs(), flags.Strings("rm-config"),
          [](const pb::ConfigReference& r) { return r.config_name(); });
  for (const char* flag : {"secret", "add-secret"}) {
    for (const std::string& text : flags.Strings(flag)) {
      SWARM_RETURN_IF_ERROR(AddSecret(client, text, spec));
    }
  }
  for (const char* flag : {"config", "add-config"}) {
    for (const std::string& text : flags.Strings(flag)) {
      SWARM_RETURN_IF_ERROR(AddConfig(client, text, spec));
    }
  }
  return Status::Ok();
}

}  // namespace swarm::ctl
