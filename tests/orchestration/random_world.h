// A cluster that changes at random, from one seed: nodes come, go, drain, change labels and size;
// services are made, scaled, updated, rolled back and removed; tasks fail; leaders change.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "component_testing/world.h"
#include "invariants.h"
#include "trace.h"

namespace swarm::test {

class RandomWorld {
 public:
  explicit RandomWorld(std::uint64_t seed);

  void Disturb(int actions);
  // Ends the disturbance and lets everything come to rest. Some nodes stay as they are, down,
  // drained or paused.
  void Settle();
  void ChangeLeader();
  void RunFor(Duration time) { world_.sim().RunFor(time); }

  ViewPtr view() { return world_.view(); }
  // The services whose tasks a new leader must leave as they are.
  std::set<std::string> Comparable();
  // Tasks and their versions.
  std::map<std::string, std::uint64_t> TaskVersions(const std::set<std::string>& services);
  // Tasks of services that nothing was done to, on nodes that nothing was done to.
  std::set<std::string> BystandersTasks();
  const Invariants& invariants() const { return invariants_; }
  // How often each kind of disturbance happened.
  const std::map<std::string, int>& done() const { return done_; }
  std::string Describe();

 private:
  using EditSpec = std::function<void(pb::ServiceSpec&)>;
  using EditNode = std::function<void(pb::Node&)>;

  std::uint64_t Draw(std::uint64_t limit) { return world_.sim().random().Below(limit); }
  template <class T>
  const T& Any(const std::set<T>& set) {
    return *std::next(set.begin(), static_cast<std::ptrdiff_t>(Draw(set.size())));
  }
  bool Fails(const Task& task) const;
  void Lead();

  void AddBystanders();
  void AddNode();
  void RemoveNode();
  void AddService();
  void RandomConstraint(pb::ServiceSpec& spec);
  void RandomUpdate(pb::ServiceSpec& spec);
  void RandomRestart(pb::ServiceSpec& spec);
  void RandomNeeds(pb::ServiceSpec& spec);
  static void RandomOffer(std::uint64_t draw, pb::Node& node);

  void Act();
  void ActOnNode(std::uint64_t what);
  void ActOnService(std::uint64_t what);
  void Update(const char* name, const EditSpec& edit);
  void Edit(const char* name, const EditNode& edit);
  void RollBack();
  void FailTask();
  void DeleteTask();

  component::testing::World world_;
  std::unique_ptr<Loop> loop_;
  Invariants invariants_;
  Trace trace_;
  std::set<std::string> nodes_;
  std::set<std::string> services_;
  int next_node_ = 0;
  int next_service_ = 0;
  bool disturbing_ = true;
  std::map<std::string, int> done_;
};

}  // namespace swarm::test
