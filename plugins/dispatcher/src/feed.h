// One open stream to an agent: at most one message is under way, and what changes meanwhile is
// gathered into the next.
// Threading: [loop].
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "component/poster.h"
#include "swarm/rpc.h"
#include "swarm/runtime.h"

namespace swarm::dispatcher {

class Feed : public std::enable_shared_from_this<Feed> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    const Clock& clock;
    Duration interval;  // least time between two messages
  };
  Feed(Parts parts, ServerStreamPtr stream, std::function<Payload()> next)
      : parts_(std::move(parts)), stream_(std::move(stream)), next_(std::move(next)) {}

  // `gone` runs once when the peer has left; not after Finish.
  void Begin(std::function<void(const std::shared_ptr<Feed>&)> gone);
  // There is something to send: calls `next` for it as soon as possible.
  void Wake();
  // Ends the stream after what is queued. With `last`, a message goes first.
  void Finish(Status status, std::optional<Payload> last = std::nullopt);

 private:
  void Send();
  void OnSent(bool sent);
  void OnGone();

  Parts parts_;
  ServerStreamPtr stream_;  // null once ended
  std::function<Payload()> next_;
  std::function<void(const std::shared_ptr<Feed>&)> gone_;
  bool awake_ = false;
  bool busy_ = false;
  std::optional<SteadyTime> last_sent_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace swarm::dispatcher
