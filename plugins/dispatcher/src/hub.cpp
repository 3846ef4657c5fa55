#include "hub.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

namespace swarm::dispatcher {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr std::string_view kDefaultCluster = "default";

bool IsOlder(const Commit& commit, Index since) { return commit.index && *commit.index <= since; }

}  // namespace

Hub::Hub(Parts parts)
    : parts_(std::move(parts)),
      random_(parts_.runtime.NewRandom()),
      period_(parts_.options.heartbeat_period) {
  writes_ = std::make_shared<WriteQueue>(
      WriteQueue::Parts{parts_.loop, parts_.post, parts_.runtime.clock(), parts_.log, parts_.writer,
                        parts_.node.node_id, parts_.options.flush_interval});
}

void Hub::Start() {
  WatchOptions options{{Table::kCluster, Table::kNode, Table::kTask, Table::kVolume}};
  auto [view, subscription] =
      parts_.store.ReadAndWatch(std::move(options), parts_.loop, [this](CommitPtr commit) {
        if (!stopped_) OnCommit(*commit);
      });
  subscription_ = std::move(subscription);
  if (auto clusters = view->Find<pb::Cluster>(By::Name(std::string(kDefaultCluster)));
      clusters.ok() && !clusters->empty()) {
    ReadCluster(*clusters->front());
  }
  PollManagers();
  auto nodes = view->Find<pb::Node>(By::All());
  if (!nodes.ok()) return;
  for (const auto& node : *nodes) {
    if (node->status().state() == pb::NodeStatus::DOWN) {
      MarkDown(node->id());
    } else {
      MarkUnknown(node);
    }
  }
}

void Hub::Stop() {
  if (std::exchange(stopped_, true)) return;
  subscription_.reset();
  poll_.reset();
  // Whom the agents turn to next may have become a manager since the list was last compared.
  common_ = WithManagers();
  const Status why(Code::kAborted, "node must disconnect");
  for (auto& [id, record] : nodes_) {
    for (auto& feed : std::exchange(record->sessions, {})) {
      feed->Finish(why, SessionMessage(*record));
    }
    record->EndStreams({Code::kCancelled, "dispatcher is stopped"});
  }
  nodes_.clear();
  down_.clear();
  writes_->Stop({Code::kAborted, "dispatcher is stopped"});
}

void Hub::ReadCluster(const pb::Cluster& cluster) {
  const auto& period = cluster.spec().dispatcher().heartbeat_period();
  // Too short a period would have every agent call all the time, and expire between two calls.
  constexpr Duration kFloor = std::chrono::milliseconds(100);
  Duration wanted = std::chrono::seconds(period.seconds()) + Duration(period.nanos());
  period_ = wanted > Duration::zero() ? std::max(wanted, kFloor) : parts_.options.heartbeat_period;
  pb::SessionMessage common = common_;
  common.set_rootca(cluster.root_ca().ca_cert());
  *common.mutable_network_bootstrap_keys() = cluster.network_bootstrap_keys();
  PublishCommon(std::move(common));
}

std::vector<pb::WeightedPeer> Hub::Managers() const {
  std::vector<pb::WeightedPeer> out;
  auto add = [&](const std::string& id, const std::string& address) {
    // An agent counts a manager without an address as absent, so it is left out.
    if (address.empty()) return;
    pb::WeightedPeer& peer = out.emplace_back();
    peer.mutable_peer()->set_node_id(id);
    peer.mutable_peer()->set_addr(address);
    peer.set_weight(parts_.options.manager_weight);
  };
  if (parts_.consensus) {
    for (const Member& member : parts_.consensus->Members()) {
      bool use_own = member.self && member.address.empty();
      add(member.node_id, use_own ? parts_.node.advertise_address : member.address);
    }
  }
  // Agents forget every manager that is not in the list, so it is never empty.
  if (out.empty()) add(parts_.node.node_id, parts_.node.advertise_address);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::pair(a.peer().node_id(), a.peer().addr()) <
           std::pair(b.peer().node_id(), b.peer().addr());
  });
  return out;
}

pb::SessionMessage Hub::WithManagers() const {
  pb::SessionMessage common = common_;
  common.clear_managers();
  for (auto& peer : Managers()) *common.add_managers() = std::move(peer);
  return common;
}

void Hub::PollManagers() {
  PublishCommon(WithManagers());
  poll_ = parts_.loop.After(parts_.options.manager_poll, [this] { PollManagers(); });
}

void Hub::PublishCommon(pb::SessionMessage common) {
  if (MessageDifferencer::Equals(common, common_)) return;
  common_ = std::move(common);
  for (auto& [id, record] : nodes_) {
    for (auto& feed : record->sessions) feed->Wake();
  }
}

void Hub::OnCommit(const Commit& commit) {
  ViewPtr view = parts_.store.Read();
  for (const Event& event : commit.events) {
    switch (event.table) {
      case Table::kTask:
        OnTaskEvent(event, commit, *view);
        break;
      case Table::kNode:
        OnNodeEvent(event);
        break;
      case Table::kVolume:
        OnVolumeEvent(event, commit, *view);
        break;
      case Table::kCluster:
        if (auto& cluster = static_cast<const pb::Cluster&>(*event.object);
            event.change != Change::kRemove &&
            cluster.spec().annotations().name() == kDefaultCluster) {
          ReadCluster(cluster);
        }
        break;
      default:
        break;
    }
  }
  for (auto& assignee : std::exchange(touched_, {})) {
    assignee->touched = false;
    if (assignee->set.has_changes()) assignee->feed->Wake();
  }
}

void Hub::OnTaskEvent(const Event& event, const Commit& commit, const Reader& view) {
  if (event.task->node_id.empty()) return;
  NodeRecord* record = Find(event.task->node_id);
  if (!record) return;
  for (auto& assignee : record->assignees) {
    if (IsOlder(commit, assignee->since)) continue;
    if (event.change == Change::kRemove) {
      assignee->set.OnTaskRemoved(*event.task);
    } else {
      assignee->set.OnTask(view, event.task);
    }
    Touch(assignee);
  }
}

void Hub::OnNodeEvent(const Event& event) {
  auto node = std::static_pointer_cast<const pb::Node>(event.object);
  if (event.change == Change::kRemove) {
    down_.erase(node->id());
    return Drop(node->id(), {Code::kNotFound, "node not registered"});
  }
  NodeRecord* record = Find(node->id());
  if (!record) return;
  bool newer =
      !record->node || record->node->meta().version().index() < node->meta().version().index();
  if (!newer) return;
  record->node = std::move(node);
  for (auto& feed : record->sessions) feed->Wake();
}

void Hub::OnVolumeEvent(const Event& event, const Commit& commit, const Reader& view) {
  const auto& volume = static_cast<const pb::Volume&>(*event.object);
  // A volume that is gone, or no longer names a node, is published nowhere.
  pb::Volume withdrawn;
  withdrawn.set_id(volume.id());
  auto tell = [&](const pb::Volume& about, const pb::Volume& state) {
    for (const auto& status : about.publish_status()) {
      NodeRecord* record = Find(status.node_id());
      if (!record) continue;
      for (auto& assignee : record->assignees) {
        if (IsOlder(commit, assignee->since)) continue;
        assignee->set.OnVolume(view, state);
        Touch(assignee);
      }
    }
  };
  bool removed = event.change == Change::kRemove;
  if (event.old_object) tell(static_cast<const pb::Volume&>(*event.old_object), volume);
  tell(volume, removed ? withdrawn : volume);
}

}  // namespace swarm::dispatcher
