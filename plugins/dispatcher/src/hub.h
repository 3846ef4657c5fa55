// The dispatcher while it leads: which nodes are there, what each has been told, what they report.
//
// One subscription to the store serves all nodes: each event goes to the node it is about, so its
// cost does not grow with the number of nodes or tasks.
// Threading: [loop], the dispatcher's own.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "component/poster.h"
#include "node_record.h"
#include "options.h"
#include "swarm/consensus.h"
#include "swarm/log.h"
#include "swarm/plugin.h"
#include "swarm/rpc.h"
#include "swarm/store.h"
#include "write_queue.h"

namespace swarm::dispatcher {

class Hub : public std::enable_shared_from_this<Hub> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    Runtime& runtime;
    Logger log;
    Store& store;
    WriterPtr writer;
    Consensus* consensus;  // null: this node is the only manager
    NodeInfo node;
    Options options;
  };
  explicit Hub(Parts parts);

  void Start();
  // Ends every stream and forgets every node. Idempotent.
  void Stop();

  void Session(ServerStreamPtr stream, const pb::SessionRequest& request);
  void Heartbeat(const CallContext& context, const pb::HeartbeatRequest& request, UnaryReply reply);
  void UpdateTaskStatus(const CallContext& context, const pb::UpdateTaskStatusRequest& request,
                        UnaryReply reply);
  void UpdateVolumeStatus(const CallContext& context, const pb::UpdateVolumeStatusRequest& request,
                          UnaryReply reply);
  void Assignments(ServerStreamPtr stream, const pb::AssignmentsRequest& request);
  void Tasks(ServerStreamPtr stream, const pb::TasksRequest& request);

  // The period to hand out next.
  Duration DrawPeriod();

 private:
  // hub.cpp: the cluster, its managers, and events of the store
  void ReadCluster(const pb::Cluster& cluster);
  void PollManagers();
  void PublishCommon(pb::SessionMessage common);
  std::vector<pb::WeightedPeer> Managers() const;
  // What sessions are told, with the managers as they are now.
  pb::SessionMessage WithManagers() const;
  void OnCommit(const Commit& commit);
  void OnTaskEvent(const Event& event, const Commit& commit, const Reader& view);
  void OnNodeEvent(const Event& event);
  void OnVolumeEvent(const Event& event, const Commit& commit, const Reader& view);
  void Touch(const std::shared_ptr<Assignee>& assignee);

  // sessions.cpp: registration, heartbeats, nodes that are gone
  Result<std::string> CallerOf(const CallContext& context) const;
  Result<NodeRecord*> Check(const CallContext& context, const std::string& session_id);
  Status CheckRate(NodeRecord* record) const;
  std::string AddressOf(const CallContext& context) const;
  NodeReport ReadyReport(const CallContext& context, const pb::SessionRequest& request) const;
  void Register(const std::string& node_id, ServerStreamPtr stream);
  void OpenSession(NodeRecord* record, ServerStreamPtr stream);
  Payload SessionMessage(const NodeRecord& record) const;
  void MarkUnknown(const std::shared_ptr<const pb::Node>& node);
  void Arm(NodeRecord* record, Duration grace);
  void OnDeadline(const std::string& node_id);
  void Drop(const std::string& node_id, const Status& why);
  void MarkDown(const std::string& node_id);
  void Orphan(const std::string& node_id);

  // assigning.cpp
  void Assign(ServerStreamPtr stream, const std::string& session_id, bool tasks_only);
  Feed::Parts FeedParts(Duration interval) const;
  NodeRecord* Find(const std::string& node_id);

  Parts parts_;
  std::unique_ptr<Random> random_;
  std::shared_ptr<WriteQueue> writes_;
  std::unique_ptr<Subscription> subscription_;
  std::unordered_map<std::string, std::unique_ptr<NodeRecord>> nodes_;
  std::unordered_map<std::string, std::unique_ptr<Timer>> down_;  // until their tasks are orphaned
  pb::SessionMessage common_;  // what every session is told alike
  Duration period_{};
  std::unique_ptr<Timer> poll_;
  std::vector<std::shared_ptr<Assignee>> touched_;  // during one commit
  bool stopped_ = false;
};

}  // namespace swarm::dispatcher
