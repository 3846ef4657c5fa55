// How a request reaches an external authority. Abstract, so that a test can stand in for one.
#pragma once

#include <memory>
#include <string>

#include "swarm/network.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::cfssl {

// What is shown to an authority's server, and which roots must vouch for it.
struct Trust {
  std::shared_ptr<const Credentials> presented;  // null: nothing
  std::string roots_pem;
};

struct Answer {
  int http_status = 0;
  std::string body;  // its beginning, when it was longer than the limit
  bool too_long = false;
};

// Threading: [blocking], one call at a time; Cancel is [any].
class Transport {
 public:
  virtual ~Transport() = default;
  // Sends a JSON text. Errors name the URL; Unavailable or DeadlineExceeded.
  virtual Result<Answer> Post(const std::string& url, const std::string& json,
                              const Trust& trust) = 0;
  // Only connects, and says whether the server is who it should be.
  virtual Status Connect(const std::string& url, const Trust& trust) = 0;
  // The call that is under way, and every later one, ends with Cancelled soon.
  virtual void Cancel() noexcept = 0;
};

// HTTPS; `timeout` is for a whole call. The process ignores SIGPIPE.
std::unique_ptr<Transport> MakeHttps(const Clock& clock,
                                     Duration timeout = std::chrono::seconds(5));

}  // namespace swarm::cfssl
