#include "peer.h"

#include <chrono>
#include <utility>

#include "health_check.h"
#include "swarm/rpc_typed.h"
#include "swarmkit/v1/raft.pb.h"
#include "wire.h"

namespace swarm::raft {
namespace {

namespace pb = ::docker::swarmkit::v1;

constexpr std::string_view kProcess = "/docker.swarmkit.v1.Raft/ProcessRaftMessage";
constexpr std::string_view kStream = "/docker.swarmkit.v1.Raft/StreamRaftMessage";

// As SwarmKit's managers have it.
constexpr Duration kSendTimeout = std::chrono::seconds(2);
// For a whole snapshot: peers watch over each piece themselves.
constexpr Duration kSnapshotTimeout = std::chrono::minutes(4);
constexpr Duration kProbeTimeout = std::chrono::seconds(2);
constexpr std::size_t kMaxQueued = 4096;
// What appends are joined up to; well below what peers take.
constexpr std::size_t kMaxJoinedBytes = 1 << 20;

std::size_t BytesOf(const Message& message) {
  std::size_t bytes = 0;
  for (const Entry& entry : message.entries) bytes += EncodedBytes(entry);
  return bytes;
}

bool JoinAppend(Message& last, Message& next) {
  const bool follows = next.index == last.index + last.entries.size();
  if (!follows || BytesOf(last) + BytesOf(next) > kMaxJoinedBytes) return false;
  for (Entry& entry : next.entries) last.entries.push_back(std::move(entry));
  last.commit = std::max(last.commit, next.commit);
  return true;
}

bool Join(Message& last, Message& next) {
  if (last.type != next.type || last.term != next.term) return false;
  switch (next.type) {
    case MessageType::kAppend:
      return JoinAppend(last, next);
    case MessageType::kAppendResponse:
      if (last.reject || next.reject || next.index < last.index) return false;
      last = std::move(next);
      return true;
    case MessageType::kHeartbeat:
    case MessageType::kHeartbeatResponse:
      if (last.context != next.context) return false;
      last = std::move(next);
      return true;
    default:
      return false;
  }
}

// One stream with all pieces of one snapshot, each sent once the one before has left.
class SnapshotStream : public std::enable_shared_from_this<SnapshotStream> {
 public:
  SnapshotStream(std::shared_ptr<Channel> channel, std::shared_ptr<ClientStream> stream,
                 pb::StreamRaftMessageRequest request, Function<void(Status)> done)
      : channel_(std::move(channel)),
        stream_(std::move(stream)),
        pieces_(Split(std::move(request))),
        done_(std::move(done)) {}

  void Begin() {
    stream_->Read([self = shared_from_this()](Result<std::optional<::swarm::Payload>> reply) {
      self->OnReply(reply.ok() ? Status::Ok() : reply.status());
    });
    SendNext();
  }

 private:
  void SendNext() {
    if (next_ == pieces_.size()) return stream_->CloseSend();
    stream_->Send(::swarm::Payload::Of(pieces_[next_++]), [self = shared_from_this()](bool sent) {
      if (sent) self->SendNext();  // else the reply says why
    });
  }

  void OnReply(Status outcome) {
    if (outcome.code() == Code::kUnimplemented) return SendWhole();
    Function<void(Status)> done = std::exchange(done_, nullptr);
    if (done) done(std::move(outcome));
  }

  // A peer from before there were streams.
  void SendWhole() {
    pb::ProcessRaftMessageRequest request;
    *request.mutable_message() = pieces_.front().message();
    for (std::size_t i = 1; i < pieces_.size(); ++i) {
      request.mutable_message()->mutable_snapshot()->mutable_data()->append(
          pieces_[i].message().snapshot().data());
    }
    CallOptions options;
    options.timeout = kSnapshotTimeout;
    CallUnary<pb::ProcessRaftMessageResponse>(
        *channel_, kProcess, std::move(options), std::move(request),
        [done = std::exchange(done_, nullptr)](auto reply) mutable {
          if (done) done(reply.ok() ? Status::Ok() : reply.status());
        });
  }

  const std::shared_ptr<Channel> channel_;
  const std::shared_ptr<ClientStream> stream_;
  std::vector<pb::StreamRaftMessageRequest> pieces_;
  std::size_t next_ = 0;
  Function<void(Status)> done_;
};

}  // namespace

void Enqueue(std::deque<Message>& queue, Message message) {
  if (!queue.empty() && Join(queue.back(), message)) return;
  queue.push_back(std::move(message));
}

Peer::Peer(RaftId id, std::string address, std::shared_ptr<PeerParts> parts)
    : id_(id), parts_(std::move(parts)), address_(std::move(address)) {}

void Peer::SetAddress(std::string address) {
  std::shared_ptr<Channel> dropped;  // its end may call back
  const std::lock_guard lock(mutex_);
  if (address == address_) return;
  address_ = std::move(address);
  dropped.swap(channel_);
}

void Peer::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
}

Result<std::shared_ptr<Channel>> Peer::Connect(std::unique_lock<std::mutex>& lock) {
  if (channel_) return channel_;
  const std::string address = address_;
  lock.unlock();
  Result<std::shared_ptr<Channel>> dialled = parts_->dial(address);
  lock.lock();
  if (dialled.ok() && address == address_) channel_ = *dialled;
  return dialled;
}

std::shared_ptr<Channel> Peer::channel() {
  std::unique_lock lock(mutex_);
  const Result<std::shared_ptr<Channel>> connected = Connect(lock);
  return connected.ok() ? *connected : nullptr;
}

void Peer::Send(Message message) {
  if (message.type == MessageType::kSnapshot) return SendSnapshot(std::move(message));
  std::unique_lock lock(mutex_);
  if (stopped_) return;
  if (queue_.size() >= kMaxQueued) {
    lock.unlock();
    return Tell(Status(Code::kUnavailable, "peer is unreachable"));
  }
  Enqueue(queue_, std::move(message));
  SendNext(std::move(lock));
}

void Peer::SendNext(std::unique_lock<std::mutex> lock) {
  if (sending_ || queue_.empty()) return;
  sending_ = true;
  const Result<std::shared_ptr<Channel>> channel = Connect(lock);
  if (!channel.ok()) {
    queue_.clear();
    lock.unlock();
    return OnSent(channel.status());
  }
  Message message = std::move(queue_.front());
  queue_.pop_front();
  lock.unlock();
  SendUnary(*channel, std::move(message));
}

void Peer::SendUnary(const std::shared_ptr<Channel>& channel, Message message) {
  pb::ProcessRaftMessageRequest request;
  *request.mutable_message() = ToWire(message);
  CallOptions options;
  options.timeout = kSendTimeout;
  CallUnary<pb::ProcessRaftMessageResponse>(
      *channel, kProcess, std::move(options), std::move(request),
      [self = shared_from_this()](auto reply) {
        self->OnSent(reply.ok() ? Status::Ok() : reply.status());
      });
}

// [mutex_]
void Peer::Note(const Status& outcome) { failing_ = !outcome.ok(); }

void Peer::Heard() {
  std::shared_ptr<Channel> dropped;  // its end may call back
  const std::lock_guard lock(mutex_);
  if (sending_ || sending_snapshot_ || probing_ || !std::exchange(failing_, false)) return;
  dropped.swap(channel_);
}

void Peer::OnSent(const Status& outcome) {
  Tell(outcome);
  std::unique_lock lock(mutex_);
  Note(outcome);
  sending_ = false;
  // What waits was said to somebody who may never hear it; raft says the needful again.
  if (!outcome.ok()) queue_.clear();
  SendNext(std::move(lock));
}

void Peer::SendSnapshot(Message message) {
  std::unique_lock lock(mutex_);
  if (stopped_ || sending_snapshot_) return;
  sending_snapshot_ = true;
  const Result<std::shared_ptr<Channel>> channel = Connect(lock);
  lock.unlock();
  if (!channel.ok()) return OnSnapshotSent(channel.status());
  pb::StreamRaftMessageRequest request;
  *request.mutable_message() = ToWire(message);
  CallOptions options;
  options.timeout = kSnapshotTimeout;
  std::shared_ptr<ClientStream> stream = (*channel)->Open(kStream, std::move(options));
  std::make_shared<SnapshotStream>(
      *channel, std::move(stream), std::move(request),
      [self = shared_from_this()](const Status& outcome) { self->OnSnapshotSent(outcome); })
      ->Begin();
}

void Peer::OnSnapshotSent(const Status& outcome) {
  {
    const std::lock_guard lock(mutex_);
    sending_snapshot_ = false;
    Note(outcome);
    if (stopped_) return;
  }
  parts_->events->snapshot(id_, outcome.ok());
  Tell(outcome);
}

void Peer::Probe() {
  std::unique_lock lock(mutex_);
  if (stopped_ || std::exchange(probing_, true)) return;
  const Result<std::shared_ptr<Channel>> channel = Connect(lock);
  lock.unlock();
  if (!channel.ok()) return OnProbed(channel.status());
  CheckHealth(*channel, kProbeTimeout,
              [self = shared_from_this()](const Status& health) { self->OnProbed(health); });
}

void Peer::OnProbed(const Status& outcome) {
  {
    const std::lock_guard lock(mutex_);
    probing_ = false;
    Note(outcome);
    if (stopped_) return;
  }
  parts_->events->activity(id_, outcome.ok());
}

void Peer::Tell(const Status& outcome) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
  }
  parts_->events->activity(id_, outcome.ok());
  if (outcome.ok()) return;
  // Only this pair of code and text means it.
  const bool removed = outcome.code() == Code::kNotFound &&
                       outcome.message() == "raft: member was removed from the cluster";
  if (removed) return parts_->events->removed();
  parts_->events->unreachable(id_);
}

}  // namespace swarm::raft
