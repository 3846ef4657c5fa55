#include "multi.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "swarm/check.h"

namespace swarm::engine {

Result<std::shared_ptr<Multi>> Multi::Make(Runtime& runtime) {
  std::shared_ptr<Multi> multi(new Multi(runtime));
  SWARM_RETURN_IF_ERROR(multi->Open());
  multi->loop_->Post([self = multi.get()] { self->Run(); });
  return multi;
}

Multi::Multi(Runtime& runtime)
    : clock_(runtime.clock()), loop_(runtime.NewLoop("engine-io", LoopKind::kBlocking)) {
  // Counted and thread-safe: each part of the process that uses curl does this.
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

Multi::~Multi() {
  Stop();
  curl_global_cleanup();
}

Status Multi::Open() {
  multi_ = curl_multi_init();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  if (!multi_ || epoll_ < 0 || wake_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    return {Code::kResourceExhausted,
            std::string("cannot set up the connections to engines: ") + std::strerror(errno)};
  }
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::OnSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::OnTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  // Idle connections kept; a pool asks each of a thousand engines now and then.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 1024L);
  // One connection a stream: an answer without an end must not hold others up.
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  return Status::Ok();
}

void Multi::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  if (wake_ >= 0) eventfd_write(wake_, 1);
  loop_->Stop();
  timers_.clear();
  if (multi_) curl_multi_cleanup(multi_);
  if (wake_ >= 0) close(wake_);
  if (epoll_ >= 0) close(epoll_);
  loop_.reset();
}

bool Multi::Post(Function<void()> fn) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    posted_.push_back(std::move(fn));
    if (posted_.size() > 1) return true;  // woken already
  }
  eventfd_write(wake_, 1);
  return true;
}

Status Multi::Add(CURL* easy) {
  const CURLMcode code = curl_multi_add_handle(multi_, easy);
  if (code == CURLM_OK) return Status::Ok();
  return {Code::kInternal, curl_multi_strerror(code)};
}

void Multi::Remove(CURL* easy) { curl_multi_remove_handle(multi_, easy); }

Multi::TimerId Multi::After(Duration delay, Function<void()> fn) {
  const TimerId id(clock_.SteadyNow() + delay, next_timer_++);
  timers_.emplace(id, std::move(fn));
  return id;
}

int Multi::OnSocket(CURL* /*easy*/, curl_socket_t socket, int what, void* self, void* known) {
  auto& multi = *static_cast<Multi*>(self);
  if (what == CURL_POLL_REMOVE) {
    // Curl may have closed it already, and with that epoll has forgotten it.
    epoll_ctl(multi.epoll_, EPOLL_CTL_DEL, socket, nullptr);
    return 0;
  }
  epoll_event event{};
  event.data.fd = socket;
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  if (known && epoll_ctl(multi.epoll_, EPOLL_CTL_MOD, socket, &event) == 0) return 0;
  if (epoll_ctl(multi.epoll_, EPOLL_CTL_ADD, socket, &event) != 0 && errno == EEXIST)
    epoll_ctl(multi.epoll_, EPOLL_CTL_MOD, socket, &event);
  curl_multi_assign(multi.multi_, socket, self);
  return 0;
}

int Multi::OnTimer(CURLM* /*multi*/, long milliseconds, void* self) {
  auto& multi = *static_cast<Multi*>(self);
  if (milliseconds < 0) {
    multi.curl_due_.reset();
  } else {
    multi.curl_due_ = multi.clock_.SteadyNow() + std::chrono::milliseconds(milliseconds);
  }
  return 0;
}

int Multi::WaitMilliseconds() const {
  std::optional<SteadyTime> due = curl_due_;
  if (!timers_.empty())
    due = due ? std::min(*due, timers_.begin()->first.first) : timers_.begin()->first.first;
  if (!due) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - clock_.SteadyNow());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void Multi::Run() {
  epoll_event events[64];
  for (;;) {
    const int count = epoll_wait(epoll_, events, 64, WaitMilliseconds());
    SWARM_CHECK(count >= 0 || errno == EINTR, "epoll waits for what it was given");
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == wake_) continue;
      const auto ready = events[i].events;
      int flags = 0;
      if (ready & EPOLLIN) flags |= CURL_CSELECT_IN;
      if (ready & EPOLLOUT) flags |= CURL_CSELECT_OUT;
      if (ready & (EPOLLERR | EPOLLHUP)) flags |= CURL_CSELECT_ERR;
      int running = 0;
      curl_multi_socket_action(multi_, events[i].data.fd, flags, &running);
    }
    RunTimers();
    ReportEnds();
    RunPosted();
    const std::lock_guard lock(mutex_);
    if (stopping_ && posted_.empty()) return;
  }
}

void Multi::RunPosted() {
  eventfd_t ignored = 0;
  eventfd_read(wake_, &ignored);
  std::vector<Function<void()>> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(posted_);
  }
  for (Function<void()>& fn : batch) fn();
}

void Multi::RunTimers() {
  const SteadyTime now = clock_.SteadyNow();
  if (curl_due_ && *curl_due_ <= now) {
    curl_due_.reset();
    int running = 0;
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
}

void Multi::ReportEnds() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const CURLcode code = message->data.result;
    char* owner = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
    curl_multi_remove_handle(multi_, easy);  // `message` is gone with it
    reinterpret_cast<TransferEnd*>(owner)->OnEnd(code);
  }
}

}  // namespace swarm::engine
