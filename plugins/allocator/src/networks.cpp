#include "networks.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace swarm::allocator {
namespace {

constexpr std::string_view kOverlay = "overlay";
constexpr std::array<std::string_view, 4> kLocalDrivers = {"bridge", "host", "macvlan", "ipvlan"};
constexpr const char* kVxlanIdList = "com.docker.network.driver.overlay.vxlanid_list";
constexpr const char* kSerialOption = "com.docker.network.ipam.serial";
constexpr const char* kInternalLabel = "com.docker.swarm.internal";
// Ids below are left to users.
constexpr std::uint32_t kFirstVxlanId = 4096;
constexpr std::uint32_t kLastVxlanId = (1 << 24) - 1;
// Of default subnets looked at in one pool.
constexpr int kMostDefaultBits = 24;

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string DriverOf(const pb::Network& network) {
  const std::string& name = network.spec().driver_config().name();
  return name.empty() ? std::string(kOverlay) : name;
}

Status Wrong(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

// Nothing when it is not a list of numbers.
std::optional<std::vector<std::uint32_t>> ParseIds(std::string_view text) {
  std::vector<std::uint32_t> out;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + comma, id);
    if (error != std::errc() || end != text.data() + comma || id > kLastVxlanId) {
      return std::nullopt;
    }
    out.push_back(id);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

std::uint64_t CountOf(const Subnet& pool, int prefix) {
  const int bits = std::min(prefix - pool.prefix, kMostDefaultBits);
  return bits < 0 ? 0 : std::uint64_t{1} << bits;
}

Subnet NthOf(const Subnet& pool, int prefix, std::uint64_t number) {
  Subnet out{pool.base, prefix};
  out.base.value += Bits{number} << (out.width() - prefix);
  return out;
}

}  // namespace

bool IsIngress(const pb::Network& network) {
  const auto& annotations = network.spec().annotations();
  return network.spec().ingress() ||
         (annotations.name() == "ingress" && annotations.labels().contains(kInternalLabel));
}

bool IsNodeLocal(const pb::Network& network) {
  const std::string driver = Lower(DriverOf(network));
  return std::find(kLocalDrivers.begin(), kLocalDrivers.end(), driver) != kLocalDrivers.end();
}

bool IsAllocated(const pb::Network& network) {
  return network.has_driver_state() && network.has_ipam();
}

Networks::Networks() : vxlan_ids_(kFirstVxlanId, kLastVxlanId) {
  defaults_.pools = {*ParseSubnet("10.0.0.0/8")};
}

bool Networks::IsLocal(const std::string& id) const {
  const auto found = networks_.find(id);
  return found != networks_.end() && found->second.local;
}

Result<std::shared_ptr<pb::Network>> Networks::Allocate(const pb::Network& network) {
  if (Knows(network.id())) return Wrong("network " + network.id() + " is allocated already");
  auto out = std::make_shared<pb::Network>(network);
  State state;
  if (IsNodeLocal(network)) {
    state.local = true;
    out->mutable_driver_state()->set_name(DriverOf(network));
    // Empty, but engines insist on it.
    out->mutable_ipam()->mutable_driver();
  } else {
    if (Lower(DriverOf(network)) != kOverlay) {
      return Wrong("its driver " + DriverOf(network) + " is a plugin, which only an engine has");
    }
    SWARM_RETURN_IF_ERROR(TakePools(network, out->mutable_ipam(), &state));
    SWARM_RETURN_IF_ERROR(TakeVxlanIds(network, out->mutable_driver_state(), &state));
  }
  if (state.picked) {
    const auto number = NumberOf(state.pools.front().subnet);
    if (number) next_default_ = *number + 1;
  }
  networks_.emplace(network.id(), std::move(state));
  return out;
}

void Networks::Free(const std::string& id) {
  const auto found = networks_.find(id);
  if (found == networks_.end()) return;
  for (const std::uint32_t vxlan_id : found->second.vxlan_ids) vxlan_ids_.Free(vxlan_id);
  networks_.erase(found);
}

Status Networks::TakePools(const pb::Network& network, pb::IPAMOptions* ipam, State* state) const {
  const pb::IPAMOptions& from = network.has_ipam() ? network.ipam() : network.spec().ipam();
  const pb::Driver& driver = network.spec().ipam().driver();
  if (!driver.name().empty() && Lower(driver.name()) != "default") {
    return Wrong("its IPAM driver " + driver.name() + " is a plugin, which only an engine has");
  }
  pb::IPAMOptions out;
  out.mutable_driver()->set_name(driver.name().empty() ? "default" : driver.name());
  *out.mutable_driver()->mutable_options() = driver.options();
  // Peers say so only to drivers that were given options at all.
  if (!driver.options().empty()) (*out.mutable_driver()->mutable_options())[kSerialOption] = "true";
  *out.mutable_configs() = from.configs();
  if (out.configs().empty()) out.add_configs()->set_family(pb::IPAMConfig::IPV4);
  for (pb::IPAMConfig& config : *out.mutable_configs()) {
    SWARM_RETURN_IF_ERROR(TakePool(&config, state));
  }
  *ipam = std::move(out);
  return Status::Ok();
}

Status Networks::TakePool(pb::IPAMConfig* config, State* state) const {
  Subnet subnet;
  if (config->subnet().empty()) {
    SWARM_ASSIGN_OR_RETURN(subnet, PickSubnet(*state));
    state->picked = true;
  } else {
    const auto given = ParseSubnet(config->subnet());
    if (!given) return Wrong("invalid subnet " + config->subnet());
    subnet = *given;
    if (const auto other = FindOverlap(subnet, *state)) {
      return Wrong("subnet " + ToText(subnet) + " overlaps with " + ToText(*other) +
                   ", which another network has");
    }
  }
  Bits first = 0;
  Bits last = subnet.last();
  if (!config->range().empty()) {
    const auto range = ParseSubnet(config->range());
    if (!range || !subnet.Contains(range->base)) return Wrong("invalid range " + config->range());
    first = range->base.value - subnet.base.value;
    last = std::min(last, first + range->last());
  }
  Pool pool{subnet, Serial<Bits>(first, last)};
  // The network's own address, and the one that means all.
  const bool roomy =
      pool.addresses.Take(0) && (subnet.base.six || pool.addresses.Take(subnet.last()));
  if (!roomy) return Wrong("subnet " + ToText(subnet) + " is too small");
  Address gateway = subnet.base;
  if (config->gateway().empty()) {
    const auto next = pool.addresses.TakeNext();
    if (!next) return Wrong("subnet " + ToText(subnet) + " has no address for a gateway");
    gateway.value += *next;
  } else {
    const auto given = ParseEither(config->gateway());
    if (!given || !subnet.Contains(*given) ||
        !pool.addresses.Take(given->value - subnet.base.value)) {
      return Wrong("gateway " + config->gateway() + " is no usable address of " + ToText(subnet));
    }
    gateway = *given;
  }
  if (config->subnet().empty()) config->set_subnet(ToText(subnet));
  if (config->gateway().empty()) config->set_gateway(ToText(gateway));
  state->pools.push_back(std::move(pool));
  return Status::Ok();
}

Result<Subnet> Networks::PickSubnet(const State& state) const {
  std::uint64_t total = 0;
  for (const Subnet& pool : defaults_.pools) total += CountOf(pool, defaults_.prefix);
  for (std::uint64_t tried = 0; tried < total; ++tried) {
    std::uint64_t number = (next_default_ + tried) % total;
    for (const Subnet& pool : defaults_.pools) {
      const std::uint64_t count = CountOf(pool, defaults_.prefix);
      if (number >= count) {
        number -= count;
        continue;
      }
      const Subnet candidate = NthOf(pool, defaults_.prefix, number);
      if (!FindOverlap(candidate, state)) return candidate;
      break;
    }
  }
  return Status(Code::kResourceExhausted, "the default address pools have no subnet left");
}

std::optional<Subnet> Networks::FindOverlap(const Subnet& subnet, const State& state) const {
  const auto overlaps = [&subnet](const Pool& pool) { return pool.subnet.Overlaps(subnet); };
  const auto among = [&overlaps](const State& s) -> std::optional<Subnet> {
    const auto found = std::find_if(s.pools.begin(), s.pools.end(), overlaps);
    return found == s.pools.end() ? std::nullopt : std::optional<Subnet>(found->subnet);
  };
  if (auto own = among(state)) return own;
  for (const auto& [id, other] : networks_) {
    if (auto found = among(other)) return found;
  }
  return std::nullopt;
}

Status Networks::TakeVxlanIds(const pb::Network& network, pb::Driver* driver, State* state) {
  auto options = network.spec().driver_config().options();
  for (const auto& [key, value] : network.driver_state().options()) options[key] = value;
  std::vector<std::uint32_t> wanted;
  if (const auto list = options.find(kVxlanIdList); list != options.end()) {
    auto ids = ParseIds(list->second);
    if (!ids) return Wrong("invalid vxlan id value \"" + list->second + "\" passed");
    wanted = std::move(*ids);
  }
  std::string text;
  Status failure;
  for (std::size_t i = 0, four = 0; i < state->pools.size() && failure.ok(); ++i) {
    if (state->pools[i].subnet.base.six) continue;
    std::uint32_t id = four < wanted.size() ? wanted[four] : 0;
    ++four;
    if (id != 0) {
      if (!vxlan_ids_.Take(id)) failure = Wrong("VXLAN id " + std::to_string(id) + " is in use");
    } else if (const auto next = vxlan_ids_.TakeNext()) {
      id = *next;
    } else {
      failure = {Code::kResourceExhausted, "no VXLAN id is left"};
    }
    if (!failure.ok()) break;
    state->vxlan_ids.push_back(id);
    text += (text.empty() ? "" : ",") + std::to_string(id);
  }
  if (!failure.ok()) {
    for (const std::uint32_t id : state->vxlan_ids) vxlan_ids_.Free(id);
    return failure;
  }
  options[kVxlanIdList] = text;
  driver->set_name(DriverOf(network));
  *driver->mutable_options() = std::move(options);
  return Status::Ok();
}

Result<std::string> Networks::TakeAddress(const std::string& id, const std::string& preferred) {
  const auto found = networks_.find(id);
  if (found == networks_.end()) return Status(Code::kNotFound, "there is no such network yet");
  if (found->second.local) return std::string();
  if (!preferred.empty()) {
    const auto address = ParseEither(preferred);
    if (!address) return Wrong("invalid address " + preferred);
    for (Pool& pool : found->second.pools) {
      if (!pool.subnet.Contains(*address)) continue;
      if (pool.addresses.Take(address->value - pool.subnet.base.value)) {
        return ToText(*address, pool.subnet);
      }
      return Status(Code::kResourceExhausted, "its address " + preferred + " is in use");
    }
    return Wrong("address " + preferred + " is in none of its subnets");
  }
  for (Pool& pool : found->second.pools) {
    if (const auto next = pool.addresses.TakeNext()) {
      return ToText({pool.subnet.base.six, pool.subnet.base.value + *next}, pool.subnet);
    }
  }
  return Status(Code::kResourceExhausted, "its subnets have no address left");
}

void Networks::FreeAddress(const std::string& id, const std::string& address) {
  const auto found = networks_.find(id);
  const auto parsed = ParseEither(address);
  if (found == networks_.end() || !parsed) return;
  for (Pool& pool : found->second.pools) {
    if (pool.subnet.Contains(*parsed)) {
      return pool.addresses.Free(parsed->value - pool.subnet.base.value);
    }
  }
}

std::optional<std::uint64_t> Networks::NumberOf(const Subnet& subnet) const {
  std::uint64_t before = 0;
  for (const Subnet& pool : defaults_.pools) {
    if (subnet.prefix == defaults_.prefix && pool.Contains(subnet.base)) {
      const Bits offset = subnet.base.value - pool.base.value;
      return before + static_cast<std::uint64_t>(offset >> (subnet.width() - subnet.prefix));
    }
    before += CountOf(pool, defaults_.prefix);
  }
  return std::nullopt;
}

void Networks::Resume() {
  vxlan_ids_.Resume();
  for (auto& [id, state] : networks_) {
    for (Pool& pool : state.pools) {
      pool.addresses.Resume();
      if (const auto number = NumberOf(pool.subnet)) {
        next_default_ = std::max(next_default_, *number + 1);
      }
    }
  }
}

}  // namespace swarm::allocator
