// gRPC's calling side: a channel to a listener inside of this process, behind which the transport
// does the dialling.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "swarm/export.h"
#include "swarm/rpc.h"

namespace swarm::rpc {

struct GrpcChannelOptions {
  std::string abstract_name;          // where to connect
  std::string authority;              // told to the server
  std::size_t max_receive_bytes = 0;  // 0: no limit
  // Why the last connection failed, for the texts of Unavailable; empty: it did not. Also keeps
  // alive what the channel needs.
  std::function<std::string()> last_error;
};

SWARM_EXPORT std::shared_ptr<Channel> MakeGrpcChannel(GrpcChannelOptions options);

}  // namespace swarm::rpc
