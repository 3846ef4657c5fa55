// Gives networks their subnets, services their virtual IPs and ports, tasks and nodes their
// addresses, and moves tasks that have what they need to PENDING.
//
// What is to be given is worked out on the component's loop from the committed state, and written
// in one batch at a time; the next round begins when that is durable. So a round never sees half of
// an earlier one.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "component/component.h"
#include "ledger.h"
#include "node_usage.h"

namespace swarm::allocator {

using ServicePtr = std::shared_ptr<const pb::Service>;

// Threading: [loop].
class Allocator final : public component::Part {
 public:
  explicit Allocator(component::Env& env);

  void Begin(const ViewPtr& view) override;
  void OnCommit(const Commit& commit) override;

 private:
  struct Round;  // what is to be written at once

  void Restore(const Reader& reader);
  void ReadPools(const Reader& reader);
  void MakePredefinedNetworks();
  void Report(const char* what, const std::string& id, const Status& status);

  void OnNetwork(const Event& event);
  void OnService(const Event& event);
  void OnNode(const Event& event);
  void OnTask(const Event& event);

  // Begins to write what is wanted, unless that is under way.
  void Pump();
  // Whoever waits may have more luck now.
  void WakeAll();
  void WakeTasksOf(const std::string& service_id);
  void AllocateNetworks(const ViewPtr& view, Round* round);
  void AllocateServices(const ViewPtr& view, Round* round);
  void AllocateNodes(const ViewPtr& view, Round* round);
  void AllocateTasks(const ViewPtr& view, Round* round);
  void AllocateTask(const ViewPtr& view, const TaskPtr& task, Round* round);
  // What the task waits for; empty when it waits for nothing any more.
  Status GiveTask(const ViewPtr& view, const TaskPtr& task, Round* round);
  void Write(std::shared_ptr<Round> round);
  void Undo(const Round& round, const Status& why);
  void ArmRetry();

  component::Env& env_;
  Ledger ledger_;
  NodeUsage usage_;

  // To be looked at. Sets and maps, in order of ids, so that a simulation replays.
  std::set<std::string> networks_;
  std::set<std::string> services_;
  std::set<std::string> nodes_;
  std::set<std::string> tasks_;
  // Looked at in vain.
  std::set<std::string> waiting_networks_;
  std::map<std::string, Status> waiting_services_;  // and why
  std::set<std::string> waiting_nodes_;
  std::map<std::string, std::set<std::string>> waiting_tasks_;  // by service
  bool freed_ = false;  // something that others may wait for
  bool busy_ = false;
  std::unique_ptr<Timer> retry_;
};

}  // namespace swarm::allocator
