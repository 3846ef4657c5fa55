#include "watcher.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "proc_stat.h"
#include "system.h"

namespace swarm::executor_process {

class Watcher::State : public std::enable_shared_from_this<State> {
 public:
  Status Open() {
    epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
    wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    folders_.Reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!epoll_ || !wake_ || !Add(wake_.get()) || !folders_ || !Add(folders_.get())) {
      return {Code::kResourceExhausted, WithErrno("cannot watch processes")};
    }
    return Status::Ok();
  }

  // Whether it was not stopped before.
  bool Stop() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopped_, true)) return false;
    }
    const std::uint64_t one = 1;
    if (wake_ && write(wake_.get(), &one, sizeof one) < 0) {
      SWARM_CHECK(errno == EAGAIN, "an eventfd takes a 1");
    }
    return true;
  }

  // After the thread has ended.
  void Clear() {
    std::map<int, Exits> exits;
    std::map<int, Listeners> listeners;
    const std::lock_guard lock(mutex_);
    exits.swap(exits_);
    listeners.swap(listeners_);
  }

  void Run() {
    epoll_event events[64];
    for (;;) {
      const int count = epoll_wait(epoll_.get(), events, 64, -1);
      if (count < 0 && errno != EINTR) return;
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == wake_.get()) return;
        if (events[i].data.fd == folders_.get()) {
          ReadFolders();
        } else {
          FireExit(events[i].data.fd);
        }
      }
    }
  }

  std::unique_ptr<Watch> AddExit(Descriptor process, Function<void()> ended) {
    const std::lock_guard lock(mutex_);
    const int key = process.get();
    if (stopped_ || !Add(key)) return nullptr;
    const std::uint64_t id = ++last_id_;
    exits_[key] = {id, std::move(process), std::move(ended)};
    return std::make_unique<Handle>(weak_from_this(), true, key, id);
  }

  std::unique_ptr<Watch> AddFolder(const std::string& path, Function<void()> changed) {
    constexpr std::uint32_t kEvents = IN_MOVED_TO | IN_MODIFY | IN_CREATE | IN_DELETE_SELF;
    const std::lock_guard lock(mutex_);
    if (stopped_) return nullptr;
    const int key = inotify_add_watch(folders_.get(), path.c_str(), kEvents | IN_ONLYDIR);
    if (key < 0) return nullptr;
    const std::uint64_t id = ++last_id_;
    listeners_[key][id] = std::make_shared<Function<void()>>(std::move(changed));
    return std::make_unique<Handle>(weak_from_this(), false, key, id);
  }

 private:
  struct Exits {
    std::uint64_t id = 0;
    Descriptor process;
    Function<void()> ended;
  };
  using Listeners = std::map<std::uint64_t, std::shared_ptr<Function<void()>>>;

  class Handle final : public Watch {
   public:
    Handle(std::weak_ptr<State> state, bool exit, int key, std::uint64_t id)
        : state_(std::move(state)), exit_(exit), key_(key), id_(id) {}
    ~Handle() override {
      if (const auto state = state_.lock()) state->Remove(exit_, key_, id_);
    }

   private:
    const std::weak_ptr<State> state_;
    const bool exit_;
    const int key_;
    const std::uint64_t id_;
  };

  bool Add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  }

  void Remove(bool exit, int key, std::uint64_t id) {
    // What is removed may own what it calls, so it goes outside of the lock.
    Exits ended;
    std::shared_ptr<Function<void()>> listener;
    const std::lock_guard lock(mutex_);
    if (exit) {
      const auto found = exits_.find(key);
      if (found == exits_.end() || found->second.id != id) return;
      ended = std::move(found->second);
      exits_.erase(found);
      return;
    }
    const auto found = listeners_.find(key);
    if (found == listeners_.end() || !found->second.contains(id)) return;
    listener = std::move(found->second[id]);
    found->second.erase(id);
    if (!found->second.empty()) return;
    listeners_.erase(found);
    inotify_rm_watch(folders_.get(), key);
  }

  void FireExit(int key) {
    Exits exit;
    {
      const std::lock_guard lock(mutex_);
      const auto found = exits_.find(key);
      // The number of a descriptor that was closed meanwhile may be another's now.
      pollfd ready{key, POLLIN, 0};
      if (found == exits_.end() || poll(&ready, 1, 0) <= 0) return;
      exit = std::move(found->second);
      exits_.erase(found);
    }
    exit.process.Reset();
    exit.ended();
  }

  void ReadFolders() {
    alignas(inotify_event) char buffer[16 * 1024];
    const ssize_t size = read(folders_.get(), buffer, sizeof buffer);
    std::map<std::uint64_t, std::shared_ptr<Function<void()>>> changed;
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const std::lock_guard lock(mutex_);
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        for (const auto& [key, listeners] : listeners_) {
          changed.insert(listeners.begin(), listeners.end());
        }
      }
      const auto found = listeners_.find(event->wd);
      if (found == listeners_.end()) continue;
      changed.insert(found->second.begin(), found->second.end());
      if ((event->mask & IN_IGNORED) != 0) listeners_.erase(found);
    }
    for (const auto& [id, callback] : changed) (*callback)();
  }

  std::mutex mutex_;
  Descriptor epoll_;
  Descriptor wake_;
  Descriptor folders_;
  bool stopped_ = false;  // guarded by mutex_, as all below
  std::uint64_t last_id_ = 0;
  std::map<int, Exits> exits_;          // by descriptor
  std::map<int, Listeners> listeners_;  // by watch descriptor
};

Watcher::Watcher(Runtime& runtime)
    : state_(std::make_shared<State>()),
      thread_(runtime.NewLoop("process-events", LoopKind::kBlocking)) {}

Watcher::~Watcher() { Stop(); }

Status Watcher::Start() {
  SWARM_RETURN_IF_ERROR(state_->Open());
  thread_->Post([state = state_] { state->Run(); });
  return Status::Ok();
}

void Watcher::Stop() {
  if (!state_->Stop()) return;
  thread_->Stop();
  state_->Clear();
}

std::unique_ptr<Watch> Watcher::Exit(std::int32_t pid, std::uint64_t start_time,
                                     Function<void()> ended) {
  Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return nullptr;
  // The descriptor holds the number; only now does the start time prove whose it is.
  if (start_time != 0 && StartTimeOf(pid) != start_time) return nullptr;
  return state_->AddExit(std::move(process), std::move(ended));
}

std::unique_ptr<Watch> Watcher::Folder(const std::string& path, Function<void()> changed) {
  return state_->AddFolder(path, std::move(changed));
}

}  // namespace swarm::executor_process
