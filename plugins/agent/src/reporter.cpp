#include "reporter.h"

#include <chrono>
#include <utility>

#include "swarm/rpc_typed.h"

namespace swarm::agent {
namespace {

// A server takes at most 4 MiB in a message; a status is far below a kilobyte but for its texts.
constexpr std::size_t kMaxBatch = 1000;
constexpr std::size_t kMaxBytes = 1u << 20;
constexpr Duration kTimeout = std::chrono::seconds(30);

}  // namespace

void Reporter::Report(const std::string& task_id, const pb::TaskStatus& status) {
  auto [slot, fresh] = pending_.try_emplace(task_id, status);
  if (fresh) {
    order_.push_back(task_id);
  } else if (status.state() >= slot->second.state()) {
    slot->second = status;
  }
  Send();
}

void Reporter::Forget(const std::string& task_id) { pending_.erase(task_id); }

void Reporter::Begin(std::shared_ptr<Channel> channel, std::string session_id,
                     Function<void(const Status&)> failed) {
  generation_ += 1;
  channel_ = std::move(channel);
  session_id_ = std::move(session_id);
  failed_ = std::move(failed);
  one_by_one_ = false;
  Send();
}

void Reporter::End() {
  generation_ += 1;
  channel_.reset();
  if (call_) std::exchange(call_, nullptr)->Cancel();
  for (auto& [id, status] : std::exchange(sent_, {})) {
    if (pending_.try_emplace(id, std::move(status)).second) order_.push_back(id);
  }
}

void Reporter::Send() {
  if (!channel_ || !sent_.empty() || order_.empty()) return;
  pb::UpdateTaskStatusRequest request;
  request.set_session_id(session_id_);
  std::size_t limit = one_by_one_ ? 1 : kMaxBatch;
  std::size_t bytes = 0;
  while (!order_.empty() && sent_.size() < limit && bytes < kMaxBytes) {
    auto entry = pending_.extract(order_.front());
    order_.pop_front();
    if (entry.empty()) continue;
    auto* update = request.add_updates();
    update->set_task_id(entry.key());
    *update->mutable_status() = entry.mapped();
    bytes += update->ByteSizeLong();
    sent_.emplace_back(std::move(entry.key()), std::move(entry.mapped()));
  }
  if (sent_.empty()) return;
  CallOptions options;
  options.timeout = kTimeout;
  call_ = CallUnary<pb::UpdateTaskStatusResponse>(
      *channel_, "/docker.swarmkit.v1.Dispatcher/UpdateTaskStatus", std::move(options),
      std::move(request),
      [weak = weak_from_this(), post = post_, generation = generation_](auto reply) {
        post([weak, generation, status = reply.status()] {
          if (auto self = weak.lock()) self->OnReply(generation, status);
        });
      });
}

void Reporter::OnReply(std::uint64_t generation, const Status& status) {
  if (generation != generation_) return;
  call_.reset();
  if (status.ok() || status.code() == Code::kNotFound) {
    sent_.clear();
    if (pending_.empty()) one_by_one_ = false;
    return Send();
  }
  if (status.code() == Code::kPermissionDenied) {
    // One task that is not this node's has a whole batch refused.
    if (sent_.size() == 1) {
      log_.Warn("A task's status was refused",
                {{"task.id", sent_[0].first}, {"error", status.ToString()}});
      sent_.clear();
    } else {
      one_by_one_ = true;
      for (auto& [id, value] : std::exchange(sent_, {})) {
        if (pending_.try_emplace(id, std::move(value)).second) order_.push_back(id);
      }
    }
    return Send();
  }
  auto failed = std::move(failed_);
  End();
  if (failed) failed(status);
}

}  // namespace swarm::agent
