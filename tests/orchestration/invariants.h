// What must hold of tasks after every commit, whatever happens to services, nodes and leaders.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "swarm/store.h"

namespace swarm::test {

// Watches the store and collects what went wrong. Threading: the loop it watches on.
class Invariants {
 public:
  Invariants(Store& store, Loop& loop);
  const std::vector<std::string>& broken() const { return broken_; }
  // How many changes were looked at, so that a run that checks nothing is noticed.
  std::size_t checked() const { return checked_; }
  // Tasks rejected by the manager because their node does not fit them any more.
  std::size_t rejected() const { return rejected_; }

 private:
  void Check(const Event& event);
  void CheckNew(const Task& task);
  void CheckChange(const Task& before, const Task& after);
  void Say(const Task& task, const std::string& what);

  std::map<std::string, TaskPtr> tasks_;
  std::vector<std::string> broken_;
  std::size_t checked_ = 0;
  std::size_t rejected_ = 0;
  std::unique_ptr<Subscription> subscription_;
};

}  // namespace swarm::test
