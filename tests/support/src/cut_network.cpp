#include "support/cut_network.h"

#include <unistd.h>

#include <stdexcept>

#include "support/process.h"

namespace swarm::test {
namespace {

bool Run(std::vector<std::string> argv, const std::vector<std::string>& more = {}) {
  argv.insert(argv.end(), more.begin(), more.end());
  return Execute(argv).code == 0;
}

std::string Port(int host) { return "host" + std::to_string(host + 1); }

}  // namespace

std::optional<std::string> CutNetwork::Unavailable() {
  if (geteuid() != 0) return "network namespaces need root";
  for (const char* program : {"ip", "nsenter"}) {
    if (!Run({"sh", "-c", std::string("command -v ") + program}))
      return std::string(program) + " is not installed";
  }
  return std::nullopt;
}

CutNetwork::CutNetwork(int hosts, const std::string& folder) : hosts_(hosts) {
  // Making the first namespace is what reserves the number.
  for (int number = 0; number < 10'000 && prefix_.empty(); ++number) {
    const std::string prefix = "swarm-cut-" + std::to_string(number) + "-";
    if (Run({"ip", "netns", "add", prefix + "hub"})) prefix_ = prefix;
  }
  if (prefix_.empty()) throw std::runtime_error("cannot make a network namespace");
  guardian_ = std::make_unique<Guardian>(std::vector<std::string>{
      SourceDirectory() + "/tests/support/clean-network", folder, prefix_});
  if (!Make()) throw std::runtime_error("cannot connect network namespaces");
}

CutNetwork::~CutNetwork() = default;

std::vector<std::string> CutNetwork::In(const std::string& space) const {
  return {"nsenter", "--net=/run/netns/" + space};
}

std::vector<std::string> CutNetwork::On(int host) const { return In(Space(host)); }

bool CutNetwork::Make() {
  const auto hub = In(prefix_ + "hub");
  if (!Run(hub, {"ip", "link", "add", "bridge", "type", "bridge"}) ||
      !Run(hub, {"ip", "link", "set", "bridge", "up"}))
    return false;
  for (int host = 0; host < hosts_; ++host) {
    if (!Run({"ip", "netns", "add", Space(host)}) || !Connect(host)) return false;
  }
  return true;
}

bool CutNetwork::Connect(int host) {
  const auto hub = In(prefix_ + "hub");
  return Run(hub, {"ip", "link", "add", Port(host), "type", "veth", "peer", "name", "eth0", "netns",
                   Space(host)}) &&
         Run(hub, {"ip", "link", "set", Port(host), "master", "bridge", "up"}) &&
         Run(On(host), {"ip", "link", "set", "lo", "up"}) &&
         Run(On(host), {"ip", "addr", "add", Ip(host) + "/24", "dev", "eth0"}) &&
         Run(On(host), {"ip", "link", "set", "eth0", "up"});
}

void CutNetwork::Isolate(int host) {
  Run(In(prefix_ + "hub"), {"ip", "link", "set", Port(host), "nomaster"});
}

void CutNetwork::Cut(int a, int b) {
  Run(On(a), {"ip", "route", "replace", "blackhole", Ip(b)});
  Run(On(b), {"ip", "route", "replace", "blackhole", Ip(a)});
}

void CutNetwork::HealAll() {
  for (int host = 0; host < hosts_; ++host) {
    Run(In(prefix_ + "hub"), {"ip", "link", "set", Port(host), "master", "bridge"});
    for (int other = 0; other < hosts_; ++other) {
      if (other != host) Run(On(host), {"ip", "route", "del", "blackhole", Ip(other)});
    }
  }
}

}  // namespace swarm::test
