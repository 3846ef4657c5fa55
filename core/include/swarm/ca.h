// Who this node is: its certificate, made or loaded. Implemented by plugins/ca; used by the node
// life cycle before anything else starts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/network.h"
#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm {

namespace pb = ::docker::swarmkit::v1;

class ManagerSource;

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
  // An expired certificate is good enough: the cluster it was for is about to be made anew.
  bool force_new_cluster = false;
};

// Keys that encrypt the log, kept in the headers of the node's key file.
struct LogKeys {
  std::string current;  // 32 bytes
  std::string pending;  // empty: none
  // The current key lay open once, and is to be replaced.
  bool rotation_wanted = false;
};

// Keeps a node's certificate valid while it exists: renews it in good time, when asked to, and
// until it has the wanted role. Threading: [any]. Destroying it ends the work soon; callbacks may
// still come until the provider has stopped.
class SWARM_EXPORT Renewal {
 public:
  virtual ~Renewal();
  // A new certificate soon; with a role, again and again until one of that role has come, and
  // none of another is reported.
  virtual void Renew(std::optional<pb::NodeRole> role) noexcept = 0;
  // What the cluster trusts from now on. Kept as it was, with a line in the log, when these are no
  // roots, or when the node's certificate does not lead to one of them.
  virtual void SetRoots(std::string roots_pem) noexcept = 0;
};

struct RenewalParts {
  std::string state_dir;
  NodeIdentity identity;                    // what is there now
  std::shared_ptr<ManagerSource> managers;  // whom to ask
  // [any] The certificate or the roots have changed, and are on disk.
  Function<void(NodeIdentity)> changed;
};

// Threading: [blocking], but not what takes `done`, which is [any].
class SWARM_EXPORT IdentityProvider {
 public:
  virtual ~IdentityProvider();
  // From the files, or newly made as the first node of a new cluster. NotFound: there is a join
  // address and no certificate yet, so Join is next.
  virtual Result<NodeIdentity> LoadOrCreate(const IdentityRequest& request) noexcept = 0;
  // Asks the cluster at the join address for a certificate and keeps it on disk. `done` on any
  // thread; errors say what is wrong and what to do. Ends with Cancelled when the provider stops.
  virtual void Join(const IdentityRequest& request,
                    Function<void(Result<NodeIdentity>)> done) noexcept = 0;
  virtual std::unique_ptr<Renewal> KeepValid(RenewalParts parts) noexcept = 0;
  // What the node proves now; null before it has a certificate. [any]
  virtual std::shared_ptr<const Credentials> Current(std::string_view state_dir) noexcept = 0;
  // Made on first use.
  virtual Result<LogKeys> LoadLogKeys(const IdentityRequest& request) noexcept = 0;
  // Replaces them, sealed as the rest of the key file is; both empty: the log is gone. `done` on
  // any thread, once they are on disk.
  virtual void SaveLogKeys(std::string_view state_dir, LogKeys keys,
                           Function<void(Status)> done) noexcept = 0;
  // Replacing the current key, when that is wanted. Begin: makes the pending one unless it is
  // there, and tells the keys; without a pending one nothing is to be replaced. End: `key`, the
  // pending one, is the current one now; it may be wanted again meanwhile. `done` on any thread,
  // once that is on disk.
  virtual void BeginLogKeyRotation(std::string_view state_dir,
                                   Function<void(Result<LogKeys>)> done) noexcept = 0;
  virtual void EndLogKeyRotation(std::string_view state_dir, std::string key,
                                 Function<void(Status)> done) noexcept = 0;
  // Managers are locked with `key` (raw bytes; empty: not locked) since `version` of the cluster
  // object: the key file follows. An older version and an equal key change nothing;
  // FailedPrecondition when the same version came with another key. `done` on any thread.
  virtual void ChangeUnlockKey(std::string_view state_dir, std::string key, std::uint64_t version,
                               Function<void(Status)> done) noexcept = 0;
};

inline constexpr std::string_view kIdentityRole = "identity/1";

}  // namespace swarm
