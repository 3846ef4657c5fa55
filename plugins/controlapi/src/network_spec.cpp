#include "network_spec.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "constraint/constraint.h"
#include "errors.h"
#include "names.h"

namespace swarm::controlapi {
namespace {

constexpr std::array<std::string_view, 6> kBuiltInDrivers = {"overlay", "bridge", "macvlan",
                                                             "ipvlan",  "host",   "remote"};

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Other drivers are plugins of engines, which a manager without an engine cannot look up.
Status NoPlugin(const std::string& name) { return Invalid("plugin " + name + " not supported"); }

Status NoName() { return Invalid("driver name: if driver is specified name is required"); }

Status CheckDriver(const pb::NetworkSpec& spec) {
  if (!spec.has_driver_config()) return Status::Ok();
  const std::string& name = spec.driver_config().name();
  if (spec.ingress() && name != "overlay") {
    return Unimplemented("only overlay driver is currently supported for ingress network");
  }
  if (name.empty()) return NoName();
  const auto* end = kBuiltInDrivers.end();
  return std::find(kBuiltInDrivers.begin(), end, Lower(name)) == end ? NoPlugin(name)
                                                                     : Status::Ok();
}

Status CheckIpamDriver(const pb::IPAMOptions& ipam) {
  if (!ipam.has_driver()) return Status::Ok();
  const std::string& name = ipam.driver().name();
  if (name.empty()) return NoName();
  return Lower(name) == "default" ? Status::Ok() : NoPlugin(name);
}

Status BadIpam(const std::string& what) { return Invalid("ipam configuration: " + what); }

Status NotInside(const pb::IPAMConfig& config, const std::string& what) {
  return BadIpam("subnet " + config.subnet() + " does not contain " + what);
}

// Of a range only the first address is looked at, as peers do.
Status CheckRange(const pb::IPAMConfig& config, const constraint::Subnet& subnet) {
  if (config.range().empty()) return Status::Ok();
  auto range = constraint::ParseSubnet(config.range());
  if (!range) return BadIpam("invalid range " + config.range());
  range->prefix_bits = range->length * 8;
  return subnet.Contains(*range) ? Status::Ok() : NotInside(config, "range " + config.range());
}

Status CheckGateway(const pb::IPAMConfig& config, const constraint::Subnet& subnet) {
  if (config.gateway().empty()) return Status::Ok();
  const auto gateway = constraint::ParseAddress(config.gateway());
  if (!gateway) return BadIpam("invalid gateway " + config.gateway());
  return subnet.Contains(*gateway) ? Status::Ok()
                                   : NotInside(config, "gateway " + config.gateway());
}

Status CheckIpam(const pb::IPAMOptions& ipam) {
  SWARM_RETURN_IF_ERROR(CheckIpamDriver(ipam));
  for (const pb::IPAMConfig& config : ipam.configs()) {
    const auto subnet = constraint::ParseSubnet(config.subnet());
    if (!subnet) return BadIpam("invalid subnet " + config.subnet());
    SWARM_RETURN_IF_ERROR(CheckRange(config, *subnet));
    SWARM_RETURN_IF_ERROR(CheckGateway(config, *subnet));
  }
  return Status::Ok();
}

}  // namespace

Status CheckNetworkSpec(const pb::NetworkSpec& spec) {
  if (spec.attachable() && spec.ingress()) return Invalid("ingress network cannot be attachable");
  SWARM_RETURN_IF_ERROR(CheckName(spec.annotations().name()));
  if (spec.annotations().labels().contains(kPredefinedLabel)) {
    return {Code::kPermissionDenied, std::string("label ") + kPredefinedLabel +
                                         " is for internally created predefined networks and "
                                         "cannot be applied by users"};
  }
  SWARM_RETURN_IF_ERROR(CheckDriver(spec));
  return CheckIpam(spec.ipam());
}

}  // namespace swarm::controlapi
