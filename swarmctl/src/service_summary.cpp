#include "service_summary.h"

#include <map>
#include <vector>

#include "gotext/gotext.h"
#include "table.h"
#include "words.h"

namespace swarm::ctl {
namespace {

namespace pb = ::docker::swarmkit::v1;

template <class List>
std::string Bracketed(const List& list) {
  return "[" + Join({list.begin(), list.end()}, ", ") + "]";
}

template <class Map>
std::map<std::string, std::string> Sorted(const Map& map) {
  return {map.begin(), map.end()};
}

void PrintUpdate(const pb::UpdateStatus& status, WallTime now, Table& table) {
  table.Line("Update Status\t");
  table.Line(" State\t: " + pb::UpdateStatus::UpdateState_Name(status.state()));
  if (status.has_started_at()) {
    table.Line(" Started\t: " + RelativeTime(status.started_at(), now));
  }
  if (status.state() == pb::UpdateStatus::COMPLETED && status.has_completed_at()) {
    table.Line(" Completed\t: " + RelativeTime(status.completed_at(), now));
  }
  table.Line(" Message\t: " + status.message());
}

void PrintAmounts(const std::string& title, const pb::Resources& resources, Table& table) {
  table.Line("    " + title + ":\t");
  if (resources.nano_cpus() != 0) {
    table.Line("      CPU\t: " +
               gotext::ShortestFloat(static_cast<double>(resources.nano_cpus()) / 1e9));
  }
  if (resources.memory_bytes() != 0) {
    table.Line("      Memory\t: " + IecBytes(static_cast<std::uint64_t>(resources.memory_bytes())));
  }
  if (resources.generic().empty()) return;
  table.Line("      Generic Resources\t");
  for (const pb::GenericResource& r : resources.generic()) {
    if (r.has_discrete_resource_spec()) {
      table.Line("        " + r.discrete_resource_spec().kind() +
                 "\t: " + std::to_string(r.discrete_resource_spec().value()));
    } else {
      table.Line("        " + r.named_resource_spec().kind() +
                 "\t: " + r.named_resource_spec().value());
    }
  }
}

void PrintNetworks(const pb::Service& service, Table& table) {
  const auto& networks = service.spec().task().networks();
  const auto& ports = service.endpoint().ports();
  if (!networks.empty()) {
    std::vector<std::string> targets;
    for (const auto& network : networks) targets.push_back(network.target());
    table.Line("  Networks: " + Join(targets, " "));
  }
  if (ports.empty()) return;
  // The ports begin a line of their own, which is empty where no networks stand before them.
  if (networks.empty()) table.Line("");
  table.Line("Ports:");
  for (const pb::PortConfig& port : ports) {
    table.Line("    - Name\t= " + port.name());
    table.Line("      Protocol\t= " + pb::PortConfig::Protocol_Name(port.protocol()));
    table.Line("      Port\t= " + std::to_string(port.target_port()));
    table.Line("      SwarmPort\t= " + std::to_string(port.published_port()));
  }
}

void PrintFiles(const pb::ContainerSpec& spec, Table& table) {
  if (!spec.mounts().empty()) table.Line("  Mounts:");
  for (const pb::Mount& mount : spec.mounts()) {
    table.Line("    - target = " + mount.target());
    table.Line("      source = " + mount.source());
    table.Line(std::string("      readonly = ") + (mount.readonly() ? "true" : "false"));
    table.Line("      type = " + Lower(pb::Mount::Type_Name(mount.type())));
  }
  if (!spec.secrets().empty()) table.Line("  Secrets:");
  for (const auto& r : spec.secrets()) {
    table.Line("    [FILE] " + r.secret_name() + "@" + r.secret_id() + ":" + r.file().name());
  }
  if (!spec.configs().empty()) table.Line("  Configs:");
  for (const auto& r : spec.configs()) {
    table.Line("    [FILE] " + r.config_name() + "@" + r.config_id() + ":" + r.file().name());
  }
}

void PrintContainer(const pb::ContainerSpec& spec, Table& table) {
  table.Line(" Container\t");
  table.Line("  Image\t: " + spec.image());
  if (!spec.command().empty()) {
    table.Line("  Command\t: " +
               gotext::Quote(Join({spec.command().begin(), spec.command().end()}, " ")));
  }
  if (!spec.args().empty()) table.Line("  Args\t: " + Bracketed(spec.args()));
  if (!spec.env().empty()) table.Line("  Env\t: " + Bracketed(spec.env()));
}

void PrintTemplate(const pb::Service& service, Table& table) {
  const pb::TaskSpec& task = service.spec().task();
  table.Line("Template\t");
  if (task.has_container()) PrintContainer(task.container(), table);
  if (!task.placement().constraints().empty()) {
    table.Line(
        "  Constraints\t: " +
        Join({task.placement().constraints().begin(), task.placement().constraints().end()}, ", "));
  }
  if (task.has_resources()) {
    table.Line("  Resources\t");
    if (task.resources().has_reservations()) {
      PrintAmounts("Reservations", task.resources().reservations(), table);
    }
    if (task.resources().has_limits()) PrintAmounts("Limits", task.resources().limits(), table);
  }
  PrintNetworks(service, table);
  PrintFiles(task.container(), table);
  if (!task.has_log_driver()) return;
  table.Line("  LogDriver\t: " + task.log_driver().name());
  for (const auto& [key, value] : Sorted(task.log_driver().options())) {
    table.Line("    " + key + "\t" + (value.empty() ? "" : ": " + value));
  }
}

}  // namespace

std::string ServiceSummary(const pb::Service& service, std::uint64_t running, WallTime now) {
  const pb::ServiceSpec& spec = service.spec();
  Table table = SummaryTable();
  table.Line("ID\t: " + service.id());
  table.Line("Name\t: " + spec.annotations().name());
  if (!spec.annotations().labels().empty()) {
    table.Line("Labels\t");
    for (const auto& [key, value] : Sorted(spec.annotations().labels())) {
      table.Line("  " + key + "\t: " + value);
    }
  }
  std::string replicas;
  if (spec.has_global()) replicas = "global";
  if (spec.has_replicated()) {
    replicas = std::to_string(running) + "/" + std::to_string(spec.replicated().replicas());
  }
  table.Line("Replicas\t: " + replicas);
  if (service.has_update_status()) PrintUpdate(service.update_status(), now, table);
  PrintTemplate(service, table);
  return table.Text();
}

}  // namespace swarm::ctl
