// What a service's containers are made of.
#include <algorithm>
#include <string>
#include <utility>

#include "service_flags.h"
#include "words.h"

namespace swarm::ctl {
namespace {

using Texts = google::protobuf::RepeatedPtrField<std::string>;
using Pairs = google::protobuf::Map<std::string, std::string>;

Status Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

void SetText(const Flags& flags, std::string_view name, std::string* out) {
  if (flags.Given(name)) *out = flags.String(name);
}

void SetList(const Flags& flags, std::string_view name, Texts* out) {
  if (!flags.Given(name)) return;
  const auto values = flags.Strings(name);
  out->Assign(values.begin(), values.end());
}

Status SetPairs(const Flags& flags, const std::string& name, Pairs* out) {
  if (!flags.Given(name)) return Status::Ok();
  out->clear();
  for (const std::string& text : flags.Strings(name)) {
    const auto equal = text.find('=');
    if (equal == std::string::npos) return Bad("--" + name + " must be key=value: " + text);
    (*out)[Trim(text.substr(0, equal))] = Trim(text.substr(equal + 1));
  }
  return Status::Ok();
}

void Move(const std::vector<std::string>& names, Texts* from, Texts* to) {
  for (const std::string& name : names) {
    from->erase(std::remove(from->begin(), from->end(), name), from->end());
    if (std::find(to->begin(), to->end(), name) == to->end()) *to->Add() = name;
  }
}

Status ApplyHealth(const Flags& flags, pb::ContainerSpec* container) {
  const auto health = [container] { return container->mutable_healthcheck(); };
  if (flags.Bool("no-healthcheck")) {
    if (flags.Given("health-cmd"))
      return Bad("--no-healthcheck and --health-cmd exclude each other");
    health()->clear_test();
    health()->add_test("NONE");
  }
  if (flags.Given("health-cmd")) {
    health()->clear_test();
    health()->add_test("CMD-SHELL");
    health()->add_test(flags.String("health-cmd"));
  }
  if (flags.Given("health-interval")) {
    SetDuration(flags.Time("health-interval"), health()->mutable_interval());
  }
  if (flags.Given("health-timeout")) {
    SetDuration(flags.Time("health-timeout"), health()->mutable_timeout());
  }
  if (flags.Given("health-start-period")) {
    SetDuration(flags.Time("health-start-period"), health()->mutable_start_period());
  }
  if (flags.Given("health-retries")) {
    health()->set_retries(static_cast<std::int32_t>(flags.Int("health-retries")));
  }
  return Status::Ok();
}

void ApplyNames(const Flags& flags, pb::ContainerSpec* container) {
  SetText(flags, "hostname", container->mutable_hostname());
  SetList(flags, "host", container->mutable_hosts());
  if (flags.Given("dns"))
    SetList(flags, "dns", container->mutable_dns_config()->mutable_nameservers());
  if (flags.Given("dns-search")) {
    SetList(flags, "dns-search", container->mutable_dns_config()->mutable_search());
  }
  if (flags.Given("dns-option")) {
    SetList(flags, "dns-option", container->mutable_dns_config()->mutable_options());
  }
}

void ApplyProcess(const Flags& flags, pb::ContainerSpec* container) {
  SetText(flags, "image", container->mutable_image());
  SetText(flags, "dir", container->mutable_dir());
  SetText(flags, "user", container->mutable_user());
  SetText(flags, "stop-signal", container->mutable_stop_signal());
  SetList(flags, "group", container->mutable_groups());
  SetList(flags, "command", container->mutable_command());
  SetList(flags, "args", container->mutable_args());
  SetList(flags, "env", container->mutable_env());
  if (flags.Given("tty")) container->set_tty(flags.Bool("tty"));
  if (flags.Given("open-stdin")) container->set_open_stdin(flags.Bool("open-stdin"));
  if (flags.Given("read-only")) container->set_read_only(flags.Bool("read-only"));
  if (flags.Given("init")) container->mutable_init()->set_value(flags.Bool("init"));
  if (flags.Given("oom-score-adj")) container->set_oom_score_adj(flags.Int("oom-score-adj"));
  if (flags.Given("pids-limit")) container->set_pidslimit(flags.Int("pids-limit"));
  if (flags.Given("stop-grace-period")) {
    SetDuration(flags.Time("stop-grace-period"), container->mutable_stop_grace_period());
  }
}

Status ApplyLimits(const Flags& flags, pb::ContainerSpec* container) {
  Move(flags.Strings("add-capability"), container->mutable_capability_drop(),
       container->mutable_capability_add());
  Move(flags.Strings("rm-capability"), container->mutable_capability_add(),
       container->mutable_capability_drop());
  if (flags.Given("isolation")) {
    pb::ContainerSpec::Isolation isolation{};
    std::string word = flags.String("isolation");
    for (char& c : word) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    if (!pb::ContainerSpec::Isolation_Parse("ISOLATION_" + word, &isolation)) {
      return Bad("--isolation must be default, process or hyperv: " + flags.String("isolation"));
    }
    container->set_isolation(isolation);
  }
  if (!flags.Given("ulimit")) return Status::Ok();
  container->clear_ulimits();
  for (const std::string& text : flags.Strings("ulimit")) {
    SWARM_ASSIGN_OR_RETURN(*container->add_ulimits(), ParseUlimit(text));
  }
  return Status::Ok();
}

}  // namespace

Status ApplyContainer(const Flags& flags, pb::ContainerSpec* container) {
  ApplyProcess(flags, container);
  ApplyNames(flags, container);
  SWARM_RETURN_IF_ERROR(SetPairs(flags, "container-label", container->mutable_labels()));
  SWARM_RETURN_IF_ERROR(SetPairs(flags, "sysctl", container->mutable_sysctls()));
  SWARM_RETURN_IF_ERROR(ApplyLimits(flags, container));
  SWARM_RETURN_IF_ERROR(ApplyHealth(flags, container));
  return ApplyMounts(flags, container);
}

}  // namespace swarm::ctl
