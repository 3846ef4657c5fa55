// Gives tasks what they need before they may be scheduled. So far: nothing but host-mode ports,
// which need no choice; tasks that need more wait, and say what for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "component/component.h"

namespace swarm::allocator {

using ServicePtr = std::shared_ptr<const pb::Service>;

// What this allocator cannot give to tasks of the service, for people; nothing when it can.
std::optional<std::string> Missing(const pb::Service& service);
// The same for a task without a service.
std::optional<std::string> Missing(const pb::TaskSpec& spec);

// The endpoint the service should have; nothing when it has it.
std::optional<pb::Endpoint> WantedEndpoint(const pb::Service& service);

// Threading: [loop].
class Allocator final : public component::Part {
 public:
  explicit Allocator(component::Env& env);

  void Begin(const ViewPtr& view) override;
  void OnCommit(const Commit& commit) override;

 private:
  class Work;
  void OnService(const pb::Service& service, const pb::Service* before);
  // Begins to write what is wanted, unless that is under way.
  void Pump();

  component::Env& env_;
  std::set<std::string> services_;  // whose endpoint must be written
  // New tasks, in order of their ids so that a simulation replays.
  std::map<std::string, TaskPtr> tasks_;
  bool busy_ = false;
};

}  // namespace swarm::allocator
