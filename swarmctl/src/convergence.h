// How far a service is from what was asked for, judged by what its manager tells.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client.h"

namespace swarm::ctl {

// One look at a service.
struct Observation {
  pb::Service service;
  std::vector<pb::Task> tasks;
  std::set<std::string> up_to_date;  // ids of the tasks that are as the service wants them
  std::set<std::string> down_nodes;  // ids; what they report is old
};

struct Progress {
  std::uint64_t wanted = 0;  // tasks that are to run, or to complete
  std::uint64_t done = 0;    // of them
  std::string word;          // "running" or "completed"; empty: nothing is wanted any more
  std::map<pb::TaskState, std::uint64_t> states;  // of those that are wanted
  std::uint64_t missing = 0;                      // for which there is no task yet
  std::uint64_t leftover = 0;                     // tasks that are still to be stopped
  std::vector<std::string> troubles;  // "web.1: no suitable node", one a task, the newest first
  bool reached = false;               // everything is as it should be, now
  bool sure = false;                  // the manager has watched it already: no need to wait more
  std::string stuck;                  // why it will stay as it is, if nothing changes soon
  std::string failed;                 // why it will never get there
};

// What a rollback leads to is success only when it was asked for.
enum class Aim : unsigned char { kSpec, kRollback };

// Judges one look after the other. A task slot that keeps failing makes it give up.
class Judge {
 public:
  // `most_failures`: of one slot; 0: any number. `fresh`: the service is new, so what has failed at
  // the first look counts too.
  Judge(Aim aim, std::uint64_t most_failures, bool fresh)
      : aim_(aim), most_failures_(most_failures), first_(!fresh) {}

  Progress Assess(const Observation& seen);

 private:
  using Slots = std::map<std::string, std::vector<const pb::Task*>>;

  void Count(const Observation& seen, const Slots& slots, Progress* out);
  void CountSlot(const Observation& seen, const std::vector<const pb::Task*>& tasks, bool job,
                 Progress* out);
  void CountFailures(const Observation& seen, const Slots& slots, Progress* out);
  void ReadUpdate(const pb::Service& service, Progress* out) const;

  const Aim aim_;
  const std::uint64_t most_failures_;
  std::map<std::string, std::set<std::string>> failures_;  // ids of tasks by slot
  std::set<std::string> before_;                           // those that had failed before
  bool first_;
};

// "3/5 running, 1 starting, 1 pending, 2 to be stopped".
std::string ProgressText(const Progress& progress);

}  // namespace swarm::ctl
