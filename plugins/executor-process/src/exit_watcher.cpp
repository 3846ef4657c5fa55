#include "exit_watcher.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "proc_stat.h"

namespace swarm::executor_process {

ExitWatcher::ExitWatcher(Runtime& runtime)
    : thread_(runtime.NewLoop("process-exits", LoopKind::kBlocking)) {}

ExitWatcher::~ExitWatcher() { Stop(); }

Status ExitWatcher::Start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  if (epoll_ < 0 || wake_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    return {Code::kResourceExhausted,
            std::string("cannot watch processes: ") + std::strerror(errno)};
  }
  thread_->Post([this] { Run(); });
  return Status::Ok();
}

void ExitWatcher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  if (wake_ >= 0) {
    const std::uint64_t one = 1;
    if (write(wake_, &one, sizeof one) < 0) SWARM_CHECK(errno == EAGAIN, "an eventfd takes a 1");
  }
  thread_->Stop();
  for (const auto& [descriptor, callback] : callbacks_) close(descriptor);
  callbacks_.clear();
  if (wake_ >= 0) close(wake_);
  if (epoll_ >= 0) close(epoll_);
  wake_ = epoll_ = -1;
}

bool ExitWatcher::Watch(std::int32_t pid, std::uint64_t start_time, Function<void()> ended) {
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (descriptor < 0) return false;
  // The descriptor holds the number; only now does the start time prove whose it is.
  if (StartTimeOf(pid) != start_time) {
    close(descriptor);
    return false;
  }
  const std::lock_guard lock(mutex_);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  if (stopping_ || epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    close(descriptor);
    return false;
  }
  callbacks_.emplace(descriptor, std::move(ended));
  return true;
}

void ExitWatcher::Fire(int descriptor) {
  Function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    const auto found = callbacks_.find(descriptor);
    if (found == callbacks_.end()) return;
    callback = std::move(found->second);
    callbacks_.erase(found);
  }
  close(descriptor);
  callback();
}

void ExitWatcher::Run() {
  epoll_event events[64];
  for (;;) {
    const int count = epoll_wait(epoll_, events, 64, -1);
    if (count < 0 && errno != EINTR) return;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == wake_) return;
      Fire(events[i].data.fd);
    }
  }
}

}  // namespace swarm::executor_process
