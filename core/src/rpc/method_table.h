// Every method there is, read from the protocol's descriptors: its shape, who may call it, and who
// answers it on which listener.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "swarm/export.h"
#include "swarm/rpc.h"
#include "swarmkit/v1/access.pb.h"

namespace swarm::rpc {

using Answer = ::docker::swarmkit::v1::Answer;

struct Method {
  std::size_t index = 0;  // dense, from 0
  std::string name;       // "/package.Service/Method"
  std::string service;    // "package.Service"
  std::string short_name;
  bool client_streaming = false;
  bool server_streaming = false;
  bool anonymous = false;
  std::vector<std::string> roles;
  Answer remote = Answer::ABSENT;
  Answer local = Answer::ABSENT;

  bool unary() const { return !client_streaming && !server_streaming; }
  Answer answer(Listener listener) const { return listener == Listener::kLocal ? local : remote; }
};

// Immutable after construction. Threading: [any].
class SWARM_EXPORT MethodTable {
 public:
  // Made on first use; the same for the whole process.
  static const MethodTable& Get();

  // Null when no .proto file describes it.
  const Method* Find(std::string_view name) const;
  const std::vector<Method>& methods() const { return methods_; }

  // Why nobody answers `name`, in gRPC's words: unknown service, unknown method, malformed name.
  Status Unknown(std::string_view name) const;
  // The same for a method that exists in the table but is not served here at all.
  static Status UnknownService(std::string_view service);

 private:
  MethodTable();

  std::vector<Method> methods_;
  // Keys point into `methods_`.
  std::unordered_map<std::string_view, const Method*> by_name_;
  std::unordered_map<std::string_view, const Method*> by_service_;
};

}  // namespace swarm::rpc
