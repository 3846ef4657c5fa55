// One subscription to an engine's events for all containers, renewed whenever it is lost, and a
// slow regular look at all of them for what events may have missed.
#pragma once

#include <memory>
#include <string>

#include "flow.h"
#include "gate.h"
#include "link.h"
#include "options.h"
#include "swarm/function.h"
#include "swarm/log.h"
#include "swarm/runtime.h"

namespace swarm::executor_docker {

// Threading: [loop].
class EventStream {
 public:
  struct Parts {
    Link& link;
    Logger log;
    const DockerOptions& options;
    Random& random;
    // Something happened to a task's container. Only a hint: what is the case, the engine says.
    Function<void(const std::string& task_id)> changed;
    // The stream is there (again): anything may have happened.
    Function<void()> connected;
    // Time for the regular look.
    Function<void()> poll;
  };
  explicit EventStream(Parts parts);

  void Begin();
  void End();
  bool connected() const { return connected_; }
  // The engine does not answer other calls: the stream is not to be believed either.
  void Distrust();
  // Ends when a call to the engine is worth trying again.
  Flow<bool> Reachable();

 private:
  void Connect();
  void OnStarted();
  void OnObject(const nlohmann::json& event);
  void OnEnded(const Status& status);
  void ScheduleConnect();
  void SchedulePoll();

  Parts parts_;
  Gate came_back_;
  LinkCallPtr call_;
  std::unique_ptr<Timer> reconnect_;
  std::unique_ptr<Timer> poll_;
  Duration pause_{};
  bool connected_ = false;
  bool warned_ = false;
};

}  // namespace swarm::executor_docker
