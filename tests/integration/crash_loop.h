// A manager killed at random moments while services are made, scaled and removed: what was
// acknowledged is there, what runs is taken over, nothing runs twice, nothing is left behind.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "support/cluster.h"

namespace swarm::test {

// What really runs, asked of the machine or the engine and not of the manager.
struct Reality {
  // Each running container or process of a service, by an id that a restart would change.
  std::function<std::set<std::string>(const std::string& service)> running;
  // Why what exists is wrong at any moment, such as two containers of one task; empty: it is not.
  std::function<std::string()> wrong;
  // How many containers or processes there are in all.
  std::function<std::size_t()> left;
  // The words of `service create` for a new service.
  std::function<std::vector<std::string>(const std::string& service, int replicas)> create;
};

class CrashLoop {
 public:
  CrashLoop(Manager& manager, std::function<bool()> start, Reality reality);

  // 10 rounds, or 200 with SWARM_SOAK; the seed is SWARM_SEED or chosen, and printed.
  void Run();

 private:
  // What one service may be: a call without an answer leaves two possibilities.
  struct Expected {
    std::set<int> replicas;  // -1: absent
  };

  void Load(std::chrono::milliseconds until_kill);
  void OneChange();
  void Record(const std::string& service, int replicas, const Finished& finished);
  bool IsAsExpected(const std::string& service, const Expected& expected);
  void ExpectSettled();
  void RemoveEverything();
  int Below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  Manager& manager_;
  const std::function<bool()> start_;
  const Reality reality_;
  std::mt19937_64 random_;
  std::map<std::string, Expected> services_;
  int next_ = 0;
  int acknowledged_ = 0;
  int unanswered_ = 0;
};

}  // namespace swarm::test
