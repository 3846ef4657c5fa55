// swarmctl network: create, inspect, ls, remove.
#include <algorithm>
#include <map>

#include "command.h"
#include "filters.h"
#include "ip_ranges.h"
#include "listing.h"
#include "resolve.h"
#include "table.h"
#include "words.h"

namespace swarm::ctl {
namespace {

Status List(Invocation& run) {
  SWARM_RETURN_IF_ERROR(run.NoArguments("ls"));
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  pb::ListNetworksRequest request;
  SWARM_RETURN_IF_ERROR(ReadFilters(run, CommonFilters(request.mutable_filters())));
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         run.client.Call<pb::ListNetworksResponse>("ListNetworks", request));
  ShowObjects(run, form, found.networks(), ListTable(), {"ID", "Name", "Driver"},
              [](const pb::Network& network) {
                return std::vector<std::string>{network.id(), network.spec().annotations().name(),
                                                network.driver_state().name()};
              });
  return Status::Ok();
}

// Lines without a tab, which stand apart from the columns.
template <class Map>
void PrintPairs(const std::string& indent, const Map& map, Table& table) {
  for (const auto& [key, value] : std::map<std::string, std::string>(map.begin(), map.end())) {
    table.Line(indent + key + " = " + value);
  }
}

void PrintIpam(const pb::IPAMOptions& ipam, Table& table) {
  table.Line("IPAM:\t");
  if (ipam.has_driver()) {
    table.Line("  Driver:\t");
    table.Line("    Name\t: " + ipam.driver().name());
    if (!ipam.driver().options().empty()) table.Line("    Options:\t");
    PrintPairs("      ", ipam.driver().options(), table);
  }
  for (const pb::IPAMConfig& config : ipam.configs()) {
    table.Line("  IPAM Config:\t");
    table.Line("    Family\t: " + pb::IPAMConfig::AddressFamily_Name(config.family()));
    table.Line("    Subnet\t: " + config.subnet());
    if (!config.range().empty()) table.Line("    Range\t: " + config.range());
    if (!config.gateway().empty()) table.Line("    Gateway\t: " + config.gateway());
    if (!config.reserved().empty()) table.Line("    Reserved:\t");
    PrintPairs("      ", config.reserved(), table);
  }
}

std::string NetworkSummary(const pb::Network& network) {
  const pb::NetworkSpec& spec = network.spec();
  const auto word = [](bool value) { return std::string(value ? "true" : "false"); };
  Table table = SummaryTable();
  table.Line("ID\t: " + network.id());
  table.Line("Name\t: " + spec.annotations().name());
  table.Line("Spec:\t");
  if (!spec.annotations().labels().empty()) table.Line("  Labels:\t");
  PrintPairs("    ", spec.annotations().labels(), table);
  table.Line("  IPv6Enabled\t: " + word(spec.ipv6_enabled()));
  table.Line("  Internal\t: " + word(spec.internal()));
  if (network.has_driver_state()) {
    table.Line("Driver:\t");
    table.Line("  Name\t: " + network.driver_state().name());
    if (!network.driver_state().options().empty()) table.Line("  Options:\t");
    PrintPairs("    ", network.driver_state().options(), table);
  }
  if (network.has_ipam()) PrintIpam(network.ipam(), table);
  return table.Text();
}

Status Inspect(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("network ID missing", "inspect command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  SWARM_ASSIGN_OR_RETURN(const pb::Network network, FindNetwork(run.client, text));
  run.out += form == Form::kJson ? ToJson(network) + "\n" : NetworkSummary(network);
  return Status::Ok();
}

// Takes the first of `left` that is inside of `subnet`.
template <class Inside>
std::string TakeInside(std::vector<std::string>& left, Inside inside) {
  const auto found = std::find_if(left.begin(), left.end(), inside);
  if (found == left.end()) return "";
  std::string out = *found;
  left.erase(found);
  return out;
}

Status SetIpam(Invocation& run, pb::NetworkSpec* spec) {
  if (run.flags.Given("ipam-driver")) {
    spec->mutable_ipam()->mutable_driver()->set_name(run.flags.String("ipam-driver"));
  }
  std::vector<std::string> gateways = run.flags.Strings("gateway");
  std::vector<std::string> ranges = run.flags.Strings("ip-range");
  for (const std::string& range : ranges) {
    const Status status = ParseCidr(range).status();
    if (!status.ok()) return run.Misused(status.message());
  }
  for (const std::string& text : run.flags.Strings("subnet")) {
    const auto subnet = ParseCidr(text);
    if (!subnet.ok()) return run.Misused(subnet.status().message());
    auto* config = spec->mutable_ipam()->add_configs();
    config->set_family(subnet->v6 ? pb::IPAMConfig::IPV6 : pb::IPAMConfig::IPV4);
    config->set_subnet(text);
    config->set_gateway(
        TakeInside(gateways, [&subnet](const auto& ip) { return subnet->Contains(ip); }));
    config->set_range(TakeInside(ranges, [&subnet](const auto& range) {
      return subnet->Contains(range.substr(0, range.find('/')));
    }));
  }
  return Status::Ok();
}

Status SetDriver(Invocation& run, pb::NetworkSpec* spec) {
  if (!run.flags.Given("driver")) return Status::Ok();
  auto* driver = spec->mutable_driver_config();
  driver->set_name(run.flags.String("driver"));
  for (const std::string& option : run.flags.Strings("opts")) {
    const auto equal = option.find('=');
    if (equal == std::string::npos || option.find('=', equal + 1) != std::string::npos) {
      return run.Misused("Malformed opts: " + option);
    }
    (*driver->mutable_options())[option.substr(0, equal)] = option.substr(equal + 1);
  }
  return Status::Ok();
}

Status SetLabels(Invocation& run, pb::NetworkSpec* spec) {
  for (const std::string& label : run.flags.Strings("label")) {
    const auto equal = label.find('=');
    if (equal == std::string::npos) return run.Misused("malformed label: " + label);
    (*spec->mutable_annotations()->mutable_labels())[Trim(label.substr(0, equal))] =
        Trim(label.substr(equal + 1));
  }
  return Status::Ok();
}

Status Create(Invocation& run) {
  SWARM_RETURN_IF_ERROR(run.NoArguments("create"));
  if (!run.flags.Given("name")) return run.Misused("--name is required");
  pb::CreateNetworkRequest request;
  pb::NetworkSpec* spec = request.mutable_spec();
  spec->mutable_annotations()->set_name(run.flags.String("name"));
  SWARM_RETURN_IF_ERROR(SetDriver(run, spec));
  SWARM_RETURN_IF_ERROR(SetIpam(run, spec));
  SWARM_RETURN_IF_ERROR(SetLabels(run, spec));
  spec->set_attachable(run.flags.Bool("attachable"));
  spec->set_ingress(run.flags.Bool("ingress"));
  spec->set_internal(run.flags.Bool("internal"));
  spec->set_ipv6_enabled(run.flags.Bool("ipv6"));
  SWARM_ASSIGN_OR_RETURN(const auto response,
                         run.client.Call<pb::CreateNetworkResponse>("CreateNetwork", request));
  run.out += response.network().id() + "\n";
  return Status::Ok();
}

Status Remove(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("network ID missing", "remove command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Network network, FindNetwork(run.client, text));
  pb::RemoveNetworkRequest request;
  request.set_network_id(network.id());
  SWARM_RETURN_IF_ERROR(
      run.client.Call<pb::RemoveNetworkResponse>("RemoveNetwork", request).status());
  run.out += text + "\n";
  return Status::Ok();
}

std::vector<FlagSpec> CreateFlags() {
  using K = FlagKind;
  return {{"name", 0, K::kString, "", "Network name"},
          {"label", 0, K::kStrings, "", "Network label (key=value)"},
          {"attachable", 0, K::kBool, "", "Let containers outside of services join"},
          {"ingress", 0, K::kBool, "", "Make it the network of the routing mesh"},
          {"internal", 0, K::kBool, "", "Keep it without a way out"},
          {"ipv6", 0, K::kBool, "", "Enable IPv6"},
          {"driver", 0, K::kString, "", "Network driver"},
          {"opts", 0, K::kStrings, "", "Network driver options (key=value), with --driver"},
          {"ipam-driver", 0, K::kString, "", "IPAM driver"},
          {"subnet", 0, K::kStrings, "", "Subnets in CIDR notation"},
          {"gateway", 0, K::kStrings, "", "Gateways, each of the subnet it lies in"},
          {"ip-range", 0, K::kStrings, "", "Ranges to allocate from, each of its subnet"}};
}

}  // namespace

Command NetworkCommands() {
  constexpr auto kNames = Completes::kNetworks;
  return {
      "network",
      {},
      "",
      "Network management",
      {},
      {{"create", {}, "", "Create a network", CreateFlags(), {}, Create},
       {"inspect", {}, "<network ID>", "Inspect a network", {FormatFlag()}, {}, Inspect, kNames},
       {"ls", {}, "", "List networks", ListFlags(kCommonFilters), {}, List},
       {"remove", {"rm"}, "<network ID>", "Remove a network", {}, {}, Remove, kNames}},
      nullptr};
}

}  // namespace swarm::ctl
