#include "membership_service.h"

#include <chrono>
#include <optional>
#include <utility>

#include "health_check.h"
#include "swarm/store_errors.h"

namespace swarm::raft {
namespace {

namespace pb = ::docker::swarmkit::v1;

constexpr Duration kDialBack = std::chrono::seconds(5);

struct HostPort {
  std::string host;
  std::string port;
};

// "host:port" or "[v6]:port".
std::optional<HostPort> SplitAddress(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size()) return std::nullopt;
  std::string host = address.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string::npos) return std::nullopt;
  return HostPort{host, address.substr(colon + 1)};
}

std::string JoinAddress(const HostPort& parts) {
  const bool v6 = parts.host.find(':') != std::string::npos;
  return (v6 ? "[" + parts.host + "]" : parts.host) + ":" + parts.port;
}

// A joiner that listens everywhere is reached where it calls from.
std::string Reachable(HostPort wanted, const std::string& remote_address) {
  const bool everywhere = wanted.host.empty() || wanted.host == "0.0.0.0" || wanted.host == "::";
  const std::optional<HostPort> remote = SplitAddress(remote_address);
  if (everywhere && remote) wanted.host = remote->host;
  return JoinAddress(wanted);
}

Status Unknown(const char* text) { return {Code::kUnknown, text}; }

constexpr char kNoMember[] = "raft: node is not yet part of a raft cluster";
constexpr char kQuorum[] =
    "raft: member cannot be removed, because removing it may result in loss of quorum";

}  // namespace

MembershipService::MembershipService(std::shared_ptr<Driver> driver,
                                     std::shared_ptr<PeerParts> parts,
                                     std::shared_ptr<ProfileKeeper> profile,
                                     std::unique_ptr<Random> random)
    : driver_(std::move(driver)),
      parts_(std::move(parts)),
      profile_(std::move(profile)),
      random_(std::move(random)) {}

void MembershipService::Stop() {
  std::deque<Turn> dropped;
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  dropped.swap(waiting_);
}

void MembershipService::Queue(Turn turn) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    waiting_.push_back(std::move(turn));
    if (std::exchange(busy_, true)) return;
  }
  Next();
}

void MembershipService::Next() {
  Turn turn;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      busy_ = false;
      return;
    }
    turn = std::move(waiting_.front());
    waiting_.pop_front();
  }
  turn();
}

Status MembershipService::CheckLeads() const {
  const MemberTable& table = driver_->table();
  if (!table.IsMember(table.self())) return {Code::kFailedPrecondition, kNoMember};
  if (table.Leader().self) return Status::Ok();
  return {Code::kFailedPrecondition, std::string(store_errors::kLostLeader)};
}

RaftId MembershipService::NewRaftId() {
  const std::lock_guard lock(mutex_);
  while (true) {
    const RaftId id((random_->Next() >> 1) + 1);
    if (!driver_->table().IsMember(id) && !driver_->table().IsRemoved(id)) return id;
  }
}

void MembershipService::Join(std::string node_id, const std::string& remote_address,
                             const std::string& address, Joined done) {
  if (Status leads = CheckLeads(); !leads.ok()) return done(std::move(leads));
  const std::optional<HostPort> wanted = SplitAddress(address);
  if (!wanted) {
    return done(
        Status(Code::kInvalidArgument, "invalid address " + address + " in raft join request"));
  }
  auto joiner = std::make_shared<Joiner>(
      Joiner{std::move(node_id), Reachable(*wanted, remote_address), std::move(done)});
  Queue([self = shared_from_this(), joiner] { self->CheckJoiner(joiner); });
}

// It has to be reached where it says, or the group would get a member that never answers.
void MembershipService::CheckJoiner(std::shared_ptr<Joiner> joiner) {
  Result<std::shared_ptr<Channel>> channel = parts_->dial(joiner->address);
  const auto refuse = [self = shared_from_this(), joiner](const Status& why) {
    self->Refuse(joiner,
                 why.WithContext("could not connect to prospective new cluster member using its "
                                 "advertised address"));
  };
  if (!channel.ok()) return refuse(channel.status());
  CheckHealth(*channel, kDialBack,
              [self = shared_from_this(), joiner, refuse,
               channel = *channel](const Status& health) mutable {
                if (!health.ok()) return refuse(health);
                self->FitProfile(joiner, std::move(channel));
              });
}

// Nobody comes in before the group's election timing is one that it can keep to.
void MembershipService::FitProfile(const std::shared_ptr<Joiner>& joiner,
                                   std::shared_ptr<Channel> channel) {
  RaftId known;
  for (const Member& member : driver_->Members()) {
    if (member.node_id == joiner->node_id) known = member.raft_id;
  }
  profile_->BeginJoin(std::move(channel), known,
                      [self = shared_from_this(), joiner](Status outcome) {
                        if (!outcome.ok()) return self->Refuse(joiner, std::move(outcome));
                        self->Admit(joiner);
                      });
}

void MembershipService::Admit(const std::shared_ptr<Joiner>& joiner) {
  RaftMember member;
  member.set_node_id(joiner->node_id);
  member.set_addr(joiner->address);
  member.mutable_status();
  auto type = ConfChangeType::kAddVoter;
  for (const Member& known : driver_->Members()) {
    if (known.node_id != joiner->node_id) continue;
    if (known.address == joiner->address) return Answer(joiner, known.raft_id);
    type = ConfChangeType::kUpdate;
    member.set_raft_id(known.raft_id.value());
  }
  if (type == ConfChangeType::kAddVoter) member.set_raft_id(NewRaftId().value());
  const RaftId id(member.raft_id());
  driver_->Change(type, std::move(member), [self = shared_from_this(), joiner, id](Status outcome) {
    if (!outcome.ok()) return self->Refuse(joiner, std::move(outcome));
    self->Answer(joiner, id);
  });
}

void MembershipService::Answer(const std::shared_ptr<Joiner>& joiner, RaftId id) {
  pb::JoinResponse response;
  response.set_raft_id(id.value());
  for (const Member& known : driver_->Members()) {
    RaftMember& member = *response.add_members();
    member.set_raft_id(known.raft_id.value());
    member.set_node_id(known.node_id);
    member.set_addr(known.address);
    member.mutable_status();
  }
  profile_->EndJoin();
  joiner->done(std::move(response));
  Next();
}

void MembershipService::Refuse(const std::shared_ptr<Joiner>& joiner, Status why) {
  profile_->EndJoin();
  joiner->done(std::move(why));
  Next();
}

void MembershipService::Remove(RaftId id, Function<void(Status)> done) {
  Queue([self = shared_from_this(), id, done = std::move(done)]() mutable {
    const MemberTable& table = self->driver_->table();
    const auto refuse = [&](Status why) {
      done(std::move(why));
      self->Next();
    };
    if (!table.IsMember(table.self())) return refuse(Unknown(kNoMember));
    if (!table.Leader().self) return refuse(store_errors::Make(store_errors::kLostLeader));
    // One that is gone already needs no quorum to stay so.
    if (table.IsRemoved(id)) return refuse(Status::Ok());
    if (!table.CanRemove(id)) return refuse(Unknown(kQuorum));
    RaftMember member;
    member.set_raft_id(id.value());
    self->driver_->Change(ConfChangeType::kRemove, std::move(member),
                          [self, done = std::move(done)](Status outcome) mutable {
                            done(std::move(outcome));
                            self->Next();
                          });
  });
}

}  // namespace swarm::raft
