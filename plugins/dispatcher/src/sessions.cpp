#include <algorithm>
#include <utility>

#include "hub.h"

namespace swarm::dispatcher {
namespace {

constexpr std::string_view kLeaderChange =
    "Node moved to \"unknown\" state due to leadership change in cluster";
constexpr std::string_view kHeartbeatFailure = "heartbeat failure";
constexpr std::string_view kHeartbeatFailureUnknown =
    "heartbeat failure for node in \"unknown\" state";

// "host" of "host:port" and of "[host]:port"; empty when it is neither.
std::string HostOf(std::string_view address) {
  std::size_t colon = address.rfind(':');
  if (colon == address.npos) return {};
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    return std::string(host.substr(1, host.size() - 2));
  if (host.find(':') != host.npos) return {};
  return std::string(host);
}

Status NotRegistered() { return {Code::kNotFound, "node not registered"}; }
Status InvalidSession() { return {Code::kInvalidArgument, "session invalid"}; }
Status Stopped() { return {Code::kAborted, "dispatcher is stopped"}; }

Duration Times(Duration period, std::int64_t factor) { return period * factor; }

}  // namespace

Result<std::string> Hub::CallerOf(const CallContext& context) const {
  if (stopped_) return Stopped();
  if (!context.caller() || context.caller()->node_id.empty()) {
    return Status(Code::kPermissionDenied,
                  "Permission denied: unauthorized peer role: rpc error: code = PermissionDenied "
                  "desc = no client certificates in request");
  }
  return context.caller()->node_id;
}

Result<NodeRecord*> Hub::Check(const CallContext& context, const std::string& session_id) {
  SWARM_ASSIGN_OR_RETURN(std::string node_id, CallerOf(context));
  NodeRecord* record = Find(node_id);
  if (!record) return NotRegistered();
  if (session_id.empty() || record->session_id != session_id) return InvalidSession();
  return record;
}

Status Hub::CheckRate(NodeRecord* record) const {
  if (!record || parts_.options.rate_limit_attempts == 0) return {};
  SteadyTime now = parts_.runtime.clock().SteadyNow();
  if (!record->window_start || now - *record->window_start > parts_.options.rate_limit_window) {
    record->attempts = 0;
  }
  record->attempts += 1;
  if (record->attempts > parts_.options.rate_limit_attempts) {
    return {Code::kUnavailable,
            "node " + record->id + " exceeded rate limit count of registrations"};
  }
  record->window_start = now;
  return {};
}

std::string Hub::AddressOf(const CallContext& context) const {
  if (context.listener() == Listener::kRemote) return HostOf(context.remote_address());
  std::string own = HostOf(parts_.node.advertise_address);
  return own.empty() ? "127.0.0.1" : own;
}

NodeReport Hub::ReadyReport(const CallContext& context, const pb::SessionRequest& request) const {
  NodeReport report;
  report.state = pb::NodeStatus::READY;
  report.address = AddressOf(context);
  if (request.has_description()) {
    report.description = std::make_shared<const pb::NodeDescription>(request.description());
  }
  return report;
}

void Hub::Session(ServerStreamPtr stream, const pb::SessionRequest& request) {
  auto caller = CallerOf(*stream->context());
  if (!caller.ok()) return stream->Finish(caller.status());
  NodeRecord* record = Find(*caller);
  NodeReport report = ReadyReport(*stream->context(), request);
  if (record && !request.session_id().empty() && record->session_id == request.session_id()) {
    writes_->ReportNode(*caller, std::move(report));
    return OpenSession(record, std::move(stream));
  }
  if (Status rate = CheckRate(record); !rate.ok()) return stream->Finish(rate);
  if (!parts_.store.Read()->Get<pb::Node>(*caller)) {
    return stream->Finish({Code::kUnknown, "node not found"});
  }
  writes_->ReportNode(*caller, std::move(report),
                      [this, node_id = *caller, stream](const Status& written) mutable {
                        if (!written.ok()) return stream->Finish(written);
                        Register(node_id, std::move(stream));
                      });
}

void Hub::Register(const std::string& node_id, ServerStreamPtr stream) {
  auto node = parts_.store.Read()->Get<pb::Node>(node_id);
  if (!node) return stream->Finish({Code::kUnknown, "node not found"});
  down_.erase(node_id);
  auto& record = nodes_[node_id];
  if (!record) {
    record = std::make_unique<NodeRecord>();
    record->id = node_id;
  }
  record->EndStreams(InvalidSession());
  record->session_id = NewId(*random_);
  record->node = std::move(node);
  Arm(record.get(), Times(period_, parts_.options.grace_multiplier));
  OpenSession(record.get(), std::move(stream));
}

void Hub::OpenSession(NodeRecord* record, ServerStreamPtr stream) {
  auto feed = std::make_shared<Feed>(FeedParts(Duration::zero()), std::move(stream),
                                     [this, record] { return SessionMessage(*record); });
  record->sessions.push_back(feed);
  feed->Begin([this, id = record->id](const std::shared_ptr<Feed>& gone) {
    if (NodeRecord* owner = Find(id)) std::erase(owner->sessions, gone);
  });
  feed->Wake();
}

Payload Hub::SessionMessage(const NodeRecord& record) const {
  pb::SessionMessage message = common_;
  message.set_session_id(record.session_id);
  if (record.node) *message.mutable_node() = *record.node;
  return Payload::Of(std::move(message));
}

Duration Hub::DrawPeriod() {
  Duration epsilon = std::min(parts_.options.heartbeat_epsilon, period_ / 2);
  if (epsilon <= Duration::zero()) return period_;
  return random_->Between(period_ - epsilon, period_ + epsilon);
}

void Hub::Heartbeat(const CallContext& context, const pb::HeartbeatRequest& request,
                    UnaryReply reply) {
  auto record = Check(context, request.session_id());
  if (!record.ok()) return reply(record.status());
  Duration period = DrawPeriod();
  Arm(*record, Times(period, parts_.options.grace_multiplier));
  pb::HeartbeatResponse response;
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(period);
  response.mutable_period()->set_seconds(seconds.count());
  response.mutable_period()->set_nanos(static_cast<std::int32_t>((period - seconds).count()));
  reply(Payload::Of(std::move(response)));
}

void Hub::MarkUnknown(const std::shared_ptr<const pb::Node>& node) {
  auto& record = nodes_[node->id()];
  record = std::make_unique<NodeRecord>();
  record->id = node->id();
  record->node = node;
  NodeReport report;
  report.state = pb::NodeStatus::UNKNOWN;
  report.message = kLeaderChange;
  writes_->ReportNode(node->id(), std::move(report));
  Arm(record.get(), Times(period_, parts_.options.unknown_grace_multiplier));
}

void Hub::Arm(NodeRecord* record, Duration grace) {
  SteadyTime now = parts_.runtime.clock().SteadyNow();
  record->deadline = now + grace;
  if (record->timer && record->fires_at <= record->deadline) return;
  record->fires_at = record->deadline;
  record->timer = parts_.loop.After(grace, [this, id = record->id] { OnDeadline(id); });
}

void Hub::OnDeadline(const std::string& node_id) {
  NodeRecord* record = Find(node_id);
  if (!record) return;
  // The timer, which holds `node_id`, is destroyed on the way.
  const std::string id = node_id;
  auto timer = std::move(record->timer);
  Duration left = record->deadline - parts_.runtime.clock().SteadyNow();
  if (left > Duration::zero()) return Arm(record, left);
  NodeReport report;
  report.state = pb::NodeStatus::DOWN;
  report.message = record->session_id.empty() ? kHeartbeatFailureUnknown : kHeartbeatFailure;
  parts_.log.Warn("A node stopped reporting", {{"node.id", id}});
  writes_->ReportNode(id, std::move(report));
  Drop(id, NotRegistered());
  MarkDown(id);
}

void Hub::Drop(const std::string& node_id, const Status& why) {
  auto found = nodes_.find(node_id);
  if (found == nodes_.end()) return;
  found->second->EndStreams(why);
  nodes_.erase(found);
}

void Hub::MarkDown(const std::string& node_id) {
  down_[node_id] = parts_.loop.After(parts_.options.orphan_after, [this, id = node_id] {
    const std::string node_id = id;
    auto timer = std::move(down_[node_id]);
    down_.erase(node_id);
    Orphan(node_id);
  });
}

void Hub::Orphan(const std::string& node_id) {
  auto tasks = parts_.store.Read()->FindTasks(By::Node(node_id));
  if (!tasks.ok() || tasks->empty()) return;
  auto next = [tasks = std::move(*tasks),
               i = std::size_t{0}](Transaction& tx) mutable -> Result<bool> {
    if (i == tasks.size()) return false;
    TaskPtr task = tx.GetTask(tasks[i++]->id);
    if (!task || task->status.state < pb::ASSIGNED || IsTerminal(task->status.state)) return true;
    auto orphan = std::make_shared<Task>(*task);
    orphan->status.state = pb::ORPHANED;
    SWARM_RETURN_IF_ERROR(tx.UpdateTask(std::move(orphan)));
    return true;
  };
  parts_.writer->Batch(std::move(next), [log = parts_.log, node_id](Result<Index> result) {
    if (result.ok()) return;
    log.Warn("Giving up the tasks of a lost node failed",
             {{"node.id", node_id}, {"error", result.status().ToString()}});
  });
}

}  // namespace swarm::dispatcher
