#include "networking.h"

#include <utility>

#include "names.h"

namespace swarm::executor_docker {
namespace {

using nlohmann::json;

json Ipam(const pb::IPAMOptions& ipam) {
  json out = {{"Driver", ipam.driver().name().empty() ? "default" : ipam.driver().name()}};
  for (const auto& [key, value] : ipam.driver().options()) out["Options"][key] = value;
  for (const pb::IPAMConfig& config : ipam.configs()) {
    json entry = json::object();
    if (!config.subnet().empty()) entry["Subnet"] = config.subnet();
    if (!config.range().empty()) entry["IPRange"] = config.range();
    if (!config.gateway().empty()) entry["Gateway"] = config.gateway();
    out["Config"].push_back(std::move(entry));
  }
  return out;
}

json CreateNetworkBody(const pb::Network& network) {
  const pb::NetworkSpec& spec = network.spec();
  const pb::Driver& driver =
      network.has_driver_state() ? network.driver_state() : spec.driver_config();
  if (driver.name().empty()) return nullptr;
  json body = {{"Name", spec.annotations().name()},
               {"CheckDuplicate", true},
               {"Driver", driver.name()},
               {"Labels", json::object()}};
  for (const auto& [key, value] : driver.options()) body["Options"][key] = value;
  for (const auto& [key, value] : spec.annotations().labels()) body["Labels"][key] = value;
  body["Labels"][std::string(kLabelNetworkId)] = network.id();
  if (spec.internal()) body["Internal"] = true;
  if (spec.attachable()) body["Attachable"] = true;
  if (spec.ipv6_enabled()) body["EnableIPv6"] = true;
  if (!spec.network().empty()) body["ConfigFrom"] = {{"Network", spec.network()}};
  const pb::IPAMOptions& ipam = network.has_ipam() ? network.ipam() : spec.ipam();
  if (ipam.has_driver() || ipam.configs_size() > 0) body["IPAM"] = Ipam(ipam);
  return body;
}

// The last address of each kind counts.
json Addresses(const pb::NetworkAttachment& attachment) {
  json out = json::object();
  for (const std::string& address : attachment.addresses()) {
    const std::string plain = address.substr(0, address.find('/'));
    const bool six = plain.find(':') != std::string::npos;
    if (!plain.empty()) out[six ? "IPv6Address" : "IPv4Address"] = plain;
  }
  return out;
}

// The engine resolves these within the network; a service's name leads to all its tasks here.
void AddAliases(const pb::Task& task, const pb::NetworkAttachment& attachment, json* endpoint) {
  json& aliases = (*endpoint)["Aliases"];
  aliases = json::array();
  for (const std::string& alias : attachment.aliases()) aliases.push_back(alias);
  const std::string& service = task.service_annotations().name();
  if (service.empty()) return;
  aliases.push_back(service);
  aliases.push_back("tasks." + service);
}

json Endpoint(const pb::Task& task, const pb::NetworkAttachment& attachment, bool predefined) {
  json out = json::object();
  json addresses = Addresses(attachment);
  if (!addresses.empty()) out["IPAMConfig"] = std::move(addresses);
  for (const auto& [key, value] : attachment.driver_attachment_opts()) {
    out["DriverOpts"][key] = value;
  }
  // The networks that come with an engine have no name service.
  if (!predefined) AddAliases(task, attachment, &out);
  return out;
}

}  // namespace

std::vector<TaskNetwork> NetworksOf(const pb::Task& task) {
  std::vector<TaskNetwork> out;
  for (const pb::NetworkAttachment& attachment : task.networks()) {
    const pb::Network& network = attachment.network();
    TaskNetwork one;
    one.name = network.spec().annotations().name();
    one.id = network.id();
    const auto& labels = network.spec().annotations().labels();
    const auto label = labels.find(std::string(kLabelPredefined));
    one.predefined = label != labels.end() && label->second == "true";
    if (!one.predefined) one.create = CreateNetworkBody(network);
    one.endpoint = Endpoint(task, attachment, one.predefined);
    out.push_back(std::move(one));
  }
  return out;
}

void AddFirstNetwork(const pb::Task& task, json* body) {
  auto networks = NetworksOf(task);
  if (networks.empty()) return;
  TaskNetwork& first = networks.front();
  (*body)["HostConfig"]["NetworkMode"] = first.name;
  (*body)["NetworkingConfig"]["EndpointsConfig"][first.name] = std::move(first.endpoint);
}

}  // namespace swarm::executor_docker
