// Several managers of ours as real processes on this machine, in one raft group.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "joined.h"
#include "support/cluster.h"

namespace swarm::test {

class RoleGroup {
 public:
  // `executor`: the list's one entry in YAML. Their tasks must end before they do when those are
  // processes: see RemoveServices.
  explicit RoleGroup(std::string executor = "{use: process, default: true}")
      : executor_(std::move(executor)) {}
  ~RoleGroup();

  // A line for the section of plugins, of the nodes that are started from now on.
  void Configure(const std::string& line) { lines_ += "  " + line + "\n"; }
  // The first node founds the cluster, later ones join it as `role`. Whether it got there.
  bool Add(const std::string& name, const std::string& role = "manager",
           const std::vector<std::string>& arguments = {});
  // Ends it in order, or by SIGKILL; and starts it on what it has.
  bool Stop(const std::string& name);
  void Kill(const std::string& name);
  bool Start(const std::string& name, const std::vector<std::string>& arguments = {});

  Manager& operator[](const std::string& name) { return nodes_.at(name)->manager; }
  std::string address(const std::string& name) const { return nodes_.at(name)->address; }
  // Through the control socket of `name`.
  Finished Ctl(const std::string& name, std::vector<std::string> arguments);
  // What `node ls` through `through` says of `name`: "READY", "REACHABLE *", "" ...
  std::string StateOf(const std::string& through, const std::string& name);
  std::string ManagerStatus(const std::string& through, const std::string& name);
  bool Shows(const std::string& through, const std::string& name, const std::string& status);
  // Who leads, as seen through `through`; empty: nobody.
  std::string Leader(const std::string& through);
  std::string logs() const;

 private:
  struct Node {
    Manager manager;
    std::string address = "127.0.0.1:" + std::to_string(FreePort());
    bool started = false;
  };
  // The words of its line in `node ls`.
  std::vector<std::string> Row(const std::string& through, const std::string& name);

  const std::string executor_;
  std::string lines_;
  std::map<std::string, std::unique_ptr<Node>> nodes_;
  std::string first_;
};

}  // namespace swarm::test
