// A node's side of the dispatcher protocol: one session with a manager, tasks assigned through it,
// their status reported back. Instance scope: a process may run many.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/executor.h"
#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/plugin.h"
#include "swarm/rpc.h"

namespace swarm {

struct Peer {
  std::string node_id;
  std::string address;
  friend bool operator==(const Peer&, const Peer&) = default;
};

// The managers an agent may talk to; implemented by the node life cycle.
// Threading: [any].
class SWARM_EXPORT ManagerSource {
 public:
  virtual ~ManagerSource();
  // A channel to some manager, preferring this node's own; null when none is known.
  virtual std::shared_ptr<Channel> Select() noexcept = 0;
  // How the last use of Select's channel went; steers the next choice.
  virtual void Report(const std::shared_ptr<Channel>& channel, bool good) noexcept = 0;
  // The complete list a manager has sent; never empty.
  virtual void SetManagers(std::vector<Peer> managers) noexcept = 0;
  // This node's own manager, in memory; null while it is none.
  virtual std::shared_ptr<Channel> Local() noexcept { return nullptr; }
  // A manager elsewhere for the caller to dial, drawn by how well each has done; nothing when none
  // is known. ReportRemote tells how it went.
  virtual std::optional<Peer> PickRemote() noexcept { return std::nullopt; }
  virtual void ReportRemote(const Peer&, bool /*good*/) noexcept {}
};

// What the agent tells the node. Threading: called on the agent's loop; must not block.
class SWARM_EXPORT AgentEvents {
 public:
  virtual ~AgentEvents();
  // A session is up (again).
  virtual void OnSession() noexcept = 0;
  // One could not be opened, or has ended.
  virtual void OnSessionEnd(const Status&) noexcept {}
  // The node object changed in more than status or meta.
  virtual void OnNode(const pb::Node& node) noexcept = 0;
  // The cluster's trust roots changed.
  virtual void OnRootCa(const std::string& roots_pem) noexcept = 0;
};

// How an instance of the agent differs from others.
struct AgentParameters final : InstanceParameters {
  std::string node_id;
  std::string hostname;   // empty: the executor's
  std::string state_dir;  // <state>/worker; made if absent; empty: nothing is kept
  std::shared_ptr<ManagerSource> managers;
  std::shared_ptr<AgentEvents> events;
  pb::NodeTLSInfo tls_info;
  // Offered by this node besides what the executors describe.
  std::vector<pb::GenericResource> generic_resources;
  // Borrowed; the first is the default. A task picks another by name with the label
  // "swarm.executor".
  std::vector<std::pair<std::string, Executor*>> executors;
};

// Threading: [any].
class SWARM_EXPORT Agent {
 public:
  virtual ~Agent();
  // Removes every task from this node, then calls `done`. Stop alone leaves them running.
  virtual void Leave(Function<void(Status)> done) noexcept = 0;
  virtual void SetTlsInfo(pb::NodeTLSInfo info) noexcept = 0;
};

inline constexpr std::string_view kAgentRole = "agent/1";

}  // namespace swarm
