// The lines on their way to one client. One message is under way at a time and what waits behind it
// is bounded: those who bring more are told to wait.
// Threading: [loop].
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "component/poster.h"
#include "swarm/rpc.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::logbroker {

namespace pb = ::docker::swarmkit::v1;
using component::Poster;

class Outlet : public std::enable_shared_from_this<Outlet> {
 public:
  Outlet(Poster post, std::size_t limit, ServerStreamPtr stream)
      : post_(std::move(post)), limit_(limit), stream_(std::move(stream)) {}

  // `ended` runs once: the client has left, or has been given everything after Finish.
  void Begin(Function<void()> ended);
  void Push(const pb::LogMessage& line);
  // Ends the stream after everything that was pushed; what is pushed later is dropped.
  void Finish(Status status);
  // Ends it now; `ended` does not run.
  void Abort(Status status);

  bool full() const { return waiting_ >= limit_; }
  // Runs `fn` on the loop once there is room again.
  void WhenRoom(Function<void()> fn) { for_room_.push_back(std::move(fn)); }

 private:
  void Send();
  void OnSent(bool sent);
  void End();

  const Poster post_;
  const std::size_t limit_;
  ServerStreamPtr stream_;  // null once ended
  Function<void()> ended_;
  struct Batch {
    pb::SubscribeLogsMessage message;
    std::size_t bytes = 0;
  };
  std::deque<Batch> queue_;
  std::size_t waiting_ = 0;  // bytes in the queue and under way
  std::size_t sending_ = 0;
  bool busy_ = false;
  std::optional<Status> outcome_;
  std::vector<Function<void()>> for_room_;
};

}  // namespace swarm::logbroker
