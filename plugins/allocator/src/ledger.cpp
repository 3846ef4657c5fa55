#include "ledger.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

namespace swarm::allocator {
namespace {

using google::protobuf::util::MessageDifferencer;

// Networks at the service instead of its tasks: deprecated, but services of old clients have them.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
const auto& OldNetworks(const pb::ServiceSpec& spec) { return spec.networks(); }
#pragma GCC diagnostic pop

bool UsesDnsRoundRobin(const pb::Service& service) {
  return service.spec().endpoint().mode() == pb::EndpointSpec::DNSRR;
}

Status WaitFor(const std::string& network, const std::string& why) {
  return {Code::kUnavailable, "waiting for network " + network + ": " + why};
}

std::string NameOf(const pb::Network& network) { return network.spec().annotations().name(); }

Status NoIngress() {
  return {Code::kUnavailable, "ingress network is missing: make one, or publish in host mode"};
}

const pb::Endpoint::VirtualIP* FindVip(const pb::Endpoint& endpoint, const std::string& network) {
  for (const auto& vip : endpoint.virtual_ips()) {
    if (vip.network_id() == network) return &vip;
  }
  return nullptr;
}

bool SameSpec(const pb::Service& service) {
  return service.spec().has_endpoint() == service.endpoint().has_spec() &&
         MessageDifferencer::Equals(service.spec().endpoint(), service.endpoint().spec());
}

}  // namespace

std::vector<pb::NetworkAttachmentConfig> NetworksOf(const pb::ServiceSpec& spec) {
  const auto& networks = spec.task().networks();
  const auto& chosen = networks.empty() ? OldNetworks(spec) : networks;
  return {chosen.begin(), chosen.end()};
}

std::shared_ptr<const pb::Network> FindIngress(const Reader& reader) {
  std::shared_ptr<const pb::Network> found;
  // A table without this query would be a defect of the store; no network is the safe reading.
  (void)reader.FindMessages(Table::kNetwork, By::All(), [&found](const MessagePtr& message) {
    auto network = std::static_pointer_cast<const pb::Network>(message);
    if (IsIngress(*network)) found = std::move(network);
    return found == nullptr;
  });
  return found;
}

Status Ledger::RestoreAddress(const std::string& network, const std::string& address, Held* held) {
  if (address.empty() || !networks_.Knows(network) || networks_.IsLocal(network)) {
    return Status::Ok();
  }
  const auto taken = networks_.TakeAddress(network, address);
  if (taken.ok()) held->emplace_back(network, *taken);
  return taken.status();
}

Status Ledger::RestoreService(const pb::Service& service) {
  Held held;
  Status wrong;
  for (const auto& vip : service.endpoint().virtual_ips()) {
    const Status status = RestoreAddress(vip.network_id(), vip.addr(), &held);
    if (!status.ok()) wrong = status;
  }
  if (!held.empty()) services_[service.id()] = std::move(held);
  if (!ports_.Restore(service)) wrong = {Code::kAlreadyExists, "one of its ports is another's"};
  return wrong;
}

Status Ledger::RestoreTask(const swarm::Task& task) {
  if (!task.extras) return Status::Ok();
  Held held;
  Status wrong;
  for (const auto& attachment : task.extras->networks) {
    if (attachment.addresses().empty()) continue;
    const Status status = RestoreAddress(attachment.network().id(), attachment.addresses(0), &held);
    if (!status.ok()) wrong = status;
  }
  if (!held.empty()) tasks_[task.id] = std::move(held);
  return wrong;
}

Status Ledger::RestoreNode(const pb::Node& node) {
  Held held;
  Status wrong;
  for (const auto& attachment : node.attachments()) {
    if (attachment.addresses().empty()) continue;
    const Status status = RestoreAddress(attachment.network().id(), attachment.addresses(0), &held);
    if (!status.ok()) wrong = status;
  }
  if (!held.empty()) nodes_[node.id()] = std::move(held);
  return wrong;
}

void Ledger::Resume() {
  networks_.Resume();
  ports_.Resume();
}

Result<std::vector<std::string>> Ledger::VirtualNetworks(const pb::Service& service,
                                                         const Reader& reader) const {
  std::vector<std::string> wanted;
  if (UsesDnsRoundRobin(service)) return wanted;
  if (PublishesIngress(service.spec())) {
    const auto ingress = FindIngress(reader);
    if (!ingress) return NoIngress();
    wanted.push_back(ingress->id());
  }
  for (const auto& network : NetworksOf(service.spec())) wanted.push_back(network.target());
  for (const std::string& id : wanted) {
    const auto network = reader.Get<pb::Network>(id);
    if (!network) return WaitFor(id, "there is no such network");
    if (!IsAllocated(*network) || !networks_.Knows(id)) {
      return WaitFor(NameOf(*network), "it has no addresses yet");
    }
  }
  return wanted;
}

Status Ledger::TakeVirtualIps(const pb::Service& service, const std::vector<std::string>& wanted,
                              pb::Endpoint* endpoint) {
  const auto& before = services_[service.id()];
  const auto holds = [&before](const pb::Endpoint::VirtualIP& vip) {
    return std::find(before.begin(), before.end(), std::pair(vip.network_id(), vip.addr())) !=
           before.end();
  };
  for (const auto& vip : service.endpoint().virtual_ips()) {
    const bool is_wanted =
        std::find(wanted.begin(), wanted.end(), vip.network_id()) != wanted.end();
    const bool is_right = networks_.IsLocal(vip.network_id()) ? vip.addr().empty() : holds(vip);
    if (is_wanted && is_right) *endpoint->add_virtual_ips() = vip;
  }
  Held fresh;
  for (const std::string& id : wanted) {
    if (FindVip(*endpoint, id)) continue;
    auto address = networks_.TakeAddress(id, "");
    if (!address.ok()) {
      Give(fresh);
      return WaitFor(id, address.status().message());
    }
    auto* vip = endpoint->add_virtual_ips();
    vip->set_network_id(id);
    vip->set_addr(*address);
    if (!address->empty()) fresh.emplace_back(id, *std::move(address));
  }
  return Status::Ok();
}

Result<std::optional<pb::Endpoint>> Ledger::Service(const pb::Service& service,
                                                    const Reader& reader) {
  const pb::ServiceSpec& spec = service.spec();
  const bool asks = !spec.endpoint().ports().empty() ||
                    (!UsesDnsRoundRobin(service) && !NetworksOf(spec).empty());
  // What asks for nothing and has nothing is not written to.
  if (!asks && !service.has_endpoint()) return std::optional<pb::Endpoint>();
  SWARM_ASSIGN_OR_RETURN(const auto wanted, VirtualNetworks(service, reader));
  pb::Endpoint endpoint;
  if (spec.has_endpoint()) *endpoint.mutable_spec() = spec.endpoint();
  SWARM_RETURN_IF_ERROR(TakeVirtualIps(service, wanted, &endpoint));
  Held now;
  for (const auto& vip : endpoint.virtual_ips()) {
    if (!vip.addr().empty()) now.emplace_back(vip.network_id(), vip.addr());
  }
  Held& held = services_[service.id()];
  const auto only_in = [](const Held& a, const Held& b) {
    Held out;
    for (const auto& one : a) {
      if (std::find(b.begin(), b.end(), one) == b.end()) out.push_back(one);
    }
    return out;
  };
  if (SameSpec(service) && PortsFit(service)) {
    *endpoint.mutable_ports() = service.endpoint().ports();
  } else {
    auto ports = ports_.Allocate(service);
    if (!ports.ok()) {
      Give(only_in(now, held));
      return ports.status();
    }
    endpoint.mutable_ports()->Assign(ports->begin(), ports->end());
  }
  Give(only_in(held, now));
  held = std::move(now);
  if (held.empty()) services_.erase(service.id());
  if (service.has_endpoint() && MessageDifferencer::Equals(endpoint, service.endpoint())) {
    return std::optional<pb::Endpoint>();
  }
  return std::optional<pb::Endpoint>(std::move(endpoint));
}

Result<std::vector<pb::NetworkAttachment>> Ledger::Wanted(const swarm::Task& task,
                                                          const pb::Service* service,
                                                          const Reader& reader) const {
  std::vector<pb::NetworkAttachment> out;
  if (service && PublishesIngress(service->spec())) {
    const auto ingress = FindIngress(reader);
    if (!ingress) return NoIngress();
    *out.emplace_back().mutable_network() = *ingress;
  }
  std::vector<pb::NetworkAttachmentConfig> configs(task.spec->networks().begin(),
                                                   task.spec->networks().end());
  if (configs.empty() && service) {
    const auto& old = OldNetworks(service->spec());
    configs.assign(old.begin(), old.end());
  }
  for (const auto& config : configs) {
    const auto network = reader.Get<pb::Network>(config.target());
    if (!network) return WaitFor(config.target(), "there is no such network");
    auto& attachment = out.emplace_back();
    *attachment.mutable_network() = *network;
    *attachment.mutable_aliases() = config.aliases();
    *attachment.mutable_addresses() = config.addresses();
    *attachment.mutable_driver_attachment_opts() = config.driver_attachment_opts();
  }
  for (const auto& attachment : out) {
    if (!IsAllocated(attachment.network()) || !networks_.Knows(attachment.network().id())) {
      return WaitFor(NameOf(attachment.network()), "it has no addresses yet");
    }
  }
  return out;
}

Result<std::vector<pb::NetworkAttachment>> Ledger::Task(const swarm::Task& task,
                                                        const pb::Service* service,
                                                        const Reader& reader) {
  // A leader before this one had begun with it.
  if (tasks_.contains(task.id) && task.extras && !task.extras->networks.empty()) {
    return task.extras->networks;
  }
  FreeTask(task.id);
  SWARM_ASSIGN_OR_RETURN(auto attachments, Wanted(task, service, reader));
  Held held;
  for (auto& attachment : attachments) {
    const std::string preferred =
        attachment.addresses().empty() ? std::string() : attachment.addresses(0);
    auto address = networks_.TakeAddress(attachment.network().id(), preferred);
    if (!address.ok()) {
      Give(held);
      return WaitFor(NameOf(attachment.network()), address.status().message());
    }
    attachment.clear_addresses();
    if (address->empty()) continue;
    attachment.add_addresses(*address);
    held.emplace_back(attachment.network().id(), *std::move(address));
  }
  if (!held.empty()) tasks_[task.id] = std::move(held);
  return attachments;
}

std::vector<pb::NetworkAttachment> Ledger::Node(const pb::Node& node,
                                                const std::set<std::string>& needed,
                                                const Reader& reader,
                                                std::set<std::string>* short_of) {
  const Held before = nodes_[node.id()];
  std::vector<pb::NetworkAttachment> out;
  Held now;
  std::set<std::string> open = needed;
  for (const auto& attachment : node.attachments()) {
    const std::string& id = attachment.network().id();
    if (attachment.addresses().empty() || !open.contains(id)) continue;
    const std::pair<std::string, std::string> held(id, attachment.addresses(0));
    if (std::find(before.begin(), before.end(), held) == before.end()) continue;
    open.erase(id);
    out.push_back(attachment);
    now.push_back(held);
  }
  for (const auto& held : before) {
    if (std::find(now.begin(), now.end(), held) == now.end()) {
      networks_.FreeAddress(held.first, held.second);
    }
  }
  for (const std::string& id : open) {
    const auto network = reader.Get<pb::Network>(id);
    if (!network || !IsAllocated(*network) || networks_.IsLocal(id)) continue;
    // An attachment without address crashes engines: rather none at all.
    auto address = networks_.TakeAddress(id, "");
    if (!address.ok()) {
      short_of->insert(NameOf(*network));
      continue;
    }
    auto& attachment = out.emplace_back();
    *attachment.mutable_network() = *network;
    attachment.add_addresses(*address);
    now.emplace_back(id, *std::move(address));
  }
  if (now.empty()) {
    nodes_.erase(node.id());
  } else {
    nodes_[node.id()] = std::move(now);
  }
  return out;
}

void Ledger::Give(const Held& held) {
  for (const auto& [network, address] : held) networks_.FreeAddress(network, address);
}

bool Ledger::Free(Holders* holders, const std::string& id) {
  const auto found = holders->find(id);
  if (found == holders->end()) return false;
  Give(found->second);
  const bool any = !found->second.empty();
  holders->erase(found);
  return any;
}

bool Ledger::FreeNetwork(const std::string& id) {
  if (!networks_.Knows(id)) return false;
  networks_.Free(id);
  for (Holders* holders : {&services_, &tasks_, &nodes_}) {
    for (auto& [owner, held] : *holders) {
      std::erase_if(held, [&id](const auto& one) { return one.first == id; });
    }
  }
  return true;
}

bool Ledger::FreeService(const std::string& id) {
  const bool had_ports = ports_.Free(id);
  return Free(&services_, id) || had_ports;
}

bool Ledger::FreeTask(const std::string& id) { return Free(&tasks_, id); }

bool Ledger::FreeNode(const std::string& id) { return Free(&nodes_, id); }

}  // namespace swarm::allocator
