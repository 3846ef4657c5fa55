#include "task_writer.h"

#include <utility>

#include "take_over.h"

namespace swarm::agent {

TaskWriter::TaskWriter(Parts parts) : parts_(std::move(parts)) {
  if (parts_.directory.empty()) return;
  log_ = std::make_shared<TaskLog>(parts_.runtime.files(), parts_.directory);
}

Loop& TaskWriter::Worker() {
  idle_.reset();
  if (!worker_) worker_ = parts_.runtime.NewLoop("agent-tasks", LoopKind::kBlocking);
  return *worker_;
}

void TaskWriter::Open(Function<void(Result<StoredTasks>)> done) {
  if (!log_) return done(StoredTasks());
  busy_ = true;
  Worker().Post([weak = weak_from_this(), post = parts_.post, log = log_,
                 files = &parts_.runtime.files(), directory = parts_.directory, logger = parts_.log,
                 done = std::move(done)]() mutable {
    auto tasks =
        std::make_shared<Result<StoredTasks>>(OpenOrTakeOver(*files, directory, *log, logger));
    post([weak, tasks, done = std::move(done)]() mutable {
      auto self = weak.lock();
      if (!self) return;
      done(std::move(*tasks));
      self->OnWritten({});
    });
  });
}

void TaskWriter::Append(TaskRecord record) {
  if (!log_) return;
  pending_.push_back(std::move(record));
  if (busy_ || std::exchange(scheduled_, true)) return;
  // What is appended in the same turn of the loop goes in the same write.
  parts_.loop.Post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->Flush();
  });
}

void TaskWriter::Flush() {
  scheduled_ = false;
  if (busy_ || pending_.empty()) return;
  busy_ = true;
  Worker().Post([weak = weak_from_this(), post = parts_.post, log = log_,
                 records = std::exchange(pending_, {})] {
    Status status = log->Append(records);
    post([weak, status] {
      if (auto self = weak.lock()) self->OnWritten(status);
    });
  });
}

void TaskWriter::OnWritten(const Status& status) {
  busy_ = false;
  if (!status.ok()) {
    parts_.log.Error("Writing the task file failed", {{"error", status.ToString()}});
  }
  if (!pending_.empty()) return Flush();
  if (closed_) return EndThread();
  idle_ = parts_.loop.After(parts_.idle, [this] {
    auto fired = std::move(idle_);
    EndThread();
  });
}

void TaskWriter::EndThread() {
  if (worker_) worker_->Stop();
  worker_.reset();
  if (closed_) std::exchange(closed_, nullptr)();
}

void TaskWriter::Close(Function<void()> done) {
  closed_ = std::move(done);
  idle_.reset();
  if (busy_) return;
  if (pending_.empty()) return EndThread();
  Flush();
}

}  // namespace swarm::agent
