// A small cluster for tests of components: the reference store on the virtual runtime, objects made
// in one line, and nodes that pretend to run tasks.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "component/component.h"
#include "fakes/reference_store.h"
#include "swarm/simulation.h"

namespace swarm::component::testing {

using ServicePtr = std::shared_ptr<const pb::Service>;

// Threading: everything on the simulation's thread.
class World {
 public:
  explicit World(std::uint64_t seed = 1);
  ~World();

  Simulation& sim() { return sim_; }
  Runtime& runtime() { return machine_.runtime(); }
  fakes::ReferenceStore& store() { return store_; }
  ViewPtr view() { return store_.Read(); }

  // Runs one transaction and settles; fails the test unless it commits.
  void Write(std::function<Status(Transaction&)> fn);
  // From now on Write returns once it has committed, so that a test sees every step that follows.
  void DoNotSettle() { settle_ = false; }
  // Starts a component; Stop ends all in reverse order.
  void Start(ComponentParameters parameters, MakePart make);
  void Stop();
  // Until the condition holds, within a minute of virtual time unless told.
  bool Until(const std::function<bool()>& condition, Duration limit = std::chrono::minutes(1));

  // --- objects ---
  void AddCluster(std::function<void(pb::Cluster&)> edit = {});
  void AddNode(const std::string& id, std::function<void(pb::Node&)> edit = {});
  void EditNode(const std::string& id, std::function<void(pb::Node&)> edit);
  void RemoveNode(const std::string& id);
  // Container service with image "image"; replicated unless `edit` says otherwise.
  void AddService(const std::string& id, std::uint64_t replicas,
                  std::function<void(pb::Service&)> edit = {});
  // As the control API does: keeps the previous specification, raises the version.
  void UpdateService(const std::string& id, std::function<void(pb::ServiceSpec&)> edit);
  void RemoveService(const std::string& id);
  void AddTask(const std::string& id, const std::string& service_id,
               std::function<void(Task&)> edit = {});
  void EditTask(const std::string& id, std::function<void(Task&)> edit);
  void SetState(const std::string& id, pb::TaskState state);

  ServicePtr Service(const std::string& id) { return view()->Get<pb::Service>(id); }
  TaskPtr GetTask(const std::string& id) { return view()->GetTask(id); }
  // By slot, then by id.
  std::vector<TaskPtr> Tasks(const std::string& service_id);
  std::vector<TaskPtr> Wanted(const std::string& service_id);  // desired state <= RUNNING
  std::vector<TaskPtr> Running(const std::string& service_id);

  // From now on tasks get as far as they are wanted, as if nodes ran them: `fails` decides which
  // fail instead of running. Needs no nodes and no scheduler.
  void RunTasks(std::function<bool(const Task&)> fails = {});
  // The same for tasks that have a node, which is up.
  void RunAssignedTasks(std::function<bool(const Task&)> fails = {});

 private:
  class Runner;
  Simulation sim_;
  Machine& machine_;
  fakes::ReferenceStore store_;
  std::vector<std::unique_ptr<Component>> components_;
  std::unique_ptr<Runner> runner_;
  bool settle_ = true;
};

}  // namespace swarm::component::testing
