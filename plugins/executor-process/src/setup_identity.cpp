// Who a process is, what it may do and how much: users, capabilities, limits, signals, health.
#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "proc_stat.h"
#include "setup.h"

namespace swarm::executor_process {
namespace {

struct Named {
  std::string_view name;
  int number;
};

constexpr Named kSignals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},     {"QUIT", SIGQUIT}, {"KILL", SIGKILL},
    {"USR1", SIGUSR1}, {"USR2", SIGUSR2},   {"TERM", SIGTERM}, {"CONT", SIGCONT},
    {"STOP", SIGSTOP}, {"WINCH", SIGWINCH}, {"ALRM", SIGALRM}, {"PIPE", SIGPIPE},
    {"ABRT", SIGABRT}, {"TSTP", SIGTSTP},   {"PWR", SIGPWR},   {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU}, {"URG", SIGURG},     {"IO", SIGIO},     {"VTALRM", SIGVTALRM}};

constexpr Named kUlimits[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK}};

// By number, as the kernel has them.
constexpr std::string_view kCapabilities[] = {"CHOWN",
                                              "DAC_OVERRIDE",
                                              "DAC_READ_SEARCH",
                                              "FOWNER",
                                              "FSETID",
                                              "KILL",
                                              "SETGID",
                                              "SETUID",
                                              "SETPCAP",
                                              "LINUX_IMMUTABLE",
                                              "NET_BIND_SERVICE",
                                              "NET_BROADCAST",
                                              "NET_ADMIN",
                                              "NET_RAW",
                                              "IPC_LOCK",
                                              "IPC_OWNER",
                                              "SYS_MODULE",
                                              "SYS_RAWIO",
                                              "SYS_CHROOT",
                                              "SYS_PTRACE",
                                              "SYS_PACCT",
                                              "SYS_ADMIN",
                                              "SYS_BOOT",
                                              "SYS_NICE",
                                              "SYS_RESOURCE",
                                              "SYS_TIME",
                                              "SYS_TTY_CONFIG",
                                              "MKNOD",
                                              "LEASE",
                                              "AUDIT_WRITE",
                                              "AUDIT_CONTROL",
                                              "SETFCAP",
                                              "MAC_OVERRIDE",
                                              "MAC_ADMIN",
                                              "SYSLOG",
                                              "WAKE_ALARM",
                                              "BLOCK_SUSPEND",
                                              "AUDIT_READ",
                                              "PERFMON",
                                              "BPF",
                                              "CHECKPOINT_RESTORE"};

std::string Upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

template <class List>
std::vector<std::string> ToVector(const List& list) {
  return {list.begin(), list.end()};
}

// As an engine composes them: ALL added means all but those dropped, ALL dropped only those added.
Result<std::uint64_t> Compose(const pb::ContainerSpec& container, std::uint64_t usual) {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  SWARM_ASSIGN_OR_RETURN(const auto add, ParseCapabilities(ToVector(container.capability_add())));
  SWARM_ASSIGN_OR_RETURN(const auto drop, ParseCapabilities(ToVector(container.capability_drop())));
  if (add == kAll) return drop == kAll ? 0 : kAll & ~drop;
  if (drop == kAll) return add;
  return (usual & ~drop) | add;
}

Status SetUpCapabilities(const pb::ContainerSpec& container, const NodeRules& rules, Plan* plan) {
  SWARM_ASSIGN_OR_RETURN(const std::uint64_t wanted, Compose(container, rules.capabilities));
  const std::uint64_t own = rules.permissions.capabilities;
  if (container.capability_add_size() > 0 && wanted != ~std::uint64_t{0}) {
    SWARM_ASSIGN_OR_RETURN(const auto add, ParseCapabilities(ToVector(container.capability_add())));
    if ((add & ~own) != 0) return NotPermitted("the capabilities it asks for");
  } else if (container.capability_add_size() > 0 && own == 0) {
    return NotPermitted("the capabilities it asks for");
  }
  // Without them swarmd has nothing that a process could keep.
  plan->restrict_capabilities = wanted != ~std::uint64_t{0} && rules.permissions.Has(CAP_SETPCAP);
  plan->capabilities = wanted;
  return Status::Ok();
}

Status SetUpUlimits(const pb::ContainerSpec& container, Plan* plan) {
  for (const auto& limit : container.ulimits()) {
    const auto* found =
        std::find_if(std::begin(kUlimits), std::end(kUlimits),
                     [&](const Named& known) { return known.name == limit.name(); });
    if (found == std::end(kUlimits)) {
      return {Code::kInvalidArgument, "invalid ulimit type: " + limit.name()};
    }
    const bool above = limit.hard() != -1 && (limit.soft() == -1 || limit.soft() > limit.hard());
    if (above) {
      return {Code::kInvalidArgument,
              "ulimit soft limit must be less than or equal to hard limit: " + limit.name() + "=" +
                  std::to_string(limit.soft()) + ":" + std::to_string(limit.hard())};
    }
    plan->limits.push_back({found->number, limit.soft(), limit.hard(), limit.name()});
  }
  return Status::Ok();
}

std::int64_t Nanos(const google::protobuf::Duration& duration) {
  return duration.seconds() * 1'000'000'000 + duration.nanos();
}

}  // namespace

Permissions OwnPermissions() {
  const std::string status = ReadProcFile("/proc/self/status");
  const std::size_t at = status.find("CapEff:");
  Permissions out;
  if (at != std::string::npos) out.capabilities = std::strtoull(&status[at + 7], nullptr, 16);
  return out;
}

Result<int> ParseSignal(std::string_view text) {
  std::string name = Upper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const Named& known : kSignals) {
    if (known.name == name) return known.number;
  }
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number > 0 && number < NSIG) {
    return number;
  }
  return Status(Code::kInvalidArgument,
                "stop_signal \"" + std::string(text) + "\" is not a signal such as SIGTERM or 15");
}

Result<std::uint64_t> ParseCapabilities(const std::vector<std::string>& names) {
  std::uint64_t out = 0;
  for (const std::string& text : names) {
    std::string name = Upper(text);
    if (name == "ALL") return ~std::uint64_t{0};
    if (name.starts_with("CAP_")) name.erase(0, 4);
    const auto* found = std::find(std::begin(kCapabilities), std::end(kCapabilities), name);
    if (found == std::end(kCapabilities)) {
      return Status(Code::kInvalidArgument, "unknown capability: \"" + text + "\"");
    }
    out |= std::uint64_t{1} << (found - std::begin(kCapabilities));
  }
  return out;
}

Status SetUpIdentity(const pb::ContainerSpec& container, const NodeRules& rules, Plan* plan) {
  plan->user = container.user().empty() ? rules.user : container.user();
  plan->groups.assign(container.groups().begin(), container.groups().end());
  plan->no_new_privileges = rules.no_new_privileges || container.privileges().no_new_privileges();
  if (!plan->groups.empty() && !rules.permissions.Has(CAP_SETGID)) {
    return NotPermitted("further groups");
  }
  if (!plan->hostname.empty() && !rules.permissions.Has(CAP_SYS_ADMIN)) {
    return NotPermitted("a hostname of its own");
  }
  SWARM_RETURN_IF_ERROR(SetUpUlimits(container, plan));
  return SetUpCapabilities(container, rules, plan);
}

Status SetUpLimits(const pb::Task& task, const NodeRules& rules, Plan* plan) {
  const pb::ContainerSpec& container = task.spec().container();
  const pb::ResourceRequirements& resources = task.spec().resources();
  plan->oom_score_adjustment = container.oom_score_adj();
  ResourceLimits limits;
  limits.memory = resources.limits().memory_bytes();
  limits.nano_cpus = resources.limits().nano_cpus();
  limits.pids = container.pidslimit();
  if (resources.has_swap_bytes()) limits.swap = resources.swap_bytes().value();
  if (resources.has_memory_swappiness()) limits.swappiness = resources.memory_swappiness().value();
  const std::string name = task.id() + rules.group_suffix;
  const std::vector<std::string> missing = rules.groups.Apply(name, limits, plan);
  if (missing.empty()) return Status::Ok();
  if (!rules.run_unlimited) {
    return {Code::kFailedPrecondition,
            "this node cannot enforce " + missing.front() +
                "; give swarmd control groups, or let such tasks run without their limits with "
                "unenforced_limits: run"};
  }
  for (const std::string& what : missing) plan->notes.push_back("not enforced: " + what);
  return Status::Ok();
}

Status SetUpHealth(const pb::HealthConfig& config, PlanHealth* out) {
  if (config.test_size() == 0 || config.test(0) == "NONE") return Status::Ok();
  const std::string& kind = config.test(0);
  if (config.test_size() < 2) {
    return {Code::kInvalidArgument, "the health check " + kind + " names no command"};
  }
  if (kind == "CMD-SHELL") {
    out->command = {"/bin/sh", "-c", config.test(1)};
  } else if (kind == "CMD") {
    out->command.assign(config.test().begin() + 1, config.test().end());
  } else {
    return {Code::kInvalidArgument, "Unknown healthcheck type '" + kind + "' (expected 'CMD')"};
  }
  const auto take = [](const google::protobuf::Duration& given, std::int64_t usual,
                       const char* name, std::int64_t* value) -> Status {
    const std::int64_t nanos = Nanos(given);
    if (nanos != 0 && nanos < 1'000'000) {
      return {Code::kInvalidArgument,
              std::string(name) + " in Healthcheck cannot be less than 1ms"};
    }
    *value = nanos == 0 ? usual : nanos;
    return Status::Ok();
  };
  constexpr std::int64_t kSecond = 1'000'000'000;
  SWARM_RETURN_IF_ERROR(take(config.interval(), 30 * kSecond, "Interval", &out->interval));
  SWARM_RETURN_IF_ERROR(take(config.timeout(), 30 * kSecond, "Timeout", &out->timeout));
  SWARM_RETURN_IF_ERROR(take(config.start_period(), 0, "StartPeriod", &out->start_period));
  SWARM_RETURN_IF_ERROR(
      take(config.start_interval(), 5 * kSecond, "StartInterval", &out->start_interval));
  if (config.retries() < 0) {
    return {Code::kInvalidArgument, "Retries in Healthcheck cannot be negative"};
  }
  out->retries = config.retries() == 0 ? 3 : config.retries();
  return Status::Ok();
}

}  // namespace swarm::executor_process
