// Calls of a manager's services that wait for their answer.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "swarm/rpc.h"
#include "swarm/status.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::ctl {

namespace pb = ::docker::swarmkit::v1;

struct ClientOptions {
  bool resolve_names = true;
  // For everything together; absent: a call takes as long as the manager does.
  std::optional<Duration> timeout;
  std::function<SteadyTime()> clock;  // needed for a timeout only
};

// The messages of a call that has many. Threading: one thread, on which it blocks.
class Answers {
 public:
  explicit Answers(std::shared_ptr<ClientStream> stream) : stream_(std::move(stream)) {}
  // The next message, or nothing after the last.
  Result<std::optional<Payload>> Next();

 private:
  const std::shared_ptr<ClientStream> stream_;
};

// Threading: one thread, on which it blocks.
class Client {
 public:
  using Connect = std::function<Result<std::shared_ptr<Channel>>()>;

  // `connect` is called before the first call.
  Client(Connect connect, ClientOptions options);

  // `method`: of the Control service.
  template <class Response, class Request>
  Result<Response> Call(std::string_view method, const Request& request) {
    return CallService<Response>("Control/" + std::string(method), request);
  }
  // `method`: "Service/Method" of docker.swarmkit.v1.
  template <class Response, class Request>
  Result<Response> CallService(const std::string& method, const Request& request) {
    SWARM_ASSIGN_OR_RETURN(const Payload reply, Wait(method, Payload::Of(Request(request))));
    SWARM_ASSIGN_OR_RETURN(const auto response, reply.As<Response>());
    return *response;
  }
  // Sends the only request of a call with many answers.
  Result<Answers> Open(const std::string& method, Payload request);

  // Names for ids, for showing; the id itself when it has none. Each is asked for once.
  std::string NodeName(const std::string& id);
  std::string ServiceName(const std::string& id);
  // "web.1".
  std::string TaskName(const std::string& id);

  // What is left of the timeout; zero when it has passed.
  std::optional<Duration> TimeLeft() const;

 private:
  Result<Payload> Wait(const std::string& method, Payload request);
  Status Reach();
  CallOptions Options() const;

  const Connect connect_;
  std::shared_ptr<Channel> channel_;
  const ClientOptions options_;
  const std::optional<SteadyTime> deadline_;
  std::map<std::string, std::string> names_;
};

Result<std::vector<pb::Task>> ListTasks(Client& client,
                                        const pb::ListTasksRequest::Filters& filters);

}  // namespace swarm::ctl
