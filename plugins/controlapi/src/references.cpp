// A container's references to secrets and configs, as written.
#include <map>
#include <string>

#include "errors.h"
#include "service_spec.h"

namespace swarm::controlapi {
namespace {

// What differs between the two kinds of reference.
struct View {
  const std::string& id;
  const std::string& name;
  bool has_target;
  bool to_file;
  const std::string& file;
};

View Of(const pb::SecretReference& r) {
  return {r.secret_id(), r.secret_name(), r.has_file(), r.has_file(), r.file().name()};
}
View Of(const pb::ConfigReference& r) {
  return {r.config_id(), r.config_name(), r.target_case() != pb::ConfigReference::TARGET_NOT_SET,
          r.has_file(), r.file().name()};
}

template <class References>
Status CheckAll(const References& references, const std::string& word) {
  std::map<std::string, std::string> by_file;
  for (const auto& reference : references) {
    const View r = Of(reference);
    if (r.id.empty() || r.name.empty()) return Invalid("malformed " + word + " reference");
    if (!r.has_target) return Invalid("malformed " + word + " reference, no target provided");
    if (!r.to_file) continue;
    if (r.file.empty()) {
      return Invalid("malformed file " + word + " reference, invalid target file name provided");
    }
    const auto [other, fresh] = by_file.emplace(r.file, r.name);
    if (!fresh) {
      return Invalid(word + " references '" + other->second + "' and '" + r.name +
                     "' have a conflicting target: '" + r.file + "'");
    }
  }
  return Status::Ok();
}

Status CheckCredentialSpec(const pb::ContainerSpec& spec) {
  const auto& credentials = spec.privileges().credential_spec();
  if (credentials.source_case() != pb::Privileges::CredentialSpec::kConfig) return Status::Ok();
  for (const pb::ConfigReference& r : spec.configs()) {
    if (r.has_runtime() && r.config_id() == credentials.config()) return Status::Ok();
  }
  return Invalid("CredentialSpec references config '" + credentials.config() +
                 "', but that config isn't in config references with RuntimeTarget");
}

}  // namespace

Status CheckReferences(const pb::ContainerSpec& spec) {
  SWARM_RETURN_IF_ERROR(CheckAll(spec.secrets(), "secret"));
  SWARM_RETURN_IF_ERROR(CheckAll(spec.configs(), "config"));
  return CheckCredentialSpec(spec);
}

}  // namespace swarm::controlapi
