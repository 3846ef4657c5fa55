#include "http2/server.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "http2/deadlines.h"
#include "http2/session.h"
#include "http2/workers.h"

namespace swarm::http2 {
namespace {

unsigned WorkerThreads() { return std::clamp(std::thread::hardware_concurrency(), 2U, 4U); }

}  // namespace

// Everything on the IoThread, but for WaitForCalls.
class Server::Core final : public Host, public std::enable_shared_from_this<Core> {
 public:
  Core(tls::IoThread& io, ServerOptions options)
      : io_(io),
        options_(options),
        mailbox_(std::make_shared<Mailbox>(io, [this] { Flush(); })),
        deadlines_(std::make_shared<Deadlines>(io, *options_.clock)),
        workers_(std::make_unique<Workers>(WorkerThreads())) {}

  std::shared_ptr<tls::Session> Serve(const std::shared_ptr<tls::ServedConnection>& connection,
                                      const std::string& peer_address) {
    if (draining_) return nullptr;
    Peer peer;
    peer.identity = std::make_shared<const std::optional<Identity>>(connection->identity());
    peer.address = peer_address;
    auto flush = [weak = std::weak_ptr(connection)] {
      if (const auto locked = weak.lock()) locked->Flush();
    };
    auto session = std::make_shared<Http2Session>(*this, std::move(peer), std::move(flush));
    sessions_.insert(session.get());
    return session;
  }

  void Drain() {
    draining_ = true;
    for (auto* session : sessions_) session->Drain();
  }

  void WaitForCalls(Duration grace) {
    std::unique_lock lock(mutex_);
    no_calls_.wait_for(lock, grace, [this] { return calls_ == 0; });
  }

  void Stop() {
    draining_ = true;
    deadlines_->Stop();
    mailbox_->Close();
    changed_.clear();
    dispatched_.clear();
  }
  // On another thread.
  void StopWorkers() { workers_.reset(); }

  Listener listener() const override { return options_.listener; }
  std::size_t max_message_bytes() const override { return options_.max_message_bytes; }
  const std::shared_ptr<Mailbox>& mailbox() const override { return mailbox_; }
  SteadyTime now() const override { return options_.clock->SteadyNow(); }

  void Dispatch(std::shared_ptr<Call> call, Payload request) override {
    // All that one turn of the thread brings is handed over together: waking others is dear.
    if (dispatched_.empty()) {
      boost::asio::post(io_.context(), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self && !self->dispatched_.empty()) self->workers_->Post(self->dispatched_);
      });
    }
    dispatched_.push_back(
        [target = options_.target, call = std::move(call), request = std::move(request)]() mutable {
          auto reply = call->Reply();
          target->Unary(call->context(), std::move(request), std::move(reply));
        });
  }

  void Open(const std::shared_ptr<Call>& call) override { options_.target->Stream(call->Stream()); }

  void Began(const std::shared_ptr<Call>& call) override {
    deadlines_->Watch(call);
    std::lock_guard lock(mutex_);
    ++calls_;
  }

  void Ended(const std::shared_ptr<Call>& call) override {
    deadlines_->Forget(*call);
    std::lock_guard lock(mutex_);
    if (--calls_ == 0) no_calls_.notify_all();
  }

  void Changed(std::shared_ptr<Http2Session> session) override {
    changed_.push_back(std::move(session));
    mailbox_->PostNothing();
  }

  void Left(Http2Session& session) override { sessions_.erase(&session); }

 private:
  void Flush() {
    const auto changed = std::exchange(changed_, {});
    for (const auto& session : changed) session->Flush();
  }

  tls::IoThread& io_;
  const ServerOptions options_;
  const std::shared_ptr<Mailbox> mailbox_;
  const std::shared_ptr<Deadlines> deadlines_;
  std::unordered_set<Http2Session*> sessions_;
  std::vector<std::shared_ptr<Http2Session>> changed_;
  std::vector<Function<void()>> dispatched_;
  bool draining_ = false;

  std::mutex mutex_;  // guards the next two
  std::condition_variable no_calls_;
  std::size_t calls_ = 0;

  std::unique_ptr<Workers> workers_;
};

Server::Server(std::shared_ptr<tls::IoThread> io, ServerOptions options)
    : io_(std::move(io)), core_(std::make_shared<Core>(*io_, options)) {}

Server::~Server() { Stop(); }

std::shared_ptr<tls::Session> Server::Serve(
    const std::shared_ptr<tls::ServedConnection>& connection, const std::string& peer_address) {
  return core_->Serve(connection, peer_address);
}

void Server::Drain(Duration grace) {
  io_->RunAndWait([this] { core_->Drain(); });
  core_->WaitForCalls(grace);
}

void Server::Stop() {
  if (!core_) return;
  io_->RunAndWait([this] { core_->Stop(); });
  core_->StopWorkers();
  core_.reset();
}

}  // namespace swarm::http2
