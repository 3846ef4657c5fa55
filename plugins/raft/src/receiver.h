// What other managers call: raft's messages, addresses, joining and leaving.
#pragma once

#include <memory>
#include <vector>

#include "driver.h"
#include "membership_service.h"
#include "rpc_transport.h"
#include "swarm/rpc.h"

namespace swarm::raft {

// Threading: [any]; handlers run on whatever thread a call comes in.
class Receiver : public std::enable_shared_from_this<Receiver> {
 public:
  Receiver(std::shared_ptr<Driver> driver, std::shared_ptr<RpcTransport> transport,
           std::shared_ptr<MembershipService> membership);

  Status Register(Router& router);
  // No call comes in any more once it returns; those under way are answered.
  void Stop() { registrations_.clear(); }

  // The message of one call, or of one stream put together.
  void Process(const CallContext& context, raftpb::Message wire, Function<void(Status)> done);

 private:
  void AfterDialBack(Message vote, Function<void(Status)> done);

  const std::shared_ptr<Driver> driver_;
  const std::shared_ptr<RpcTransport> transport_;
  const std::shared_ptr<MembershipService> membership_;
  std::vector<std::unique_ptr<Registration>> registrations_;
};

}  // namespace swarm::raft
