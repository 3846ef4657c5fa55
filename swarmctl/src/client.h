// Calls of the control API that wait for their answer.
#pragma once

#include <condition_variable>
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

// Threading: one thread, on which it blocks. There is no deadline: a call takes as long as the
// manager does.
class Client {
 public:
  Client(std::shared_ptr<Channel> channel, bool resolve_names)
      : channel_(std::move(channel)), resolve_names_(resolve_names) {}

  // `method`: of the Control service.
  template <class Response, class Request>
  Result<Response> Call(std::string_view method, const Request& request) {
    SWARM_ASSIGN_OR_RETURN(
        const Payload reply,
        Wait("/docker.swarmkit.v1.Control/" + std::string(method), Payload::Of(Request(request))));
    SWARM_ASSIGN_OR_RETURN(const auto response, reply.As<Response>());
    return *response;
  }

  // Names for ids, for showing; the id itself when it has none. Each is asked for once.
  std::string NodeName(const std::string& id);
  std::string ServiceName(const std::string& id);

 private:
  Result<Payload> Wait(std::string method, Payload request);

  const std::shared_ptr<Channel> channel_;
  const bool resolve_names_;
  std::map<std::string, std::string> names_;
};

// By the full id, else by its exact name. NotFound "service x not found", or "service x is
// ambiguous (2 matches found)".
Result<pb::Node> FindNode(Client& client, const std::string& text);
Result<pb::Service> FindService(Client& client, const std::string& text);
Result<pb::Cluster> FindCluster(Client& client, const std::string& text);
Result<pb::Network> FindNetwork(Client& client, const std::string& text);
// By the full id.
Result<pb::Task> FindTask(Client& client, const std::string& id);
Result<std::vector<pb::Task>> ListTasks(Client& client,
                                        const pb::ListTasksRequest::Filters& filters);

}  // namespace swarm::ctl
