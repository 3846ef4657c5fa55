#include "ports.h"

#include <algorithm>
#include <utility>

namespace swarm::allocator {
namespace {

// What is handed out when a service names no number.
constexpr std::uint32_t kFirstDynamic = 30'000;
constexpr std::uint32_t kLastDynamic = 32'767;

bool IsIngressPort(const pb::PortConfig& port) {
  return port.publish_mode() == pb::PortConfig::INGRESS;
}

bool SameTarget(const pb::PortConfig& a, const pb::PortConfig& b) {
  return a.name() == b.name() && a.protocol() == b.protocol() &&
         a.target_port() == b.target_port() && a.publish_mode() == b.publish_mode();
}

// The allocated ports that a spec's ports may keep.
class Leftovers {
 public:
  explicit Leftovers(const pb::Service& service) {
    const auto& ports = service.endpoint().ports();
    if (ports.size() != service.spec().endpoint().ports().size()) return;
    for (const auto& port : ports) {
      if (IsIngressPort(port)) ports_.push_back(port);
    }
  }
  // The number of one that serves the same target, if any; each is given once.
  std::uint32_t Claim(const pb::PortConfig& wanted) {
    for (auto port = ports_.begin(); port != ports_.end(); ++port) {
      const bool number_fits =
          wanted.published_port() == 0 || wanted.published_port() == port->published_port();
      if (!SameTarget(*port, wanted) || !number_fits) continue;
      const std::uint32_t number = port->published_port();
      ports_.erase(port);
      return number;
    }
    return 0;
  }

 private:
  std::vector<pb::PortConfig> ports_;
};

// Host and named ports in the spec's order, then those whose number is the cluster's choice.
std::vector<pb::PortConfig> Reconcile(const pb::Service& service) {
  Leftovers leftovers(service);
  std::vector<pb::PortConfig> out;
  std::vector<pb::PortConfig> open;
  for (const auto& port : service.spec().endpoint().ports()) {
    if (IsIngressPort(port) && port.published_port() == 0) {
      open.push_back(port);
      continue;
    }
    if (IsIngressPort(port)) (void)leftovers.Claim(port);
    out.push_back(port);
  }
  for (auto& port : open) {
    port.set_published_port(leftovers.Claim(port));
    out.push_back(std::move(port));
  }
  return out;
}

}  // namespace

Ports::Space::Space() : numbers(kFirstDynamic, kLastDynamic) {}

Ports::Ports() = default;

Result<std::vector<pb::PortConfig>> Ports::Allocate(const pb::Service& service) {
  std::vector<pb::PortConfig> ports = Reconcile(service);
  Held before;
  if (const auto found = held_.find(service.id()); found != held_.end()) before = found->second;
  Give(before);
  Held held;
  for (auto& port : ports) {
    if (!IsIngressPort(port)) continue;
    if (const Status status = Take(&port, &held); !status.ok()) {
      // Until it can have what it wants, it keeps what it has.
      Give(held);
      for (const auto& [protocol, number] : before) {
        spaces_[static_cast<std::size_t>(protocol)].numbers.Take(number);
      }
      return status;
    }
  }
  if (held.empty()) {
    held_.erase(service.id());
  } else {
    held_[service.id()] = std::move(held);
  }
  return ports;
}

Status Ports::Take(pb::PortConfig* port, Held* held) {
  const auto protocol = static_cast<std::size_t>(port->protocol());
  if (protocol >= spaces_.size()) return {Code::kInvalidArgument, "unknown protocol of a port"};
  auto& numbers = spaces_[protocol].numbers;
  if (port->published_port() == 0) {
    const auto next = numbers.TakeNext();
    if (!next) return {Code::kResourceExhausted, "no port from 30000 to 32767 is free"};
    port->set_published_port(*next);
  } else if (!numbers.Take(port->published_port())) {
    return {Code::kResourceExhausted,
            "port " + std::to_string(port->published_port()) + " is in use by another service"};
  }
  held->emplace_back(static_cast<int>(protocol), port->published_port());
  return Status::Ok();
}

void Ports::Give(const Held& held) {
  for (const auto& [protocol, number] : held) {
    spaces_[static_cast<std::size_t>(protocol)].numbers.Free(number);
  }
}

bool Ports::Restore(const pb::Service& service) {
  Held held;
  bool clean = true;
  for (const auto& port : service.endpoint().ports()) {
    const auto protocol = static_cast<std::size_t>(port.protocol());
    if (!IsIngressPort(port) || port.published_port() == 0 || protocol >= spaces_.size()) continue;
    if (spaces_[protocol].numbers.Take(port.published_port())) {
      held.emplace_back(static_cast<int>(protocol), port.published_port());
    } else {
      clean = false;
    }
  }
  if (!held.empty()) held_[service.id()] = std::move(held);
  return clean;
}

bool Ports::Free(const std::string& service_id) {
  const auto found = held_.find(service_id);
  if (found == held_.end()) return false;
  Give(found->second);
  held_.erase(found);
  return true;
}

void Ports::Resume() {
  for (Space& space : spaces_) space.numbers.Resume();
}

bool PublishesIngress(const pb::ServiceSpec& spec) {
  const auto& ports = spec.endpoint().ports();
  return std::any_of(ports.begin(), ports.end(), IsIngressPort);
}

bool PortsFit(const pb::Service& service) {
  const auto wanted = Reconcile(service);
  const auto& have = service.endpoint().ports();
  return std::equal(wanted.begin(), wanted.end(), have.begin(), have.end(),
                    [](const pb::PortConfig& w, const pb::PortConfig& h) {
                      return SameTarget(w, h) && w.published_port() == h.published_port() &&
                             (!IsIngressPort(w) || h.published_port() != 0);
                    });
}

}  // namespace swarm::allocator
