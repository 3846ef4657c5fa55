// Changes of who belongs to the group, asked for by nodes that join or leave and by this node's own
// managing parts. Only the leader makes them, one after the other.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "driver.h"
#include "peer.h"
#include "profile_keeper.h"
#include "swarm/rpc.h"

namespace swarm::raft {

// Threading: [any].
class MembershipService : public std::enable_shared_from_this<MembershipService> {
 public:
  using Joined = Function<void(Result<docker::swarmkit::v1::JoinResponse>)>;

  MembershipService(std::shared_ptr<Driver> driver, std::shared_ptr<PeerParts> parts,
                    std::shared_ptr<ProfileKeeper> profile, std::unique_ptr<Random> random);

  // `node_id`: of the caller's certificate; `remote_address`: where it calls from.
  void Join(std::string node_id, const std::string& remote_address, const std::string& address,
            Joined done);
  // SwarmKit's checks and texts: member, leader, quorum.
  void Remove(RaftId id, Function<void(Status)> done);
  // Forgets what waits.
  void Stop();

 private:
  struct Joiner {
    std::string node_id;
    std::string address;
    Joined done;
  };
  using Turn = Function<void()>;

  // Each runs when those before it have ended, and calls Next.
  void Queue(Turn turn);
  void Next();
  void CheckJoiner(std::shared_ptr<Joiner> joiner);
  void FitProfile(const std::shared_ptr<Joiner>& joiner, std::shared_ptr<Channel> channel);
  void Admit(const std::shared_ptr<Joiner>& joiner);
  void Answer(const std::shared_ptr<Joiner>& joiner, RaftId id);
  void Refuse(const std::shared_ptr<Joiner>& joiner, Status why);
  Status CheckLeads() const;
  RaftId NewRaftId();

  const std::shared_ptr<Driver> driver_;
  const std::shared_ptr<PeerParts> parts_;
  const std::shared_ptr<ProfileKeeper> profile_;

  std::mutex mutex_;  // guards all below
  std::unique_ptr<Random> random_;
  std::deque<Turn> waiting_;
  bool busy_ = false;
  bool stopped_ = false;
};

}  // namespace swarm::raft
