// Becoming a member of a group: asks one of its managers, which asks back whether this one answers.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "swarm/network.h"
#include "swarm/rpc.h"
#include "swarmkit/v1/raft.pb.h"

namespace swarm::raft {

// Threading: [any].
class Joining : public std::enable_shared_from_this<Joining> {
 public:
  using Done = Function<void(Result<docker::swarmkit::v1::JoinResponse>)>;

  // Serves the health check until End: the control API, which usually does, starts only after
  // consensus.
  Status Begin(Router& router, std::shared_ptr<Channel> manager, const std::string& own_address,
               Done done);
  // `done` is not called any more.
  void End();

 private:
  std::mutex mutex_;  // guards all below; `done_` is never called under it
  Done done_;
  std::shared_ptr<Channel> manager_;
  std::shared_ptr<PendingCall> call_;
  std::unique_ptr<Registration> health_;
};

}  // namespace swarm::raft
