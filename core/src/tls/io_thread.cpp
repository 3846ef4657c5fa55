#include "tls/io_thread.h"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <future>

#include "swarm/check.h"

namespace swarm::tls {
namespace {

// OpenSSL writes without MSG_NOSIGNAL, so a peer that closes would end the process.
void IgnoreBrokenPipes() {
  struct sigaction current {};
  sigaction(SIGPIPE, nullptr, &current);
  if (current.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

IoThread::IoThread() : work_(context_.get_executor()) {
  IgnoreBrokenPipes();
  // The thread inherits that all signals are blocked: they are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { context_.run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "swarm-tls");
}

IoThread::~IoThread() {
  SWARM_CHECK(!InThread(), "the thread cannot wait for itself");
  work_.reset();
  // After what was posted before, such as the closing of connections.
  boost::asio::post(context_, [this] { context_.stop(); });
  thread_.join();
}

void IoThread::RunAndWait(const std::function<void()>& fn) {
  SWARM_CHECK(!InThread(), "the thread cannot wait for itself");
  std::promise<void> done;
  boost::asio::post(context_, [&fn, &done] {
    fn();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace swarm::tls
