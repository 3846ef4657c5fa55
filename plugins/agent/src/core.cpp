#include "core.h"

#include <google/protobuf/util/message_differencer.h>

#include <utility>

namespace swarm::agent {

Core::Core(Parts parts)
    : parts_(std::move(parts)),
      random_(parts_.runtime.NewRandom()),
      description_(std::make_shared<const pb::NodeDescription>()),
      roots_(parts_.parameters.tls_info.trust_root()) {}

void Core::Start(Function<void(Status)> done) {
  if (stopped_) return done({Code::kFailedPrecondition, "agent: closed"});
  if (writer_) return done({Code::kFailedPrecondition, "agent: already started"});
  const AgentParameters& p = parts_.parameters;
  const Clock& clock = parts_.runtime.clock();
  writer_ = std::make_shared<TaskWriter>(TaskWriter::Parts{parts_.loop, parts_.post, parts_.runtime,
                                                           parts_.log, p.state_dir,
                                                           parts_.options.writer_idle});
  reporter_ = std::make_shared<Reporter>(parts_.post, parts_.log);
  worker_ = std::make_shared<Worker>(Worker::Parts{
      parts_.loop, parts_.post, clock, parts_.log, parts_.options, p.node_id, p.executors, writer_,
      [this](const std::string& id, const pb::TaskStatus& s) { reporter_->Report(id, s); },
      [this](const std::string& id) { reporter_->Forget(id); },
      [this](const std::string& id) { logs_->OnTask(id); },
      [this](const std::string& id) { logs_->OnTaskGoing(id); }});
  logs_ = std::make_shared<LogSubscriptions>(LogSubscriptions::Parts{
      parts_.loop, parts_.post, parts_.log, parts_.options, p.node_id, *worker_});
  // Tasks that were here before need the description for their templates.
  Describe([weak = weak_from_this(), done = std::move(done)]() mutable {
    auto self = weak.lock();
    if (!self || self->stopped_) return done({Code::kCancelled, "agent: closed"});
    self->writer_->Open([weak, done = std::move(done)](Result<StoredTasks> tasks) mutable {
      if (auto self = weak.lock()) self->OnStored(std::move(tasks), std::move(done));
    });
  });
}

void Core::OnStored(Result<StoredTasks> tasks, Function<void(Status)> done) {
  if (stopped_) return done({Code::kCancelled, "agent: closed"});
  if (!tasks.ok()) return done(tasks.status().WithContext("the agent's task file"));
  // Executors hear of their node before the first task, also while no manager can be reached.
  pb::Node node;
  node.set_id(parts_.parameters.node_id);
  *node.mutable_description() = *description_;
  for (auto& [name, executor] : parts_.parameters.executors) executor->Configure(node);
  started_ = true;
  worker_->SetNode(description_);
  worker_->Restore(std::move(*tasks));
  ScheduleDescribe();
  Connect(Duration::zero());
  done({});
}

// `then` runs when the executor has answered, or has not for too long.
void Core::Describe(Function<void()> then) {
  if (then) described_ = std::move(then);
  if (std::exchange(describing_, true)) return;
  if (parts_.parameters.executors.empty()) {
    return OnDescribed(Status(Code::kFailedPrecondition, "this node has no executor"));
  }
  describe_limit_ = parts_.loop.After(parts_.options.rpc_timeout, [this] {
    auto fired = std::move(describe_limit_);
    if (described_) std::exchange(described_, nullptr)();
  });
  parts_.parameters.executors.front().second->Describe(
      [weak = weak_from_this(), post = parts_.post](Result<pb::NodeDescription> described) {
        post([weak, described = std::move(described)] {
          if (auto self = weak.lock()) self->OnDescribed(described);
        });
      });
}

void Core::OnDescribed(const Result<pb::NodeDescription>& described) {
  describing_ = false;
  describe_limit_.reset();
  if (stopped_) return;
  if (!described.ok()) {
    parts_.log.Warn("The executor cannot describe this node",
                    {{"error", described.status().ToString()}});
  }
  auto fresh = std::make_shared<pb::NodeDescription>(described.ok() ? *described : *description_);
  const AgentParameters& p = parts_.parameters;
  if (!p.hostname.empty()) fresh->set_hostname(p.hostname);
  // The last description, kept after an error, has them already.
  if (described.ok()) {
    for (const auto& resource : p.generic_resources) {
      *fresh->mutable_resources()->add_generic() = resource;
    }
  }
  *fresh->mutable_tls_info() = p.tls_info;
  bool same = google::protobuf::util::MessageDifferencer::Equals(*fresh, *description_);
  description_ = std::move(fresh);
  worker_->SetNode(description_);
  if (described_) std::exchange(described_, nullptr)();
  if (!same && registered_) Restart();
}

void Core::ScheduleDescribe() {
  describe_timer_ = parts_.loop.After(parts_.options.describe_interval, [this] {
    Describe(nullptr);
    ScheduleDescribe();
  });
}

void Core::SetTlsInfo(pb::NodeTLSInfo info) {
  if (stopped_) return;
  roots_ = info.trust_root();
  parts_.parameters.tls_info = std::move(info);
  if (!started_) return;
  ScheduleDescribe();
  Describe(nullptr);
}

void Core::Leave(Function<void(Status)> done) {
  if (stopped_) return done({Code::kFailedPrecondition, "agent: closed"});
  if (!started_) return done({Code::kFailedPrecondition, "agent: not started"});
  leaving_.push_back(std::move(done));
  if (leaving_.size() > 1) return;
  leave_timer_ = parts_.loop.After(parts_.options.leave_timeout, [this] {
    auto fired = std::move(leave_timer_);
    EndLeaving({Code::kDeadlineExceeded, "some tasks could not be removed in time"});
  });
  worker_->Leave([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->EndLeaving({});
  });
}

void Core::EndLeaving(const Status& status) {
  leave_timer_.reset();
  for (auto& done : std::exchange(leaving_, {})) done(status);
}

void Core::Stop(Function<void()> done) {
  if (std::exchange(stopped_, true) || !writer_) return done();
  connect_timer_.reset();
  describe_timer_.reset();
  describe_limit_.reset();
  if (described_) std::exchange(described_, nullptr)();
  reporter_->End();
  logs_->End();
  if (session_) session_->Close();
  session_.reset();
  EndLeaving({Code::kCancelled, "agent: closed"});
  worker_->Close([weak = weak_from_this(), done = std::move(done)]() mutable {
    auto self = weak.lock();
    if (!self) return done();
    self->writer_->Close(std::move(done));
  });
}

}  // namespace swarm::agent
