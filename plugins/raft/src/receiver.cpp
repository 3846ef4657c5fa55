#include "receiver.h"

#include <chrono>
#include <utility>

#include "health_check.h"
#include "swarm/rpc_typed.h"
#include "swarmkit/v1/snapshot.pb.h"
#include "wire.h"

namespace swarm::raft {
namespace {

namespace pb = ::docker::swarmkit::v1;

constexpr Duration kDialBack = std::chrono::seconds(2);

std::string Hex(std::uint64_t id) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), kDigits[id % 16]);
    id /= 16;
  } while (id != 0);
  return text;
}

// A snapshot that cannot be taken apart must not replace anything: some peers send such.
Status CheckSnapshot(const Message& message) {
  if (message.type != MessageType::kSnapshot) return Status::Ok();
  if (message.snapshot->data->empty()) {
    return {Code::kInvalidArgument, "a snapshot without content"};
  }
  SWARM_ASSIGN_OR_RETURN(const consensus::SnapshotParts parts,
                         consensus::SplitSnapshot(*message.snapshot->data));
  pb::StoreSnapshot store;
  if (store.ParseFromArray(parts.store.data(), static_cast<int>(parts.store.size()))) {
    return Status::Ok();
  }
  return {Code::kInvalidArgument, "the snapshot's part for the store is damaged; send it again"};
}

// Puts the frames of one stream together and has the whole processed.
class Assembly : public std::enable_shared_from_this<Assembly> {
 public:
  Assembly(std::shared_ptr<Receiver> receiver, ServerStreamPtr stream)
      : receiver_(std::move(receiver)), stream_(std::move(stream)) {}

  void ReadNext() {
    stream_->Read([self = shared_from_this()](std::optional<::swarm::Payload> frame) {
      if (!frame) return self->OnEnd();
      if (Status taken = self->Take(*frame); !taken.ok()) {
        return self->stream_->Finish(std::move(taken));
      }
      self->ReadNext();
    });
  }

 private:
  Status Take(const ::swarm::Payload& frame) {
    SWARM_ASSIGN_OR_RETURN(const auto request, frame.As<pb::StreamRaftMessageRequest>());
    if (!request->has_message()) {
      return {Code::kInvalidArgument, "a frame without a raft message"};
    }
    const raftpb::Message& piece = request->message();
    if (!std::exchange(begun_, true)) {
      whole_ = piece;
      return Status::Ok();
    }
    if (piece.index() != whole_.index()) {
      return {Code::kInvalidArgument,
              "Raft message chunk with index " + std::to_string(piece.index()) +
                  " is different from the previously received raft message index " +
                  std::to_string(whole_.index())};
    }
    if (piece.type() != raftpb::MsgSnap) {
      return {Code::kInvalidArgument, "Raft message chunk is not of type 7"};
    }
    whole_.mutable_snapshot()->mutable_data()->append(piece.snapshot().data());
    return Status::Ok();
  }

  void OnEnd() {
    if (stream_->context()->cancelled()) return;
    if (!begun_) {
      return stream_->Finish({Code::kInvalidArgument, "a stream without a raft message"});
    }
    receiver_->Process(
        *stream_->context(), std::move(whole_), [self = shared_from_this()](Status outcome) {
          if (!outcome.ok()) return self->stream_->Finish(std::move(outcome));
          self->stream_->Send(::swarm::Payload::Of(pb::StreamRaftMessageResponse()), [](bool) {});
          self->stream_->Finish(Status::Ok());
        });
  }

  const std::shared_ptr<Receiver> receiver_;
  const ServerStreamPtr stream_;
  raftpb::Message whole_;
  bool begun_ = false;
};

class StreamOfRaft final : public StreamHandler {
 public:
  explicit StreamOfRaft(std::weak_ptr<Receiver> receiver) : receiver_(std::move(receiver)) {}
  void Open(ServerStreamPtr stream) noexcept override {
    if (auto receiver = receiver_.lock()) {
      std::make_shared<Assembly>(std::move(receiver), std::move(stream))->ReadNext();
    }
  }

 private:
  const std::weak_ptr<Receiver> receiver_;
};

template <class Response>
auto ReplyWith(UnaryReply reply) {
  return [reply = std::move(reply)](Status outcome) mutable {
    if (!outcome.ok()) return reply(std::move(outcome));
    reply(::swarm::Payload::Of(Response()));
  };
}

}  // namespace

Receiver::Receiver(std::shared_ptr<Driver> driver, std::shared_ptr<RpcTransport> transport,
                   std::shared_ptr<MembershipService> membership)
    : driver_(std::move(driver)),
      transport_(std::move(transport)),
      membership_(std::move(membership)) {}

Status Receiver::Register(Router& router) {
  const std::weak_ptr<Receiver> weak = weak_from_this();
  const auto add = [&](std::string_view method, auto handler) -> Status {
    SWARM_ASSIGN_OR_RETURN(auto registration, router.Register(method, std::move(handler)));
    registrations_.push_back(std::move(registration));
    return Status::Ok();
  };
  SWARM_RETURN_IF_ERROR(
      add("/docker.swarmkit.v1.Raft/ProcessRaftMessage",
          MakeUnaryHandler<pb::ProcessRaftMessageRequest>(
              [weak](const CallContextPtr& context, const auto& request, UnaryReply reply) {
                auto self = weak.lock();
                if (!self) return;
                auto done = ReplyWith<pb::ProcessRaftMessageResponse>(std::move(reply));
                if (!request->has_message()) return done(Status::Ok());
                self->Process(*context, request->message(), std::move(done));
              })));
  SWARM_RETURN_IF_ERROR(add("/docker.swarmkit.v1.Raft/StreamRaftMessage",
                            std::shared_ptr<StreamHandler>(std::make_shared<StreamOfRaft>(weak))));
  SWARM_RETURN_IF_ERROR(add(
      "/docker.swarmkit.v1.Raft/ResolveAddress",
      MakeUnaryHandler<pb::ResolveAddressRequest>([weak](const CallContextPtr&, const auto& request,
                                                         UnaryReply reply) {
        auto self = weak.lock();
        if (!self) return;
        const MemberTable& table = self->driver_->table();
        if (!table.IsMember(table.self())) {
          return reply(Status(Code::kUnknown, "raft: node is not yet part of a raft cluster"));
        }
        pb::ResolveAddressResponse response;
        response.set_addr(table.AddressOf(RaftId(request->raft_id())));
        if (response.addr().empty()) {
          return reply(Status(Code::kNotFound, "member " + Hex(request->raft_id()) + " not found"));
        }
        reply(::swarm::Payload::Of(std::move(response)));
      })));
  SWARM_RETURN_IF_ERROR(add(
      kGetTiming, MakeUnaryHandler<swarmd::v1::GetTimingRequest>(
                      [weak](const CallContextPtr&, const auto&, UnaryReply reply) {
                        auto self = weak.lock();
                        if (!self) return;
                        const Driver& driver = *self->driver_;
                        reply(::swarm::Payload::Of(TellTiming(driver.profile(), driver.options())));
                      })));
  SWARM_RETURN_IF_ERROR(
      add("/docker.swarmkit.v1.RaftMembership/Join",
          MakeUnaryHandler<pb::JoinRequest>([weak](const CallContextPtr& context,
                                                   const auto& request, UnaryReply reply) {
            auto self = weak.lock();
            if (!self) return;
            if (!context->caller()) {
              return reply(Status(Code::kPermissionDenied, "no client certificates in request"));
            }
            self->membership_->Join(
                context->caller()->node_id, context->remote_address(), request->addr(),
                [reply = std::move(reply)](Result<pb::JoinResponse> joined) mutable {
                  if (!joined.ok()) return reply(joined.status());
                  reply(::swarm::Payload::Of(*std::move(joined)));
                });
          })));
  return add("/docker.swarmkit.v1.RaftMembership/Leave",
             MakeUnaryHandler<pb::LeaveRequest>(
                 [weak](const CallContextPtr&, const auto& request, UnaryReply reply) {
                   auto self = weak.lock();
                   if (!self) return;
                   if (!request->has_node()) {
                     return reply(Status(Code::kInvalidArgument, "no node information provided"));
                   }
                   self->membership_->Remove(RaftId(request->node().raft_id()),
                                             ReplyWith<pb::LeaveResponse>(std::move(reply)));
                 }));
}

void Receiver::Process(const CallContext& context, raftpb::Message wire,
                       Function<void(Status)> done) {
  const MemberTable& table = driver_->table();
  const RaftId from(wire.from());
  if (table.IsRemoved(from)) {
    return done(Status(Code::kNotFound, "raft: member was removed from the cluster"));
  }
  std::optional<Message> message = FromWire(std::move(wire));
  // Forwarded proposals are never taken: a leader would not know whom to tell.
  if (!message || message->type == MessageType::kProposal || message->to != table.self()) {
    return done(Status::Ok());
  }
  const std::string known_as = table.NodeOf(from);
  if (context.caller() && !known_as.empty() && context.caller()->node_id != known_as) {
    return done(
        Status(Code::kPermissionDenied, "Permission denied: node " + context.caller()->node_id +
                                            " speaks for the raft member of node " + known_as));
  }
  if (Status good = CheckSnapshot(*message); !good.ok()) return done(std::move(good));
  transport_->Heard(from);
  if (message->type == MessageType::kVote) {
    return AfterDialBack(*std::move(message), std::move(done));
  }
  driver_->ReportActivity(from, true);
  driver_->Receive(*std::move(message));
  done(Status::Ok());
}

// A candidate that cannot be reached could win, and then lead nobody.
void Receiver::AfterDialBack(Message vote, Function<void(Status)> done) {
  std::shared_ptr<Channel> channel = transport_->ChannelTo(vote.from);
  if (!channel) return done(Status::Ok());
  CheckHealth(std::move(channel), kDialBack,
              [driver = driver_, vote = std::move(vote),
               done = std::move(done)](const Status& health) mutable {
                if (health.ok()) {
                  driver->ReportActivity(vote.from, true);
                  driver->Receive(std::move(vote));
                }
                done(Status::Ok());
              });
}

}  // namespace swarm::raft
