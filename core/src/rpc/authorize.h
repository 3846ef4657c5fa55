// Who a caller on the remote listener counts as, and whether it may call a method. The rules and
// the texts of refusals are SwarmKit's; clients and peers know them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "rpc/method_table.h"
#include "swarm/export.h"
#include "swarm/rpc.h"

namespace swarm::rpc {

inline constexpr std::string_view kManagerRole = "swarm-manager";
inline constexpr std::string_view kWorkerRole = "swarm-worker";

// Metadata by which one manager tells another for whom it calls.
namespace forwarding {
inline constexpr std::string_view kCert = "forwarded_cert";
inline constexpr std::string_view kCommonName = "forwarded_cert_cn";
inline constexpr std::string_view kOrganization = "forwarded_cert_org";
inline constexpr std::string_view kOrganizationalUnit = "forwarded_cert_ou";
inline constexpr std::string_view kRemoteAddress = "remote_addr";
}  // namespace forwarding

// Whether a node was removed from the cluster. Called for every call, on any thread.
using Blacklist = std::function<bool(std::string_view node_id)>;

struct Policy {
  std::string organization;  // the cluster; empty: not known yet, nobody is authorised
  Blacklist removed;         // null: nobody is
};

// The outcome when the call is allowed.
struct Effective {
  // False: the transport's view of the caller holds, and the fields below mean nothing.
  bool changed = false;
  std::optional<Identity> caller;
  std::string remote_address;
};

// PermissionDenied with SwarmKit's text when the caller may not call. A method open to anonymous
// callers refuses nobody, but shows its handler only callers that would pass elsewhere.
SWARM_EXPORT Result<Effective> Authorize(const Method& method, const Policy& policy,
                                         const std::optional<Identity>& peer,
                                         const std::string& peer_address, const Metadata& metadata);

}  // namespace swarm::rpc
