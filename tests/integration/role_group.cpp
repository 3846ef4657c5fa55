#include "role_group.h"

#include <signal.h>

#include <iterator>
#include <sstream>

namespace swarm::test {

RoleGroup::~RoleGroup() {
  // Together: none is to wait for a leader among those that are gone.
  for (auto& [name, node] : nodes_) {
    if (node->started) node->manager.process().Signal(SIGKILL);
  }
}

bool RoleGroup::Add(const std::string& name, const std::string& role,
                    const std::vector<std::string>& arguments) {
  nodes_[name] = std::make_unique<Node>();
  std::vector<std::string> all = arguments;
  if (first_.empty()) {
    first_ = name;
  } else {
    all.insert(all.end(),
               {"--join-addr", address(first_), "--join-token", JoinToken((*this)[first_], role)});
  }
  return Start(name, all);
}

bool RoleGroup::Start(const std::string& name, const std::vector<std::string>& arguments) {
  Node& node = *nodes_.at(name);
  const std::string config = node.manager.folder() / "group.yaml";
  WriteText(config, "plugins:\n  path: [" + BuildDirectory() +
                        "/plugins]\n  consensus: {use: raft}\n  proxy: {use: proxy-raft}\n"
                        "  executor:\n    - " +
                        executor_ + "\n" + lines_);
  node.manager.ListenOn(node.address);
  std::vector<std::string> all = {"--config", config, "--hostname", name};
  all.insert(all.end(), arguments.begin(), arguments.end());
  node.started = true;
  return node.manager.Start(all);
}

bool RoleGroup::Stop(const std::string& name) {
  (*this)[name].process().Signal(SIGTERM);
  return (*this)[name].process().Wait(60s) == 0;
}

void RoleGroup::Kill(const std::string& name) {
  (*this)[name].process().Signal(SIGKILL);
  (*this)[name].process().Wait();
}

Finished RoleGroup::Ctl(const std::string& name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--timeout", "20s"});
  return (*this)[name].Ctl(std::move(arguments));
}

std::vector<std::string> RoleGroup::Row(const std::string& through, const std::string& name) {
  std::istringstream lines(Ctl(through, {"node", "ls"}).out);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> row{std::istream_iterator<std::string>(words), {}};
    if (row.size() >= 5 && row[1] == name) return row;
  }
  return {};
}

std::string RoleGroup::StateOf(const std::string& through, const std::string& name) {
  const auto row = Row(through, name);
  return row.empty() ? "absent" : row[3];
}

std::string RoleGroup::ManagerStatus(const std::string& through, const std::string& name) {
  const auto row = Row(through, name);
  if (row.empty()) return "absent";
  std::string status = row.size() > 5 ? row[5] : "";
  if (row.size() > 6) status += " " + row[6];
  return status;
}

bool RoleGroup::Shows(const std::string& through, const std::string& name,
                      const std::string& status) {
  return Eventually([&] { return ManagerStatus(through, name) == status; }, 120s);
}

std::string RoleGroup::Leader(const std::string& through) {
  for (const auto& [name, node] : nodes_) {
    if (ManagerStatus(through, name).ends_with(" *")) return name;
  }
  return "";
}

std::string RoleGroup::logs() const {
  std::string all;
  for (const auto& [name, node] : nodes_) {
    all += "\n---- " + name + "\n" + node->manager.log();
  }
  return all;
}

}  // namespace swarm::test
