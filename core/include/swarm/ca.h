// Who this node is: its certificate, made or loaded. Implemented by plugins/ca; used by the node
// life cycle before anything else starts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "swarm/export.h"
#include "swarm/network.h"
#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm {

namespace pb = ::docker::swarmkit::v1;

struct NodeIdentity {
  std::string node_id;
  std::string cluster_id;
  pb::NodeRole role = pb::WORKER;
  std::shared_ptr<const Credentials> credentials;
  // Key of the root, only on the node that has just made the cluster; else empty.
  std::string root_key_pem;
  pb::NodeTLSInfo tls_info;
};

struct IdentityRequest {
  std::string state_dir;     // <state>; files lie in <state>/certificates
  std::string join_address;  // empty: load what is there, or make a new cluster
  std::string join_token;
  std::string unlock_key;  // SWMKEY-1-... or empty
};

// Keys that encrypt the log, kept in the headers of the node's key file.
struct LogKeys {
  std::string current;  // 32 bytes
  std::string pending;  // empty: none
};

// Threading: [blocking].
class SWARM_EXPORT IdentityProvider {
 public:
  virtual ~IdentityProvider();
  virtual Result<NodeIdentity> LoadOrCreate(const IdentityRequest& request) noexcept = 0;
  // Made on first use.
  virtual Result<LogKeys> LoadLogKeys(const IdentityRequest& request) noexcept = 0;
  // Managers are locked with `key` (raw bytes; empty: not locked) since `version` of the cluster
  // object: the key file follows. An older version and an equal key change nothing;
  // FailedPrecondition when the same version came with another key.
  virtual Status ChangeUnlockKey(std::string_view state_dir, std::string_view key,
                                 std::uint64_t version) noexcept = 0;
};

inline constexpr std::string_view kIdentityRole = "identity/1";

}  // namespace swarm
