#include "service_checks.h"

#include <algorithm>
#include <string>
#include <vector>

#include "errors.h"
#include "gotext/gotext.h"

namespace swarm::controlapi {
namespace {

constexpr const char* kInternalLabel = "com.docker.swarm.internal";

bool Publishes(const pb::EndpointSpec& endpoint) {
  return std::any_of(endpoint.ports().begin(), endpoint.ports().end(),
                     [](const pb::PortConfig& p) { return p.published_port() != 0; });
}

bool PublishesIngress(const pb::ServiceSpec& spec) {
  const auto& ports = spec.endpoint().ports();
  return std::any_of(ports.begin(), ports.end(), [](const pb::PortConfig& p) {
    return p.publish_mode() == pb::PortConfig::INGRESS;
  });
}

Status Conflict(const pb::PortConfig& port, const pb::Service& other, std::string_view as) {
  return Invalid("port '" + std::to_string(port.published_port()) +
                 "' is already in use by service '" + other.spec().annotations().name() + "' (" +
                 other.id() + ") as " + std::string(as) + " port");
}

Status CheckAgainst(const pb::PortConfig& ours, const pb::PortConfig& theirs,
                    const pb::Service& other) {
  if (theirs.published_port() == 0 || ours.published_port() != theirs.published_port() ||
      ours.protocol() != theirs.protocol()) {
    return Status::Ok();
  }
  if (theirs.publish_mode() == pb::PortConfig::INGRESS) return Conflict(ours, other, "an ingress");
  if (ours.publish_mode() == pb::PortConfig::INGRESS) {
    return Conflict(ours, other, "a host-published");
  }
  return Status::Ok();
}

template <class Ports>
Status CheckAgainstAll(const pb::EndpointSpec& ours, const Ports& theirs,
                       const pb::Service& other) {
  for (const pb::PortConfig& our : ours.ports()) {
    for (const pb::PortConfig& their : theirs) {
      SWARM_RETURN_IF_ERROR(CheckAgainst(our, their, other));
    }
  }
  return Status::Ok();
}

Status Missing(const std::string& word, const std::vector<std::string>& names) {
  if (names.empty()) return Status::Ok();
  std::string text = word + (names.size() > 1 ? "s" : "") + " not found: ";
  for (std::size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return Invalid(text);
}

template <class Object>
bool Exists(const Reader& reader, const std::string& id, const std::string& name) {
  const auto object = reader.Get<Object>(id);
  return object && object->spec().annotations().name() == name;
}

}  // namespace

bool IsIngress(const pb::Network& network) {
  const auto& annotations = network.spec().annotations();
  return network.spec().ingress() ||
         (annotations.labels().contains(kInternalLabel) && annotations.name() == "ingress");
}

Status CheckNotOnIngress(const pb::ServiceSpec& spec, const Reader& view) {
  for (const auto& attachment : spec.task().networks()) {
    const auto network = view.Get<pb::Network>(attachment.target());
    if (network && IsIngress(*network)) {
      return Invalid("Service cannot be explicitly attached to the ingress network " +
                     gotext::Quote(network->spec().annotations().name()));
    }
  }
  return Status::Ok();
}

Status CheckPortConflicts(const pb::ServiceSpec& spec, std::string_view own_id,
                          const Reader& view) {
  const pb::EndpointSpec& ours = spec.endpoint();
  if (!Publishes(ours)) return Status::Ok();
  Status conflict;
  const Status found =
      view.FindMessages(Table::kService, By::All(), [&](const MessagePtr& message) {
        const auto& other = static_cast<const pb::Service&>(*message);
        if (other.id() == own_id) return true;
        conflict = CheckAgainstAll(ours, other.spec().endpoint().ports(), other);
        if (conflict.ok()) conflict = CheckAgainstAll(ours, other.endpoint().ports(), other);
        return conflict.ok();
      });
  return found.ok() ? conflict : found;
}

Status CheckIngressPresent(const pb::ServiceSpec& spec, const Reader& view) {
  if (!PublishesIngress(spec)) return Status::Ok();
  bool present = false;
  SWARM_RETURN_IF_ERROR(
      view.FindMessages(Table::kNetwork, By::All(), [&present](const MessagePtr& message) {
        present = IsIngress(static_cast<const pb::Network&>(*message));
        return !present;
      }));
  if (present) return Status::Ok();
  return Precondition("service needs ingress network, but no ingress network is present");
}

Status CheckReferencesExist(const pb::ServiceSpec& spec, const Reader& reader) {
  if (!spec.task().has_container()) return Status::Ok();
  const pb::ContainerSpec& container = spec.task().container();
  std::vector<std::string> missing;
  for (const auto& r : container.secrets()) {
    if (!Exists<pb::Secret>(reader, r.secret_id(), r.secret_name())) {
      missing.push_back(r.secret_name());
    }
  }
  SWARM_RETURN_IF_ERROR(Missing("secret", missing));
  for (const auto& r : container.configs()) {
    if (!Exists<pb::Config>(reader, r.config_id(), r.config_name())) {
      missing.push_back(r.config_name());
    }
  }
  return Missing("config", missing);
}

}  // namespace swarm::controlapi
