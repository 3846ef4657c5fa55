// Ends calls whose time is over, with one timer for all of them.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "http2/call.h"
#include "swarm/runtime.h"
#include "tls/io_thread.h"

namespace swarm::http2 {

// Threading: everything on the IoThread.
class Deadlines : public std::enable_shared_from_this<Deadlines> {
 public:
  Deadlines(tls::IoThread& io, const Clock& clock) : clock_(clock), timer_(io.context()) {}

  void Watch(const std::shared_ptr<Call>& call);
  void Forget(const Call& call);
  // Afterwards nothing is watched.
  void Stop();

 private:
  using Queue = std::multimap<SteadyTime, std::shared_ptr<Call>>;
  void SetTimer();
  void End();

  const Clock& clock_;
  boost::asio::steady_timer timer_;
  Queue queue_;
  std::unordered_map<const Call*, Queue::iterator> where_;
  std::optional<SteadyTime> set_for_;
};

}  // namespace swarm::http2
