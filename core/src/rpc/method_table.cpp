#include "rpc/method_table.h"

#include <google/protobuf/descriptor.h>

#include "swarmd/v1/managers.pb.h"
#include "swarmkit/v1/ca.pb.h"
#include "swarmkit/v1/control.pb.h"
#include "swarmkit/v1/dispatcher.pb.h"
#include "swarmkit/v1/health.pb.h"
#include "swarmkit/v1/logbroker.pb.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/resource.pb.h"
#include "swarmkit/v1/watch.pb.h"

namespace swarm::rpc {
namespace {

namespace pb = ::docker::swarmkit::v1;

// A message of each file with services: asking for its descriptor links and loads the file, which
// looking it up by name would not.
std::vector<const google::protobuf::FileDescriptor*> ServiceFiles() {
  return {pb::IssueNodeCertificateRequest::descriptor()->file(),
          pb::GetNodeRequest::descriptor()->file(),
          pb::SessionRequest::descriptor()->file(),
          pb::HealthCheckRequest::descriptor()->file(),
          pb::SubscribeLogsRequest::descriptor()->file(),
          pb::JoinRequest::descriptor()->file(),
          pb::AttachNetworkRequest::descriptor()->file(),
          pb::WatchRequest::descriptor()->file(),
          swarmd::v1::GetTimingRequest::descriptor()->file()};
}

Method Describe(const google::protobuf::MethodDescriptor& from) {
  const pb::Access& access = from.options().GetExtension(pb::access);
  Method method;
  method.service = from.service()->full_name();
  method.short_name = from.name();
  method.name = "/" + method.service + "/" + method.short_name;
  method.client_streaming = from.client_streaming();
  method.server_streaming = from.server_streaming();
  method.anonymous = access.anonymous();
  method.roles.assign(access.roles().begin(), access.roles().end());
  method.remote = access.remote();
  method.local = access.local();
  return method;
}

}  // namespace

const MethodTable& MethodTable::Get() {
  static const MethodTable table;
  return table;
}

MethodTable::MethodTable() {
  for (const auto* file : ServiceFiles()) {
    for (int s = 0; s < file->service_count(); ++s) {
      const auto* service = file->service(s);
      for (int m = 0; m < service->method_count(); ++m) {
        methods_.push_back(Describe(*service->method(m)));
        methods_.back().index = methods_.size() - 1;
      }
    }
  }
  for (const Method& method : methods_) {
    by_name_.emplace(method.name, &method);
    by_service_.emplace(method.service, &method);
  }
}

const Method* MethodTable::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

Status MethodTable::Unknown(std::string_view name) const {
  const auto slash = name.rfind('/');
  if (name.empty() || name[0] != '/' || slash == 0) {
    return {Code::kUnimplemented, "malformed method name: \"" + std::string(name) + "\""};
  }
  const auto service = name.substr(1, slash - 1);
  if (!by_service_.contains(service)) return UnknownService(service);
  return {Code::kUnimplemented, "unknown method " + std::string(name.substr(slash + 1)) +
                                    " for service " + std::string(service)};
}

Status MethodTable::UnknownService(std::string_view service) {
  return {Code::kUnimplemented, "unknown service " + std::string(service)};
}

}  // namespace swarm::rpc
