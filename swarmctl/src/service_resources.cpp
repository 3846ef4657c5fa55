// Memory, CPUs, generic resources, limits and ports of a service.
#include <array>
#include <utility>

#include "gotext/gotext.h"
#include "service_flags.h"
#include "words.h"

namespace swarm::ctl {
namespace {

Status Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

constexpr std::int64_t kNanosPerCpu = 1'000'000'000;
constexpr int kMostDigits = 18;

// "12.34" as digits and their number behind the point.
struct Decimal {
  std::int64_t digits = 0;
  int places = 0;
};

bool ParseDecimal(std::string_view text, Decimal& out) {
  int count = 0;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9' || ++count > kMostDigits) return false;
    out.digits = out.digits * 10 + (c - '0');
    out.places += point ? 1 : 0;
  }
  return count > 0;
}

// Nineteen digits times a billion do not fit into 64 bits.
__extension__ typedef __int128 Wide;

Wide PowerOfTen(int exponent) {
  Wide out = 1;
  while (exponent-- > 0) out *= 10;
  return out;
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (;;) {
    const auto at = text.find(separator);
    out.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

Result<std::pair<pb::PortConfig::Protocol, std::uint32_t>> ParsePortSpec(std::string_view text) {
  const auto parts = Split(text, '/');
  SWARM_ASSIGN_OR_RETURN(const std::uint64_t port, ParseUint(parts[0], 10, 32));
  pb::PortConfig::Protocol protocol = pb::PortConfig::TCP;
  if (parts.size() > 1) {
    std::string upper = parts[1];
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    if (!pb::PortConfig::Protocol_Parse(upper, &protocol)) {
      return Bad("invalid protocol string: " + parts[1]);
    }
  }
  return std::pair(protocol, static_cast<std::uint32_t>(port));
}

Status ApplyGeneric(const Flags& flags, pb::Resources* reservations) {
  reservations->clear_generic();
  SWARM_ASSIGN_OR_RETURN(const auto terms, ParseCsv(flags.String("generic-resources")));
  for (const std::string& term : terms) {
    const auto equal = term.find('=');
    if (equal == std::string::npos || equal == 0) {
      return Bad("could not parse GenericResource: incorrect term " + term +
                 ", missing '=' or malformed expression");
    }
    const std::string kind = term.substr(0, equal);
    const auto value = ParseInt(term.substr(equal + 1), 10, 64);
    if (!value.ok() || *value < 0) return Bad("invalid argument for resource " + kind);
    auto* resource = reservations->add_generic()->mutable_discrete_resource_spec();
    resource->set_kind(kind);
    resource->set_value(*value);
  }
  return Status::Ok();
}

}  // namespace

Result<pb::PortConfig> ParsePort(std::string_view text) {
  const auto parts = Split(text, ':');
  if (parts.size() < 2) return Bad("insufficient parameters in port configuration");
  const auto target = ParsePortSpec(parts[1]);
  if (!target.ok()) return target.status().WithContext("failed to parse port");
  pb::PortConfig out;
  out.set_name(parts[0]);
  out.set_protocol(target->first);
  out.set_target_port(target->second);
  out.set_publish_mode(pb::PortConfig::HOST);
  if (parts.size() > 2) {
    const auto published = ParsePortSpec(parts[2]);
    if (!published.ok()) return published.status().WithContext("failed to parse node port");
    if (published->first != target->first) return Bad("protocol mismatch");
    out.set_published_port(published->second);
  }
  return out;
}

Result<std::int64_t> ParseMemory(std::string_view text) {
  constexpr std::string_view kUnits = "kmgtp";
  const Status bad = Bad("invalid size: '" + std::string(text) + "'");
  std::string rest = Lower(std::string(text));
  if (rest.ends_with('b')) rest.pop_back();
  int shift = 0;
  if (!rest.empty()) {
    const auto unit = kUnits.find(rest.back());
    if (unit != std::string_view::npos) {
      shift = 10 * (static_cast<int>(unit) + 1);
      rest.pop_back();
    }
  }
  Decimal number;
  if (rest.find('.') != std::string::npos || !ParseDecimal(rest, number)) return bad;
  std::int64_t out = 0;
  if (__builtin_mul_overflow(number.digits, std::int64_t{1} << shift, &out)) return bad;
  return out;
}

Result<std::int64_t> ParseNanoCpus(std::string_view text) {
  const Status bad = Bad("invalid cpu: " + std::string(text));
  const auto slash = text.find('/');
  Decimal number;
  Decimal divisor{1, 0};
  if (!ParseDecimal(text.substr(0, slash), number)) return bad;
  if (slash != std::string_view::npos) {
    divisor = {};
    const bool good = number.places == 0 && ParseDecimal(text.substr(slash + 1), divisor);
    if (!good || divisor.places != 0 || divisor.digits == 0) return bad;
  }
  const Wide nanos = static_cast<Wide>(number.digits) * kNanosPerCpu;
  const Wide scale = PowerOfTen(number.places) * divisor.digits;
  if (nanos % scale != 0) {
    return Bad("CPU value cannot have more than 9 decimal places: " + std::string(text));
  }
  return static_cast<std::int64_t>(nanos / scale);
}

Result<pb::ContainerSpec::Ulimit> ParseUlimit(std::string_view text) {
  constexpr std::array kNames = {"core",    "cpu",      "data",   "fsize",      "locks",
                                 "memlock", "msgqueue", "nice",   "nofile",     "nproc",
                                 "rss",     "rtprio",   "rttime", "sigpending", "stack"};
  const auto equal = text.find('=');
  const Status bad = Bad("invalid ulimit argument: " + std::string(text));
  if (equal == std::string_view::npos) return bad;
  const std::string name(text.substr(0, equal));
  bool known = false;
  for (const char* k : kNames) known = known || name == k;
  if (!known) return Bad("invalid ulimit type: " + name);
  const auto limits = Split(text.substr(equal + 1), ':');
  if (limits.size() > 2) {
    return Bad("too many limit values - " + std::string(text.substr(equal + 1)) +
               ", can only have up to two, `soft[:hard]`");
  }
  const auto soft = ParseInt(limits[0], 10, 64);
  const auto hard = limits.size() > 1 ? ParseInt(limits[1], 10, 64) : soft;
  if (!soft.ok()) return soft.status();
  if (!hard.ok()) return hard.status();
  if (*hard != -1 && (*soft == -1 || *soft > *hard)) {
    return Bad("ulimit soft limit must be less than or equal to hard limit: " +
               std::to_string(*soft) + " > " + std::to_string(*hard));
  }
  pb::ContainerSpec::Ulimit out;
  out.set_name(name);
  out.set_soft(*soft);
  out.set_hard(*hard);
  return out;
}

Status ApplyResources(const Flags& flags, pb::ServiceSpec* spec) {
  pb::TaskSpec* task = spec->mutable_task();
  const auto reservations = [task] { return task->mutable_resources()->mutable_reservations(); };
  const auto limits = [task] { return task->mutable_resources()->mutable_limits(); };
  if (flags.Given("memory-reservation")) {
    SWARM_ASSIGN_OR_RETURN(const auto bytes, ParseMemory(flags.String("memory-reservation")));
    reservations()->set_memory_bytes(bytes);
  }
  if (flags.Given("memory-limit")) {
    SWARM_ASSIGN_OR_RETURN(const auto bytes, ParseMemory(flags.String("memory-limit")));
    limits()->set_memory_bytes(bytes);
  }
  if (flags.Given("cpu-reservation")) {
    SWARM_ASSIGN_OR_RETURN(const auto nanos, ParseNanoCpus(flags.String("cpu-reservation")));
    reservations()->set_nano_cpus(nanos);
  }
  if (flags.Given("cpu-limit")) {
    SWARM_ASSIGN_OR_RETURN(const auto nanos, ParseNanoCpus(flags.String("cpu-limit")));
    limits()->set_nano_cpus(nanos);
  }
  if (flags.Given("memory-swap")) {
    const std::string text = flags.String("memory-swap");
    std::int64_t bytes = -1;  // no limit
    if (text != "-1") {
      SWARM_ASSIGN_OR_RETURN(bytes, ParseMemory(text));
    }
    task->mutable_resources()->mutable_swap_bytes()->set_value(bytes);
  }
  if (flags.Given("memory-swappiness")) {
    task->mutable_resources()->mutable_memory_swappiness()->set_value(
        flags.Int("memory-swappiness"));
  }
  if (!flags.Given("generic-resources")) return Status::Ok();
  return ApplyGeneric(flags, reservations());
}

}  // namespace swarm::ctl
