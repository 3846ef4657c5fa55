// One question to each of many members of a gossip cluster, over TCP.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::gossip {

struct Question {
  std::string address;  // "10.0.0.1"
  std::string frame;
};
struct Answer {
  std::string address;
  Result<std::string> frame;  // whole, not yet opened
};

class Dialer {
 public:
  // Ends what is under way; afterwards no `done` runs.
  virtual ~Dialer() = default;
  // `done` runs once, on any thread, with an answer to each question.
  virtual void Ask(std::vector<Question> questions,
                   Function<void(std::vector<Answer>)> done) noexcept = 0;
};

struct DialerOptions {
  std::uint16_t port = 7946;
  Duration connect_timeout;
  Duration timeout;  // of the whole exchange
};

std::unique_ptr<Dialer> MakeSocketDialer(Runtime& runtime, DialerOptions options);

}  // namespace swarm::gossip
