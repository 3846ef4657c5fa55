// --mount: one mount as key=value pairs.
#include <array>
#include <string>
#include <utility>

#include "service_flags.h"
#include "words.h"

namespace swarm::ctl {
namespace {

Status Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

template <class Enum>
Status SetWord(const std::string& key, const std::string& value,
               bool (*parse)(google::protobuf::ConstStringParam, Enum*), Enum* out) {
  std::string upper = value;
  for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return parse(upper, out) ? Status::Ok() : Bad("invalid value for " + key + ": " + value);
}

// `value` is "true" when the key stands alone.
Result<bool> Truth(const std::string& key, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return Bad("invalid value for " + key + ": " + value);
}

Status SetPair(const std::string& value, google::protobuf::Map<std::string, std::string>* map) {
  const auto equal = value.find('=');
  (*map)[value.substr(0, equal)] = equal == std::string::npos ? "" : value.substr(equal + 1);
  return Status::Ok();
}

Status SetBindOption(const std::string& key, const std::string& value, pb::Mount* mount) {
  if (key == "bind-propagation") {
    pb::Mount::BindOptions::Propagation propagation{};
    SWARM_RETURN_IF_ERROR(
        SetWord(key, value, &pb::Mount::BindOptions::Propagation_Parse, &propagation));
    mount->mutable_bind_options()->set_propagation(propagation);
    return Status::Ok();
  }
  if (key == "bind-nonrecursive") {
    SWARM_ASSIGN_OR_RETURN(const bool truth, Truth(key, value));
    mount->mutable_bind_options()->set_nonrecursive(truth);
    return Status::Ok();
  }
  return Bad("unknown option of a mount: " + key);
}

Status SetVolumeOption(const std::string& key, const std::string& value, pb::Mount* mount) {
  auto* options = mount->mutable_volume_options();
  if (key == "volume-driver") {
    options->mutable_driver_config()->set_name(value);
  } else if (key == "volume-opt") {
    return SetPair(value, options->mutable_driver_config()->mutable_options());
  } else if (key == "volume-label") {
    return SetPair(value, options->mutable_labels());
  } else if (key == "volume-nocopy") {
    SWARM_ASSIGN_OR_RETURN(const bool truth, Truth(key, value));
    options->set_nocopy(truth);
  } else if (key == "volume-subpath") {
    options->set_subpath(value);
  } else {
    return Bad("unknown option of a mount: " + key);
  }
  return Status::Ok();
}

Status SetTmpfsOption(const std::string& key, const std::string& value, pb::Mount* mount) {
  auto* options = mount->mutable_tmpfs_options();
  if (key == "tmpfs-size") {
    SWARM_ASSIGN_OR_RETURN(const auto bytes, ParseMemory(value));
    options->set_size_bytes(bytes);
  } else if (key == "tmpfs-mode") {
    SWARM_ASSIGN_OR_RETURN(const auto mode, ParseUint(value, 8, 32));
    options->set_mode(static_cast<std::uint32_t>(mode));
  } else {
    return Bad("unknown option of a mount: " + key);
  }
  return Status::Ok();
}

Status SetField(const std::string& key, const std::string& value, pb::Mount* mount) {
  if (key == "type") {
    pb::Mount::Type type{};
    SWARM_RETURN_IF_ERROR(SetWord(key, value, &pb::Mount::Type_Parse, &type));
    mount->set_type(type);
  } else if (key == "source" || key == "src") {
    mount->set_source(value);
  } else if (key == "target" || key == "dst" || key == "destination") {
    mount->set_target(value);
  } else if (key == "readonly" || key == "ro") {
    SWARM_ASSIGN_OR_RETURN(const bool truth, Truth(key, value));
    mount->set_readonly(truth);
  } else if (key == "consistency") {
    pb::Mount::Consistency consistency{};
    SWARM_RETURN_IF_ERROR(SetWord(key, value, &pb::Mount::Consistency_Parse, &consistency));
    mount->set_consistency(consistency);
  } else if (key.starts_with("bind-")) {
    return SetBindOption(key, value, mount);
  } else if (key.starts_with("volume-")) {
    return SetVolumeOption(key, value, mount);
  } else if (key.starts_with("tmpfs-")) {
    return SetTmpfsOption(key, value, mount);
  } else {
    return Bad("unknown option of a mount: " + key);
  }
  return Status::Ok();
}

}  // namespace

Result<pb::Mount> ParseMount(std::string_view text) {
  SWARM_ASSIGN_OR_RETURN(const auto fields, ParseCsv(text));
  pb::Mount out;
  out.set_type(pb::Mount::VOLUME);
  for (const std::string& field : fields) {
    const auto equal = field.find('=');
    const std::string value = equal == std::string::npos ? "true" : field.substr(equal + 1);
    SWARM_RETURN_IF_ERROR(SetField(Lower(field.substr(0, equal)), value, &out));
  }
  if (out.target().empty()) return Bad("a mount needs a target: " + std::string(text));
  return out;
}

}  // namespace swarm::ctl
