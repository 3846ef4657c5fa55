// Tells the manager how tasks are: the newest status of each, several in a call, one call at a
// time, again until it is accepted.
// Threading: [loop].
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "component/poster.h"
#include "swarm/function.h"
#include "swarm/log.h"
#include "swarm/rpc.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::agent {

namespace pb = ::docker::swarmkit::v1;

class Reporter : public std::enable_shared_from_this<Reporter> {
 public:
  Reporter(component::Poster post, Logger log) : post_(std::move(post)), log_(std::move(log)) {}

  // Replaces what is queued for the task, unless that has a higher state.
  void Report(const std::string& task_id, const pb::TaskStatus& status);
  // No more of this task.
  void Forget(const std::string& task_id);

  // A session is there: calls go over `channel`; `failed` is called when one fails in a way that
  // ends the session. Everything is to be reported anew by the owner.
  void Begin(std::shared_ptr<Channel> channel, std::string session_id,
             Function<void(const Status&)> failed);
  // Keeps what is queued for the next session.
  void End();

 private:
  using Batch = std::vector<std::pair<std::string, pb::TaskStatus>>;
  void Send();
  void OnReply(std::uint64_t generation, const Status& status);

  const component::Poster post_;
  const Logger log_;
  std::shared_ptr<Channel> channel_;  // null: no session
  std::shared_ptr<PendingCall> call_;
  std::string session_id_;
  Function<void(const Status&)> failed_;
  std::uint64_t generation_ = 0;  // of sessions
  std::unordered_map<std::string, pb::TaskStatus> pending_;
  std::deque<std::string> order_;  // of what is pending; may name what is not any more
  Batch sent_;
  bool one_by_one_ = false;  // to find which of a refused batch is at fault
};

}  // namespace swarm::agent
