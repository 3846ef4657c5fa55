// The one thread on which all sockets of the transport are served. What lives on it needs no lock.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace swarm::tls {

// Threading: [any] unless said otherwise. Destroyed by whoever holds it last, on another thread;
// everything on it is closed by then.
class IoThread {
 public:
  IoThread();
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  boost::asio::io_context& context() { return context_; }
  bool InThread() const { return std::this_thread::get_id() == thread_.get_id(); }
  // Runs `fn` on the thread and waits for it; [any] but the thread itself.
  void RunAndWait(const std::function<void()>& fn);
  // [io] Space for one read, valid until the callback that uses it returns.
  std::span<char> scratch() { return scratch_; }

 private:
  std::array<char, 64 << 10> scratch_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace swarm::tls
