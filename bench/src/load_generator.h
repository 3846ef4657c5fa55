// Many clients that cost next to nothing, so that what is measured is the server: one thread, a
// connection of its own for each, and one gRPC call under way on each.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "swarm/status.h"
#include "target.h"

namespace swarm::bench {

// Threading: one thread.
class LoadGenerator {
 public:
  // The message of call number `index`.
  using MakeRequest = std::function<std::string(int index)>;
  // An error ends the run.
  using TakeReply = std::function<Status(int index, const std::string& reply)>;

  LoadGenerator();
  ~LoadGenerator();
  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  // TLS, unless the target is plaintext; nobody's certificate is looked at. Once.
  Status Connect(const TargetSpec& target, int clients);
  // Makes `count` calls of the method, spread over the clients as they become free. Blocks until
  // all have ended; the first error ends it early.
  Status Run(const std::string& method, int count, const MakeRequest& make, const TakeReply& take);

 private:
  class Connection;
  struct Job;

  int epoll_ = -1;
  std::string target_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace swarm::bench
