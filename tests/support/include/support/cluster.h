// One real manager in a folder of its own, driven through the real swarmctl.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace swarm::test {

// A port of this machine's loopback that nobody has at the moment.
int FreePort();

class Manager {
 public:
  // Nothing runs until Start. Every manager process and all its tasks end with this object.
  Manager();
  // With its state in this folder instead of one of its own.
  explicit Manager(std::string state);
  ~Manager();

  // Before Start: where other nodes find it; else nobody does.
  void ListenOn(std::string address) { remote_ = std::move(address); }

  // Before Start: what to put before its command line.
  void RunThrough(std::vector<std::string> prefix) { prefix_ = std::move(prefix); }

  // Starts swarmd on this folder and waits until the node is ready; `arguments` are added.
  // Whether it got there; log() tells more.
  bool Start(const std::vector<std::string>& arguments = {});
  // The same with a YAML file's text.
  bool StartWithConfig(const std::string& yaml);
  // Only once started.
  Process& process() { return *process_; }
  bool started() const { return process_ != nullptr; }

  Finished Ctl(std::vector<std::string> arguments);
  // Rows of `task ls` whose observed state is `state`.
  int TasksIn(const std::string& state);

  std::string log() const;
  std::string socket() const { return folder_ / "swarmd.sock"; }
  std::string state() const { return state_.empty() ? folder_ / "state" : state_; }
  std::string log_path() const { return folder_ / "swarmd.log"; }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  bool AwaitReady(std::size_t from);
  TemporaryFolder folder_;
  const std::string state_;
  std::string remote_ = "127.0.0.1:0";
  std::vector<std::string> prefix_;
  std::unique_ptr<Process> process_;
};

}  // namespace swarm::test
